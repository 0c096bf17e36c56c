package jails

import (
	"net/netip"
	"pbxjail/jails/book"
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
}
