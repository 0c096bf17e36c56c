package jails

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// A ban by hand may name a network: it is protected if any part of it is.
func TestGuardProtectsNetworks(t *testing.T) {
	g := NewGuard([]netip.Addr{addr("192.0.2.1"), addr("2001:db8::1")}, []netip.Prefix{prefix("198.51.100.0/24")})
	for _, c := range []struct {
		prefix, want string
	}{
		{"203.0.113.0/24", ""},
		{"192.0.2.0/24", "an address of this machine"},
		{"192.0.0.0/8", "an address of this machine"},
		{"192.0.2.0/32", ""},
		{"198.51.100.128/25", "ignoreip 198.51.100.0/24"},
		{"198.51.0.0/16", "ignoreip 198.51.100.0/24"},
		{"2001:db8::/32", "an address of this machine"},
		{"2001:db9::/32", ""},
		{"0.0.0.0/0", "no packet from another machine can have this address"},
		{"::/0", "no packet from another machine can have this address"},
		{"127.0.0.0/8", "no packet from another machine can have this address"},
	} {
		if why, ok := g.Protects(prefix(c.prefix)); why != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, %t, want %q", c.prefix, why, ok, c.want)
		}
	}
	if _, ok := new(Guard).Protects(netip.Prefix{}); !ok {
		t.Error("no prefix at all: got it may be banned")
	}
}

// The first protection that overlaps is named, as if all were looked through.
func TestGuardNamesTheFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	some := func() netip.Prefix {
		a := netip.AddrFrom4([4]byte{20, byte(r.IntN(3)), byte(r.IntN(3)), byte(r.IntN(4))})
		return netip.PrefixFrom(a, 8+r.IntN(25)).Masked()
	}
	for range 200 {
		var list []Protection
		for i := range r.IntN(8) {
			list = append(list, Protection{Prefix: some(), Why: fmt.Sprint(i)})
		}
		g := NewGuard(nil, nil, list...)
		for range 50 {
			p, want := some(), ""
			if i := slices.IndexFunc(list, func(x Protection) bool { return x.Prefix.Overlaps(p) }); i >= 0 {
				want = list[i].Why
			}
			if got, ok := g.Protects(p); got != want || ok != (want != "") {
				t.Fatalf("%s among %v: got %q, %t, want %q", p, list, got, ok, want)
			}
		}
	}
}
