package packets

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// What cannot be in a rule is refused, with a hint.
func TestListsAreChecked(t *testing.T) {
	net := netip.MustParsePrefix("192.0.2.0/24")
	var many []netip.Prefix
	for i := range maxListed + 1 {
		many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
	}
	for _, l := range []List{
		{Name: `x" -j ACCEPT`, Prefixes: []netip.Prefix{net}}, {Name: "", Prefixes: []netip.Prefix{net}},
		{Name: "x", Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}, {Name: "x", Prefixes: []netip.Prefix{{}}},
		{Name: "x", Prefixes: []netip.Prefix{net}, Only: []Only{{Proto: "icmp"}}}, {Name: "x", Prefixes: many},
	} {
		for _, format := range Formats {
			got, err := Sheet{Lists: []List{l}, Chain: "pbxjail-sip", Hook: "raw", Family: 4}.Format(format)
			if err == nil || got != "" {
				t.Errorf("%s of %d networks, %s: got %q, want a refusal", l.Name, len(l.Prefixes), format, got)
			}
		}
	}
}

// A list alone, without any packet rule, is printed too: one rule a network.
func TestListAlone(t *testing.T) {
	l := List{Name: "x", Only: []Only{{Proto: "udp"}}}
	want := ""
	for i := range 30 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(i), 0}), 24)
		l.Prefixes = append(l.Prefixes, p)
		want += fmt.Sprintf("-A fpbxreject -s %s -p udp -m comment --comment \"list x\" -j DROP\n", p)
	}
	got, err := Sheet{Lists: []List{l}, Chain: "pbxjail-sip", Hook: "raw", Family: 4}.Format("freepbx")
	if err != nil || !strings.HasSuffix(got, "\n"+want) {
		t.Errorf("got %v\n%s\nwant at its end\n%s", err, got, want)
	}
}
