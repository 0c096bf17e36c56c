package jails

import (
	"net/netip"
	"time"

	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

const (
	maxProven = 16_384
	// provenFor is how long an answered challenge counts for its address.
	provenFor = 24 * time.Hour
)

// prove notes that the wire saw an address answer a challenge.
func (j *Judge) prove(e *parsers.Event, now time.Time) {
	if e.Addr.IsValid() && e.Evidence == parsers.Proven {
		j.proven.Put(recent.Addr(e.Addr.As16()), now.UnixMilli())
	}
}

// proved reports whether an address answered a challenge within provenFor.
func (j *Judge) proved(a netip.Addr, now time.Time) bool {
	at, ok := j.proven.Get(recent.Addr(a.As16()))
	return ok && now.Sub(time.UnixMilli(at)).Abs() < provenFor
}
