package jails

import (
	"net/netip"

	"pbxjail/jails/book"
	"pbxjail/jails/customer"
	"pbxjail/jails/recent"
)

// Feeds knows the lists of bad addresses that others publish. Its method may be called
// from any goroutine. It must not ask over the network, because a ban waits for it.
type Feeds interface {
	// Listed calls yield with the name of each feed that lists the address and has
	// a factor, and with that factor in thousandths, until it returns false. The
	// names come from the configuration.
	Listed(a netip.Addr, yield func(feed string, factor int32) bool)
}

// Places finds the country and the network of an address. Its method may be called from
// any goroutine. It must not ask over the network, nor take a lock that a writer holds for
// long, because a ban waits for it.
type Places interface {
	Place(a netip.Addr) book.Place
	// Version changes after each change of what Place answers.
	Version() uint64
}

// placesKnown are the places of the latest addresses: most attackers come again. Owned by
// one Judge.
type placesKnown struct {
	version uint64
	of      recent.Map[recent.Addr, book.Place]
	nowhere book.Place // stays zero
}

// maxPlaces is how many of them there are at least.
const maxPlaces = 2048

// where returns the country and the network of an address; the zero Place when they are
// not known. It is valid until the next call.
func (j *Judge) where(a netip.Addr) *book.Place {
	s, k := j.senses.Places, &j.places
	if s == nil {
		return &k.nowhere
	}
	if v := s.Version(); v != k.version || k.of.Max == 0 {
		*k = placesKnown{version: v, of: recent.Map[recent.Addr, book.Place]{Max: maxPlaces}}
	}
	a = customer.Scored(a)
	key := recent.Addr(a.As16())
	p := k.of.Find(key)
	if p == nil {
		p = k.of.At(key)
		*p = s.Place(a)
	}
	return p
}
