package wire

import (
	"net/netip"
	"time"
)

// familiar keeps the known addresses that we answer: phones that are logged in, and trunks.
// To wake up for each answer to them would cost more than everything else. Their packets
// are read a few times a second.
type familiar struct {
	known func(netip.Addr) bool
	last  map[netip.Addr]time.Time // when we sent something to it
	four  int                      // of them of IPv4
	dirty bool
	made  time.Time
}

const (
	familiarEvery = time.Second      // between two filters
	familiarFor   = 10 * time.Minute // without an answer
)

// sent notes that we sent something to an address.
func (f *familiar) sent(a netip.Addr, now time.Time) {
	if _, listed := f.last[a]; !listed {
		if f.full(a) || f.known == nil || !f.known(a) {
			return
		}
		f.dirty = true
		if a.Is4() {
			f.four++
		}
	}
	if f.last == nil {
		f.last = map[netip.Addr]time.Time{}
	}
	f.last[a] = now
}

// full reports whether the filter has no room for one more.
func (f *familiar) full(a netip.Addr) bool {
	if a.Is4() {
		return f.four >= maxFamiliar4
	}
	return len(f.last)-f.four >= maxFamiliar6
}

// review removes addresses that are no longer known, and those that got no answer for a
// long time.
func (f *familiar) review(now time.Time) {
	for a, last := range f.last {
		if f.known(a) && now.Sub(last) < familiarFor {
			continue
		}
		delete(f.last, a)
		f.dirty = true
		if a.Is4() {
			f.four--
		}
	}
}

// due reports whether it is time for another filter.
func (f *familiar) due(now time.Time) bool {
	if !f.dirty || now.Sub(f.made) < familiarEvery && !now.Before(f.made) {
		return false
	}
	f.dirty, f.made = false, now
	return true
}

func (f *familiar) addrs() []netip.Addr {
	list := make([]netip.Addr, 0, len(f.last))
	for a := range f.last {
		list = append(list, a)
	}
	return list
}
