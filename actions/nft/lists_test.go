package nft

import (
	"net/netip"
	"strings"
	"testing"

	"pbxjail/actions/kernel"
)

// TestIntervals: a list is as wide as its prefixes, and no wider.
func TestIntervals(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"192.0.2.0/24", "192.0.2.0-192.0.3.0"},
		{"192.0.2.0/25 192.0.2.128/25 192.0.2.7/32", "192.0.2.0-192.0.3.0"},
		{"10.0.0.0/8 192.0.2.1/32 192.0.2.3/32", "10.0.0.0-11.0.0.0 192.0.2.1-192.0.2.2 192.0.2.3-192.0.2.4"},
		{"255.255.255.255/32", "255.255.255.255-"},
		{"255.255.255.0/25 255.255.255.128/25", "255.255.255.0-"},
		{"::ffff:192.0.2.0/120 2001:db8::/32", "192.0.2.0-192.0.3.0"},
	} {
		var in []netip.Prefix
		for _, p := range strings.Fields(test.in) {
			in = append(in, netip.MustParsePrefix(p))
		}
		var got []string
		for _, part := range intervals(kernel.Listed(in, false)) {
			begin, _ := netip.AddrFromSlice(part[0].Key)
			text := begin.String() + "-"
			if len(part) == 2 {
				end, _ := netip.AddrFromSlice(part[1].Key)
				text += end.String()
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %v, want %s", test.in, got, test.want)
		}
	}
}
