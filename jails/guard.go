package jails

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"pbxjail/jails/customer"
	"pbxjail/parsers"
)

// Guard knows the addresses that are never banned: by no jail, and by hand only
// with force. The zero value protects the addresses that no packet from outside can have.
// Safe for concurrent use once it is made.
type Guard struct {
	protections []Protection
	table       bart.Table[int] // for each prefix the index of its first protection
}

// Protection is a prefix and the reason it is protected.
type Protection struct {
	Prefix netip.Prefix
	Why    string

	group protectionGroup
}

// protectionGroup is the source of a protection.
type protectionGroup uint8

const (
	trustedAddress protectionGroup = iota // by the caller
	ownAddress
	ignoredAddress
)

// NewGuard protects our own addresses, those of ignoreip, and further protections of the
// caller.
func NewGuard(own []netip.Addr, ignoreip []netip.Prefix, more ...Protection) *Guard {
	g := &Guard{}
	for _, a := range own {
		a = a.Unmap().WithZone("")
		g.protections = append(g.protections, Protection{netip.PrefixFrom(a, a.BitLen()), "an address of this machine", ownAddress})
	}
	for _, p := range ignoreip {
		g.protections = append(g.protections, Protection{p, "ignoreip " + p.String(), ignoredAddress})
	}
	g.protections = append(g.protections, more...)
	for i, x := range slices.Backward(g.protections) {
		g.table.Insert(x.Prefix, i)
	}
	return g
}

// Protects returns why no part of p may be banned; ok is false when it may be banned. A
// protected IPv4 address is protected behind a NAT64 too.
func (g *Guard) Protects(p netip.Prefix) (why string, ok bool) {
	if !parsers.Bannable(p.Addr()) {
		return "no packet from another machine can have this address", true
	}
	i := -1
	if g.table.OverlapsPrefix(p) { // most do not
		i = g.first(p)
	}
	if v4 := customer.ScoredIn(p); i < 0 && v4 != p {
		return g.Protects(v4)
	}
	if i < 0 {
		return "", false
	}
	return g.protections[i].Why, true
}

// first is the index of the first protection that overlaps p; -1 is none.
func (g *Guard) first(p netip.Prefix) int {
	first := -1
	for _, list := range []iter.Seq2[netip.Prefix, int]{g.table.Supernets(p), g.table.Subnets(p)} {
		for _, i := range list {
			if first < 0 || i < first {
				first = i
			}
		}
	}
	return first
}
