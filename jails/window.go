package jails

import (
	"net/netip"
	"time"

	"pbxjail/parsers"
)

// window remembers what each address did within findtime, and how much that is
// worth. Owned by one Judge. The attacker chooses the number of addresses, so it
// holds a fixed number: the one that was quiet the longest makes room.
type window struct {
	findtime time.Duration
	maxHits  int // of one address; the oldest makes room
	max      int // addresses
	index    map[addrKey]int32
	tallies  []tally // by index; tallies[0] heads the list, from the latest to the quietest
	lines    ring
	evicted  uint64
}

// addrKey is an address without the pointer netip.Addr carries for zones, so that
// the collector need not look into a table of them.
type addrKey [16]byte

// tally is one address in one jail.
type tally struct {
	key        addrKey
	prev, next int32
	last       lineID // the latest line of this address in the ring
	hits       []hit  // in the order they were judged
}

// hit is one event that counted. 24 bytes: it is what memory is spent on.
type hit struct {
	at       int64 // unix milliseconds
	points   parsers.Points
	account  uint32 // hash of the account
	witness  witness
	evidence parsers.Evidence
	once     bool
}

// witness is who told: one attempt is told in several logs, by several modules,
// and must count once. The hits of each witness add up; of a service's witnesses
// the one that tells most is believed; services add up.
type witness struct {
	source  uint16
	channel parsers.Channel
	service parsers.Service
}

const (
	minHits  = 32
	mostHits = 4096
)

func newWindow(findtime time.Duration, maxretry parsers.Points, max int) *window {
	return &window{
		findtime: findtime, max: max, maxHits: min(minHits+4*int(maxretry/parsers.Point), mostHits),
		index: map[addrKey]int32{}, tallies: make([]tally, 1),
	}
}

// add counts an event. A repeat that proves nothing new is not counted: the
// honest monitor that asks for an account we do not have asks for the same one.
func (w *window) add(a netip.Addr, h hit, line Line) *tally {
	t := w.tally(a)
	t.prune(h.at - w.findtime.Milliseconds())
	if h.once && t.has(h) {
		return t
	}
	if len(t.hits) == w.maxHits {
		t.hits = append(t.hits[:0], t.hits[1:]...)
	}
	t.hits = append(t.hits, h)
	t.last = w.lines.put(line, t.last)
	return t
}

func (t *tally) has(h hit) bool {
	for i := range t.hits {
		if o := &t.hits[i]; o.account == h.account && o.witness == h.witness && o.once {
			return true
		}
	}
	return false
}

// prune forgets what is as old as findtime. Clocks of replayed logs go back at
// times, so every hit is looked at.
func (t *tally) prune(before int64) {
	keep := t.hits[:0]
	for _, h := range t.hits {
		if h.at > before {
			keep = append(keep, h)
		}
	}
	t.hits = keep
}

// score sums the hits with at least this evidence.
func (t *tally) score(least parsers.Evidence) parsers.Points {
	var sums [24]struct {
		witness witness
		points  parsers.Points
	}
	n := 0
next:
	for i := range t.hits {
		h := &t.hits[i]
		if h.evidence < least {
			continue
		}
		for k := range n {
			if sums[k].witness == h.witness {
				sums[k].points += h.points
				continue next
			}
		}
		if n < len(sums) {
			sums[n].witness, sums[n].points = h.witness, h.points
			n++
		}
	}
	var total parsers.Points
	for i := range n {
		best := true
		for k := range n {
			if sums[k].witness.service == sums[i].witness.service && (sums[k].points > sums[i].points || sums[k].points == sums[i].points && k < i) {
				best = false
			}
		}
		if best {
			total += sums[i].points
		}
	}
	return total
}

// clear forgets an address's hits: it was decided on them.
func (t *tally) clear() { t.hits, t.last = t.hits[:0], 0 }

// tally finds or makes the tally of an address and puts it first in the list.
func (w *window) tally(a netip.Addr) *tally {
	key := addrKey(a.As16())
	i, ok := w.index[key]
	if ok {
		w.unlink(i)
	} else {
		i = w.slot()
		w.index[key] = i
		w.tallies[i].key = key
	}
	head := &w.tallies[0]
	t := &w.tallies[i]
	t.prev, t.next = 0, head.next
	w.tallies[head.next].prev = i
	head.next = i
	return t
}

// find returns an address's tally at a time, or nil.
func (w *window) find(a netip.Addr, now time.Time) *tally {
	i, ok := w.index[addrKey(a.As16())]
	if !ok {
		return nil
	}
	t := &w.tallies[i]
	t.prune(now.UnixMilli() - w.findtime.Milliseconds())
	if len(t.hits) == 0 {
		return nil
	}
	return t
}

func (w *window) slot() int32 {
	if len(w.index) >= w.max {
		i := w.tallies[0].prev
		w.unlink(i)
		delete(w.index, w.tallies[i].key)
		w.tallies[i].clear()
		w.evicted++
		return i
	}
	w.tallies = append(w.tallies, tally{})
	return int32(len(w.tallies) - 1)
}

func (w *window) unlink(i int32) {
	t := &w.tallies[i]
	w.tallies[t.prev].next = t.next
	w.tallies[t.next].prev = t.prev
}
