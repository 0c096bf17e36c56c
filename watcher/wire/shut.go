package wire

import (
	"net/netip"
	"slices"
	"time"
)

// shut keeps the banned addresses that go on sending. Their packets cost nothing in user
// space once the kernel's filter has them. The filter is made again at most every
// shutEvery, and each address in it is checked again after shutAgain, so that packets of an
// unbanned address are read again soon.
type shut struct {
	banned func(netip.Addr) bool
	list   []shutOne // by time, the latest sender at the end
	dirty  bool
	made   time.Time
}

type shutOne struct {
	addr  netip.Addr
	since time.Time
}

const (
	shutEvery = 20 * time.Millisecond
	shutAgain = 30 * time.Second
	shutCheck = time.Second
	maxShut   = maxShut4 + maxShut6
)

// holds reports whether a source is banned, and notes it for the filter.
func (s *shut) holds(a netip.Addr, now time.Time) bool {
	if s.banned == nil || !s.banned(a) {
		return false
	}
	if !slices.ContainsFunc(s.list, func(o shutOne) bool { return o.addr == a }) {
		if len(s.list) >= maxShut {
			s.list = slices.Delete(s.list, 0, 1)
		}
		s.list = append(s.list, shutOne{a, now})
		s.dirty = true
	}
	return true
}

// review removes addresses that are no longer banned, and those whose time is over: if one
// still sends, it is added again at once.
func (s *shut) review(now time.Time) {
	before := len(s.list)
	s.list = slices.DeleteFunc(s.list, func(o shutOne) bool { return now.Sub(o.since) >= shutAgain || !s.banned(o.addr) })
	s.dirty = s.dirty || len(s.list) != before
}

// due returns the addresses for a new filter, when it is time for one.
func (s *shut) due(now time.Time) (list []netip.Addr, ok bool) {
	if !s.dirty || now.Sub(s.made) < shutEvery && !now.Before(s.made) {
		return nil, false
	}
	s.dirty, s.made = false, now
	return s.addrs(), true
}

// addrs are the latest senders first: where there is no room for all of them, the
// filter takes these.
func (s *shut) addrs() []netip.Addr {
	list := make([]netip.Addr, 0, len(s.list))
	for _, o := range slices.Backward(s.list) {
		list = append(list, o.addr)
	}
	return list
}
