package jails

import (
	"net/netip"
	"slices"
)

// table remembers what addresses did, for all jails together. Owned by one Judge.
// The attacker chooses the number of addresses, so it holds a fixed number of
// tallies and of hits, and the quietest makes room. Tallies stand in two lists,
// each from the latest to the quietest: who did it again is warm, and makes room
// only when nobody is cold, so that a flood of addresses that come once does not
// wash out those who go on.
type table struct {
	max     int // tallies
	maxHeld int
	index   map[tallyKey]int32
	tallies []tally // by index; the first two head the lists
	unused  []int32
	warm    int // tallies in the warm list
	held    int // hits there is memory for
	tracked map[uint16]int
	evicted uint64 // tallies that still counted
}

const (
	cold = 0
	warm = 1
	// hitsEach is how many hits a tally may have room for, on the average.
	hitsEach = 4
)

// tallyKey is an address, or the first of a network, in a jail. It goes without
// the pointer netip.Addr carries for zones, so that the collector need not look
// into a table of them.
type tallyKey struct {
	addr addrKey
	jail uint16
}

type addrKey [16]byte

func keyOf(a netip.Addr, jail uint16) tallyKey { return tallyKey{addrKey(scoredAs(a).As16()), jail} }

func (k addrKey) address() netip.Addr { return netip.AddrFrom16(k).Unmap() }

func newTable(max int) *table {
	return &table{
		max: max, maxHeld: hitsEach * max, index: map[tallyKey]int32{}, tracked: map[uint16]int{},
		tallies: []tally{{prev: cold, next: cold}, {prev: warm, next: warm}},
	}
}

// add counts a hit within a span. It reports false for a repeat that proves
// nothing new: the honest monitor that asks for an account we do not have asks for
// the same one. line gives the number of the record that is kept with the hit.
func (w *table) add(key tallyKey, s span, h hit, line func() uint32) (*tally, bool) {
	t := w.tally(key, s, h.at)
	again, within := t.repeats(h, s)
	if h.once && within {
		return t, false
	}
	h.again = h.again || h.once && again
	h.line = line()
	if t.seen(h.witness) {
		w.heat(t)
	}
	if extra := len(t.hits) - s.most + 1; extra > 0 {
		t.keep(extra, len(t.hits))
	}
	i := len(t.hits)
	for i > 0 && t.hits[i-1].at > h.at {
		i--
	}
	before := cap(t.hits)
	t.hits = slices.Insert(t.hits, i, h)
	t.sum += int64(h.points)
	w.held += cap(t.hits) - before
	for w.held > w.maxHeld && w.evict(t, h.at) {
	}
	return t, true
}

// tally finds or makes the tally of a key, pruned to its span, and puts it first
// in its list.
func (w *table) tally(key tallyKey, s span, at int64) *tally {
	if i, ok := w.index[key]; ok {
		t := &w.tallies[i]
		t.prune(s.life, at)
		w.unlink(i)
		w.link(i, t.list())
		return t
	}
	i := w.slot(at)
	w.index[key] = i
	w.tracked[key.jail]++
	t := &w.tallies[i]
	*t = tally{key: key, life: s.life}
	w.link(i, cold)
	return t
}

// find returns the tally of a key at a time, or nil.
func (w *table) find(key tallyKey, s span, at int64) *tally {
	i, ok := w.index[key]
	if !ok {
		return nil
	}
	t := &w.tallies[i]
	t.prune(s.life, at)
	if len(t.hits) == 0 {
		return nil
	}
	return t
}

// heat moves a tally to the warm list, of which no more than half are. The
// quietest of them is cold again.
func (w *table) heat(t *tally) {
	if t.warm {
		return
	}
	i := w.index[t.key]
	w.unlink(i)
	t.warm = true
	w.link(i, warm)
	if w.warm++; w.warm <= max(1, w.max/2) {
		return
	}
	last := w.tallies[warm].prev
	w.unlink(last)
	w.tallies[last].warm = false
	w.warm--
	w.link(last, cold)
}

// slot is a tally that nobody has.
func (w *table) slot(at int64) int32 {
	if len(w.index) >= w.max {
		w.evict(nil, at)
	}
	if n := len(w.unused); n > 0 {
		i := w.unused[n-1]
		w.unused = w.unused[:n-1]
		return i
	}
	w.tallies = append(w.tallies, tally{})
	return int32(len(w.tallies) - 1)
}

// evict makes room by the quietest but one that is spared. It reports false when
// there is no other. Only one whose hits still count is a loss.
func (w *table) evict(spared *tally, at int64) bool {
	for _, list := range []int32{cold, warm} {
		i := w.tallies[list].prev
		if i != list && &w.tallies[i] == spared {
			i = w.tallies[i].prev
		}
		if i == list {
			continue
		}
		t := &w.tallies[i]
		if t.prune(t.life, at); len(t.hits) > 0 {
			w.evicted++
		}
		w.remove(i)
		return true
	}
	return false
}

// forget drops the tallies of all addresses of a prefix, in every jail.
func (w *table) forget(p netip.Prefix) {
	p = scoredIn(p)
	if p.IsSingleIP() {
		for jail := range w.tracked {
			w.drop(keyOf(p.Addr(), jail))
		}
		return
	}
	for key := range w.index {
		if p.Contains(key.addr.address()) {
			w.drop(key)
		}
	}
}

// forgetJail drops the tallies of a jail that is gone.
func (w *table) forgetJail(id uint16) {
	for key := range w.index {
		if key.jail == id {
			w.drop(key)
		}
	}
}

// drop forgets a key: it was decided on, or let out.
func (w *table) drop(key tallyKey) {
	if i, ok := w.index[key]; ok {
		w.remove(i)
	}
}

func (w *table) remove(i int32) {
	t := &w.tallies[i]
	w.unlink(i)
	if t.warm {
		w.warm--
	}
	w.held -= cap(t.hits)
	delete(w.index, t.key)
	if w.tracked[t.key.jail]--; w.tracked[t.key.jail] == 0 {
		delete(w.tracked, t.key.jail)
	}
	*t = tally{}
	w.unused = append(w.unused, i)
}

func (w *table) link(i, list int32) {
	head, t := &w.tallies[list], &w.tallies[i]
	t.prev, t.next = list, head.next
	w.tallies[head.next].prev = i
	head.next = i
}

func (w *table) unlink(i int32) {
	t := &w.tallies[i]
	w.tallies[t.prev].next = t.next
	w.tallies[t.next].prev = t.prev
}
