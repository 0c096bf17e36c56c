package jails

import (
	"net/netip"
	"time"

	"pbxjail/jails/customer"
	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

// fetched knows which phone got a file from the web server, and where. A phone asks for several
// names, and most of them do not exist. Owned by one Judge; bounded, and kept in memory alone.
type fetched struct {
	phones recent.Map[fetchedKey, int64]  // unix ms
	at     recent.Map[recent.Addr, int64] // the last file that any phone got there
}

// fetchedKey is a phone, by the number of its MAC address, behind an address.
type fetchedKey struct {
	addr  recent.Addr
	phone uint32
}

const (
	maxFetched = 32_768
	// fetchedKept is how long a phone is known by its last file. Phones ask once a day, or after
	// a restart.
	fetchedKept = 30 * 24 * time.Hour
)

func newFetched() fetched {
	return fetched{recent.Map[fetchedKey, int64]{Max: maxFetched}, recent.Map[recent.Addr, int64]{Max: maxFetched}}
}

func (f *fetched) note(e *parsers.Event, phone uint32, now time.Time) {
	a := recent.AddrOf(customer.Home(e.Addr))
	f.phones.Put(fetchedKey{a, phone}, now.UnixMilli())
	f.at.Put(a, now.UnixMilli())
}

// knows reports whether a phone got a file at an address.
func (f *fetched) knows(a netip.Addr, phone uint32, now time.Time) bool {
	last, ok := f.phones.Get(fetchedKey{recent.AddrOf(customer.Home(a)), phone})
	return ok && now.UnixMilli()-last < fetchedKept.Milliseconds()
}

// any reports whether any phone did.
func (f *fetched) any(a netip.Addr, now time.Time) bool {
	last, ok := f.at.Get(recent.AddrOf(customer.Home(a)))
	return ok && now.UnixMilli()-last < fetchedKept.Milliseconds()
}
