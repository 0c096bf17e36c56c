package configs

import (
	"net/netip"
	"testing"
)

func TestParsePoints(t *testing.T) {
	for text, want := range map[string]Points{
		"5": 5000, "2.5": 2500, "0.001": 1, "1.05": 1050, "1000": 1_000_000, "007": 7000,
	} {
		if got, err := parsePoints(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "0.000", "-1", "+1", "1.", ".5", "1.0005", "1e3", "1_000", "0x10", "1000.001", "99999999999", "five"} {
		if got, err := parsePoints(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	for text, want := range map[string]string{
		"198.51.100.7":         "198.51.100.7/32",
		"198.51.100.0/24":      "198.51.100.0/24",
		"198.51.100.7/24":      "198.51.100.0/24",
		"0.0.0.0/0":            "0.0.0.0/0",
		"2001:db8::1":          "2001:db8::1/128",
		"2001:DB8::/32":        "2001:db8::/32",
		"::ffff:198.51.100.7":  "198.51.100.7/32",
		"::ffff:10.0.0.0/104":  "10.0.0.0/8",
		"::ffff:10.0.0.1/128":  "10.0.0.1/32",
		"::ffff:10.0.0.0/80":   "::/80", // wider than IPv4
		"::1":                  "::1/128",
		"fe80::/10":            "fe80::/10",
		"255.255.255.255/32":   "255.255.255.255/32",
		"2001:db8::ffff/127":   "2001:db8::fffe/127",
		"::ffff:0.0.0.0/96":    "0.0.0.0/0",
		"64:ff9b::192.0.2.1/0": "::/0",
	} {
		got, err := parsePrefix(text)
		if err != nil || got != netip.MustParsePrefix(want) {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "10", "10.0.0", "10.0.0.01", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "fe80::1%eth0", "pbx.example.net", "10.0.0.1:5060", "[::1]"} {
		if got, err := parsePrefix(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
