package actions

import "sync"

// dropSum adds up what chains counted, over repairs after which they begin at 0 again. The
// zero value has counted nothing. Its methods may be called from any goroutine.
type dropSum struct {
	mu    sync.Mutex
	last  map[string]Dropped // by chain
	total Dropped
	known bool // something was read
}

// take adds what was counted since the last call.
func (d *dropSum) take(now map[string]Dropped) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil {
		d.last = map[string]Dropped{}
	}
	d.known = true
	for chain, n := range now {
		more, last := n, d.last[chain]
		if n.Packets >= last.Packets && n.Bytes >= last.Bytes {
			more = Dropped{Packets: n.Packets - last.Packets, Bytes: n.Bytes - last.Bytes}
		}
		d.last[chain], d.total = n, d.total.Add(more)
	}
}

// Dropped is what the rules of bans and lists dropped, and never less than before. What was
// dropped between the last call and a repair of the rules is missing. known is false where
// the enforcer never counted: plain rules, which go with their bans, and observe.
func (s *Switch) Dropped() (total Dropped, known bool, err error) {
	s.mu.RLock()
	c, counts := s.now.(Counter)
	if counts {
		var now map[string]Dropped
		if now, err = c.Dropped(); err == nil {
			s.drops.take(now)
		}
	}
	s.mu.RUnlock()
	s.drops.mu.Lock()
	defer s.drops.mu.Unlock()
	return s.drops.total, s.drops.known, err
}
