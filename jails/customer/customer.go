package customer

import "net/netip"

// DefaultBits is how long the prefix of one IPv6 customer is, in bits. A line has a
// /64 at the least (RFC 6177), and its owner can use a new address for each attempt.
const DefaultBits = 64

// Of is the prefix, with that many bits, of the customer that has an address; ok is false
// where an address counts alone: IPv4, NAT64, and all of IPv6 if a customer has one
// address.
func Of(a netip.Addr, bits int) (p netip.Prefix, ok bool) {
	if !a.Is6() || a.Is4In6() || bits >= a.BitLen() {
		return netip.Prefix{}, false
	}
	p, err := a.Prefix(bits)
	return p, err == nil && !Many(p)
}

// Home is the address under which a customer is known.
func Home(a netip.Addr) netip.Addr {
	if a.Is4() { // most are
		return a
	}
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, _ := a.Prefix(DefaultBits)
	if Many(p) {
		return a
	}
	return p.Addr()
}
