package customer

import (
	"net/netip"
	"testing"
)

func TestIPv4In(t *testing.T) {
	for _, c := range []struct{ addr, want string }{
		{"64:ff9b::192.0.2.33", "192.0.2.33"}, // RFC 6052 2.4
		{"64:ff9b::", ""},
		{"64:ff9b::127.0.0.1", ""},
		{"64:ff9b:0:0:0:1:c000:221", ""},
		{"64:ff9b:1:c000:2:2100::", "192.0.2.33"},    // a /48
		{"64:ff9b:1:2c0:0:221::", "192.0.2.33"},      // a /56
		{"64:ff9b:1:2:c0:2:2100:0", "192.0.2.33"},    // a /64
		{"64:ff9b:1:2::192.0.2.33", "192.0.2.33"},    // a /96
		{"64:ff9b:1:2:0:3:192.0.2.33", "192.0.2.33"}, // a /96 with more before
		{"64:ff9b:1:2:fe00:3:192.0.2.33", ""},        // no prefix of RFC 6052
		{"64:ff9b:2::192.0.2.33", ""}, {"2001:db8::1", ""}, {"192.0.2.33", ""}, {"::ffff:192.0.2.33", ""},
	} {
		want := netip.Addr{}
		if c.want != "" {
			want = netip.MustParseAddr(c.want)
		}
		if got, ok := ipv4In(netip.MustParseAddr(c.addr)); ok && got != want || ok != (c.want != "") {
			t.Errorf("%s: got %s %v, want %s", c.addr, got, ok, c.want)
		}
	}
}
