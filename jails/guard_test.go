package jails

import (
	"net/netip"
	"testing"
)

// A ban by hand may name a network: it is protected if any part of it is.
func TestGuardProtectsNetworks(t *testing.T) {
	g := NewGuard([]netip.Addr{addr("192.0.2.1"), addr("2001:db8::1")}, []netip.Prefix{prefix("198.51.100.0/24")})
	for _, c := range []struct {
		prefix, want string
	}{
		{"203.0.113.0/24", ""},
		{"192.0.2.0/24", "our own address"},
		{"192.0.0.0/8", "our own address"},
		{"192.0.2.0/32", ""},
		{"198.51.100.128/25", "ignoreip 198.51.100.0/24"},
		{"198.51.0.0/16", "ignoreip 198.51.100.0/24"},
		{"2001:db8::/32", "our own address"},
		{"2001:db9::/32", ""},
		{"0.0.0.0/0", "no packet from elsewhere has this address"},
		{"::/0", "no packet from elsewhere has this address"},
		{"127.0.0.0/8", "no packet from elsewhere has this address"},
	} {
		if why, ok := g.Protects(prefix(c.prefix)); why != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, %t, want %q", c.prefix, why, ok, c.want)
		}
	}
	if _, ok := new(Guard).Protects(netip.Prefix{}); !ok {
		t.Error("no prefix at all: got it may be banned")
	}
}
