package jails

import (
	"net/netip"
	"slices"
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
	hits       []hit  // by time; all of them lie within one findtime
	sum        int64  // of the points of all hits: no score is more
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

// witnesses is how many there are of one attempt where every log that Asterisk
// offers is followed: a jail that needs n lines holds so many times n hits.
const (
	witnesses = 8
	mostHits  = 4096
	// maxWitnesses is how many of one address are told apart, over all services.
	maxWitnesses = 64
)

// newWindow makes the window of a jail that needs this many lines for a ban.
func newWindow(findtime time.Duration, lines, max int) *window {
	return &window{findtime: findtime, max: max, maxHits: min(witnesses*lines, mostHits), index: map[addrKey]int32{}, tallies: make([]tally, 1)}
}

// add counts an event. A repeat that proves nothing new is not counted: the
// honest monitor that asks for an account we do not have asks for the same one.
func (w *window) add(a netip.Addr, h hit, line Line) *tally {
	t := w.tally(a, h.at)
	w.prune(t, h.at)
	if h.once && t.has(h) {
		return t
	}
	if extra := len(t.hits) - w.maxHits + 1; extra > 0 {
		t.keep(extra, len(t.hits))
	}
	i := len(t.hits)
	for i > 0 && t.hits[i-1].at > h.at {
		i--
	}
	t.hits = slices.Insert(t.hits, i, h)
	t.sum += int64(h.points)
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

// prune forgets what is findtime or more from a time. Clocks go back at times:
// hits that are later by less still count, those beyond are of a clock that was
// wrong. So all that is left lies within one findtime, with an event at that time.
func (w *window) prune(t *tally, at int64) {
	findtime := w.findtime.Milliseconds()
	first, end := 0, len(t.hits)
	for end > 0 && t.hits[end-1].at >= at+findtime {
		end--
	}
	for first < end && t.hits[first].at <= at-findtime {
		first++
	}
	if end-first < len(t.hits) {
		t.keep(first, end)
	}
}

// keep forgets all hits but those from first to before end.
func (t *tally) keep(first, end int) {
	for i := range t.hits {
		if i < first || i >= end {
			t.sum -= int64(t.hits[i].points)
		}
	}
	t.hits = append(t.hits[:0], t.hits[first:end]...)
}

// score sums the hits with at least this evidence.
func (t *tally) score(least parsers.Evidence) parsers.Points {
	var sums [maxWitnesses]struct {
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
func (t *tally) clear() { t.hits, t.last, t.sum = t.hits[:0], 0, 0 }

// tally finds or makes the tally of an address and puts it first in the list.
func (w *window) tally(a netip.Addr, at int64) *tally {
	key := addrKey(a.As16())
	i, ok := w.index[key]
	switch {
	case ok && w.tallies[0].next == i:
		return &w.tallies[i]
	case ok:
		w.unlink(i)
	default:
		i = w.slot(at)
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
	w.prune(t, now.UnixMilli())
	if len(t.hits) == 0 {
		return nil
	}
	return t
}

// forget clears the tallies of a prefix.
func (w *window) forget(p netip.Prefix) {
	if p.IsSingleIP() {
		if i, ok := w.index[addrKey(p.Addr().As16())]; ok {
			w.tallies[i].clear()
		}
		return
	}
	for key, i := range w.index {
		if p.Contains(netip.AddrFrom16(key).Unmap()) {
			w.tallies[i].clear()
		}
	}
}

// slot is a tally that nobody has. Only one whose hits still count is a loss.
func (w *window) slot(at int64) int32 {
	if len(w.index) >= w.max {
		i := w.tallies[0].prev
		t := &w.tallies[i]
		w.unlink(i)
		delete(w.index, t.key)
		if w.prune(t, at); len(t.hits) > 0 {
			w.evicted++
		}
		t.clear()
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
