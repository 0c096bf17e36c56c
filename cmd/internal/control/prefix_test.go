package control

import (
	"net/netip"
	"testing"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.7/32":           "203.0.113.7/32",
		"203.0.113.7/24":           "203.0.113.0/24",
		"2001:db8::5/64":           "2001:db8::/64",
		"::ffff:203.0.113.7/128":   "203.0.113.7/32",
		"::ffff:203.0.113.7/120":   "203.0.113.0/24",
		"::ffff:203.0.113.7/96":    "0.0.0.0/0",
		"::ffff:203.0.113.7/95":    "",
		"::203.0.113.7/128":        "::cb00:7107/128",
		"64:ff9b::203.0.113.7/128": "64:ff9b::cb00:7107/128",
	} {
		got, err := Canonical(netip.MustParsePrefix(in))
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%s: got %v, %v, want %q", in, got, err, want)
		}
	}
	if _, err := Canonical(netip.Prefix{}); err == nil {
		t.Error("the zero prefix was accepted")
	}
}
