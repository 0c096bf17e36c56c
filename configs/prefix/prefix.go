// Package prefix writes addresses and networks in one way, so that equal ones are
// equal values: IPv4 inside IPv6 as IPv4, no zone, no bits beyond the network. Every
// package calls it. It must never refuse or widen: its callers decide what may be banned,
// trusted or read.
package prefix

import "net/netip"

// mapped is the length of the network of IPv4 inside IPv6: RFC 4291 2.5.5.2. Asterisk
// on a socket of both families logs phones so, and the kernel sees IPv4.
const mapped = 96

// Addr is a as the kernel sees it: IPv4 inside IPv6 as IPv4, without a zone. The zero
// Addr stays zero.
func Addr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Of is the network of one address.
func Of(a netip.Addr) netip.Prefix {
	a = Addr(a)
	return netip.PrefixFrom(a, a.BitLen())
}

// Unmap is p as the kernel sees it: a network of IPv4 inside IPv6 as one of IPv4,
// masked. A Mixed one stays IPv6. An invalid one becomes the zero Prefix.
func Unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked()
}

// Parse reads an address or a network. An address becomes the network of that one address.
func Parse(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a.WithZone(""), a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// Mixed reports whether p is written as IPv4 inside IPv6 but is wider than all of IPv4. That
// is a mistake of its writer: no ban can be that wide.
func Mixed(p netip.Prefix) bool { return p.Addr().Is4In6() && p.Bits() < mapped }

// Without returns outer without its part inner, as few networks as possible, the widest
// first. The list is empty if inner is all of outer, or not in outer.
func Without(outer, inner netip.Prefix) (rest []netip.Prefix) {
	if !outer.Contains(inner.Addr()) {
		return nil
	}
	for bits := outer.Bits() + 1; bits <= inner.Bits(); bits++ {
		kept, _ := inner.Addr().Prefix(bits)
		b := kept.Addr().AsSlice()
		b[(bits-1)/8] ^= 1 << (7 - (bits-1)%8)
		other, _ := netip.AddrFromSlice(b)
		rest = append(rest, netip.PrefixFrom(other, bits))
	}
	return rest
}
