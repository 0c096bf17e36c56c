package customer

import (
	"net/netip"

	"pbxjail/parsers"
)

// The networks of IPv6 whose addresses contain an IPv4 address: what looks like one network
// there is many customers.
var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052 2.1
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215: each operator has its own
	teredo     = netip.MustParsePrefix("2001::/32")      // RFC 4380 4: one /64 is all clients of one server
)

// Many reports whether any of p belongs to a network in which an address says
// nothing of its neighbours. Such a network is never banned by what its addresses do.
func Many(p netip.Prefix) bool {
	return p.Overlaps(nat64) || p.Overlaps(nat64Local) || p.Overlaps(teredo)
}

// ipv4In reads the IPv4 address in one of NAT64; ok is false for any other address, and
// where the IPv4 address cannot be read.
func ipv4In(a netip.Addr) (v4 netip.Addr, ok bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	switch {
	case b[0] != 0 || b[1] != 0x64: // most addresses end here
		return netip.Addr{}, false
	case nat64.Contains(a):
		v4 = netip.AddrFrom4([4]byte(b[12:]))
	case nat64Local.Contains(a):
		v4 = ipv4InLocal(b)
	}
	return v4, v4.IsValid() && parsers.Bannable(v4)
}

// ipv4InLocal reads the IPv4 address in one of 64:ff9b:1::/48. How long the prefix of a
// translator is shows in where the zeros are: RFC 6052 2.2 fills the rest with them, and
// keeps byte 8 zero. The zero Addr means that it cannot be read.
func ipv4InLocal(b [16]byte) netip.Addr {
	zero := func(from int) bool { return [16]byte(b) == clearedFrom(b, from) }
	switch {
	case b[9] == 0 && b[10] == 0 && b[11] == 0 && !zero(12): // /96
		return netip.AddrFrom4([4]byte(b[12:]))
	case b[8] != 0:
		return netip.Addr{}
	case zero(11): // /48
		return netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]})
	case zero(12): // /56
		return netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]})
	case zero(13): // /64
		return netip.AddrFrom4([4]byte{b[9], b[10], b[11], b[12]})
	}
	return netip.AddrFrom4([4]byte(b[12:])) // /96
}

func clearedFrom(b [16]byte, from int) [16]byte {
	clear(b[from:])
	return b
}

// Scored is the address under which is added up what an address does: of NAT64 the
// IPv4 address in it.
func Scored(a netip.Addr) netip.Addr {
	if v4, ok := ipv4In(a); ok {
		return v4
	}
	return a
}

// ScoredIn is the prefix that holds what the addresses of p are scored as.
func ScoredIn(p netip.Prefix) netip.Prefix {
	if p.IsSingleIP() {
		a := Scored(p.Addr())
		return netip.PrefixFrom(a, a.BitLen())
	}
	if p.Bits() >= nat64.Bits() && nat64.Contains(p.Addr()) {
		b := p.Addr().As16()
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(b[12:])), p.Bits()-nat64.Bits())
	}
	return p
}
