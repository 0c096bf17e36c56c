package main

import (
	"net/netip"
	"sync"
	"time"
)

// shut remembers since when addresses are banned for ports that no probe goes to. Many ask
// for it, so the kernel is asked now and then only. The zero value is ready; its methods may
// be called from any goroutine.
type shut struct {
	mu    sync.Mutex // guards all below
	at    time.Time
	first map[netip.Addr]time.Time // when an address was first asked about and found
	now   []netip.Prefix
}

const shutAgain = 200 * time.Millisecond

func (s *shut) since(addr netip.Addr, ask func() []netip.Prefix) (since time.Time, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.at) >= shutAgain {
		s.at, s.now = now, ask()
	}
	for _, p := range s.now {
		if p.Contains(addr) {
			if s.first == nil {
				s.first = map[netip.Addr]time.Time{}
			}
			if s.first[addr].IsZero() {
				s.first[addr] = s.at
			}
			return s.first[addr], true
		}
	}
	return time.Time{}, false
}
