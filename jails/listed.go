package jails

import (
	"net/netip"
	"pbxjail/jails/book"
)

// Feeds knows the lists of bad addresses that others keep. Its method may be
// called from any goroutine, and asks nobody: it stands between a line and its ban.
type Feeds interface {
	// Listed calls yield with the name of each feed that lists the address and has
	// a factor, and with that factor in thousandths, until it returns false. The
	// names are the admin's own words.
	Listed(a netip.Addr, yield func(feed string, factor int32) bool)
}

// Places finds the place of an address. Its method may be called from any
// goroutine, takes no lock that a writer holds for long, and asks nobody: it
// stands between a line and its ban.
type Places interface {
	Place(a netip.Addr) book.Place
}
