package prefix

import (
	"net/netip"
	"testing"
)

// TestWithout: the rest and what was taken out are all of the network, and share nothing.
func TestWithout(t *testing.T) {
	for _, c := range []struct{ outer, inner string }{
		{"198.51.100.0/24", "198.51.100.7/32"}, {"198.51.100.0/24", "198.51.100.255/32"}, {"45.0.0.0/8", "45.1.2.0/24"},
		{"2001:db8::/32", "2001:db8:1:2::/64"}, {"2001:db8::/127", "2001:db8::1/128"},
	} {
		outer, inner := netip.MustParsePrefix(c.outer), netip.MustParsePrefix(c.inner)
		rest := Without(outer, inner)
		if len(rest) != inner.Bits()-outer.Bits() {
			t.Errorf("%s without %s: got %v", c.outer, c.inner, rest)
		}
		left := 1.0
		for i, p := range rest {
			left -= 1 / float64(uint64(1)<<min(p.Bits()-outer.Bits(), 62))
			if p != p.Masked() || p.Overlaps(inner) || !outer.Contains(p.Addr()) {
				t.Errorf("%s without %s: got %s", c.outer, c.inner, p)
			}
			for _, o := range rest[:i] {
				if o.Overlaps(p) {
					t.Errorf("%s overlaps %s", o, p)
				}
			}
		}
		if want := 1 / float64(uint64(1)<<min(inner.Bits()-outer.Bits(), 62)); left != want {
			t.Errorf("%s without %s: %v are left, want %v", c.outer, c.inner, left, want)
		}
	}
	same := netip.MustParsePrefix("198.51.100.0/24")
	if got := Without(same, same); got != nil {
		t.Errorf("got %v of a network without itself", got)
	}
	if got := Without(same, netip.MustParsePrefix("203.0.113.0/25")); got != nil {
		t.Errorf("got %v without a stranger", got)
	}
}
