package kernel

import (
	"net/netip"
	"testing"
	"time"
)

func TestCanonical(t *testing.T) {
	tests := []struct{ in, want string }{
		{"192.0.2.1/32", "192.0.2.1/32"},
		{"192.0.2.77/24", "192.0.2.0/24"},
		{"::ffff:192.0.2.77/120", "192.0.2.0/24"},
		{"::ffff:192.0.2.77/128", "192.0.2.77/32"},
		{"2001:db8::7/64", "2001:db8::/64"},
		{"::1/128", "::1/128"},
		{"::/1", "::/1"},
		{"0.0.0.0/0", ""},
		{"::/0", ""},
		{"::ffff:192.0.2.77/96", ""},
		{"::ffff:192.0.2.77/10", ""},
	}
	for _, test := range tests {
		got, err := Canonical(netip.MustParsePrefix(test.in))
		if (err == nil) != (test.want != "") || err == nil && got.String() != test.want {
			t.Errorf("%s: got %s, error %v, want %q", test.in, got, err, test.want)
		}
	}
	zoned := netip.PrefixFrom(netip.MustParseAddr("fe80::1%eth0"), 128)
	if got, err := Canonical(zoned); err != nil || got.String() != "fe80::1/128" {
		t.Errorf("got %s, error %v, want fe80::1/128", got, err)
	}
}

func TestSeconds(t *testing.T) {
	tests := []struct {
		in   time.Duration
		want uint32
	}{
		{0, 0},
		{1, 1},
		{time.Second, 1},
		{time.Second + 1, 2},
		{1500 * time.Millisecond, 2},
		{MaxTimeout - 1, 2147483},
		{MaxTimeout, 2147483},
		{MaxTimeout + 1, 2147483},
		{1<<63 - 1, 2147483},
	}
	for _, test := range tests {
		if got, err := Seconds(test.in); err != nil || got != test.want {
			t.Errorf("%s: got %d, error %v, want %d", test.in, got, err, test.want)
		}
	}
	if _, err := Seconds(-1); err == nil {
		t.Error("a negative bantime was taken")
	}
}
