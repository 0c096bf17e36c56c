package prefix

import (
	"net/netip"
	"testing"
)

func TestUnmap(t *testing.T) {
	tests := []struct{ in, want string }{
		{"192.0.2.7/32", "192.0.2.7/32"},
		{"192.0.2.7/24", "192.0.2.0/24"},
		{"2001:db8::7/64", "2001:db8::/64"},
		{"::ffff:192.0.2.7/128", "192.0.2.7/32"},
		{"::ffff:192.0.2.7/120", "192.0.2.0/24"},
		{"::ffff:192.0.2.7/96", "0.0.0.0/0"},
		{"::ffff:192.0.2.7/95", "::fffe:0:0/95"},
		{"::/0", "::/0"},
	}
	for _, tt := range tests {
		got := Unmap(netip.MustParsePrefix(tt.in))
		if got != netip.MustParsePrefix(tt.want) {
			t.Errorf("Unmap(%s): got %s, want %s", tt.in, got, tt.want)
		}
		if want := tt.want == "::fffe:0:0/95"; Mixed(netip.MustParsePrefix(tt.in)) != want {
			t.Errorf("Mixed(%s): got %v", tt.in, !want)
		}
		if Unmap(got) != got {
			t.Errorf("Unmap(%s) is another one: %s", got, Unmap(got))
		}
	}
	if got := Unmap(netip.Prefix{}); got.IsValid() {
		t.Errorf("got %s of nothing", got)
	}
}

func TestAddr(t *testing.T) {
	tests := []struct{ in, addr, whole string }{
		{"192.0.2.7", "192.0.2.7", "192.0.2.7/32"},
		{"::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7/32"},
		{"fe80::1%eth0", "fe80::1", "fe80::1/128"},
	}
	for _, tt := range tests {
		a := netip.MustParseAddr(tt.in)
		if got := Addr(a); got != netip.MustParseAddr(tt.addr) {
			t.Errorf("Addr(%s): got %s, want %s", a, got, tt.addr)
		}
		if got := Of(a); got != netip.MustParsePrefix(tt.whole) {
			t.Errorf("Of(%s): got %s, want %s", a, got, tt.whole)
		}
	}
	if got := Addr(netip.Addr{}); got.IsValid() {
		t.Errorf("got %s of nothing", got)
	}
	if got := Of(netip.Addr{}); got.IsValid() {
		t.Errorf("got %s of nothing", got)
	}
}

// FuzzUnmap: the result is stable, and never holds an address that the network did
// not hold.
func FuzzUnmap(f *testing.F) {
	f.Add("::ffff:192.0.2.7/120", "192.0.2.9")
	f.Add("2001:db8::/32", "::1")
	f.Add("::ffff:0:0/95", "10.0.0.1")
	f.Fuzz(func(t *testing.T, network, address string) {
		p, err := netip.ParsePrefix(network)
		if err != nil {
			return
		}
		a, err := netip.ParseAddr(address)
		if err != nil || a.Zone() != "" {
			return
		}
		u := Unmap(p)
		if Unmap(u) != u {
			t.Errorf("Unmap(%s) is not stable", p)
		}
		inside := p.Contains(a) || a.Is4() && p.Contains(netip.AddrFrom16(a.As16()))
		if u.Contains(a) && !inside {
			t.Errorf("%s holds %s, and %s does not", u, a, p)
		}
	})
}
