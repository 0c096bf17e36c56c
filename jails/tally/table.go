package tally

import (
	"net/netip"
	"slices"

	"pbxjail/jails/customer"
	"pbxjail/jails/index"
	"pbxjail/jails/recent"
)

// Table remembers what addresses did, for all jails together. Owned by one Judge. The
// attacker chooses the number of addresses, so it holds a fixed number of tallies and of
// hits, and the one that was quiet for the longest time is removed for a new one. Tallies
// are in two lists, each from the latest to the quietest. An address that came again is
// warm, and is removed only when no tally is cold: a flood of addresses that come once does
// not push out those that continue.
type Table struct {
	Max     int // tallies
	maxHeld int
	index   index.Map[int32] // of an address: the first of its tallies, the others are chained
	spare   spare
	tallies []Tally // by index, from 2
	links   []link  // of each tally; the first two head the lists
	size    int     // tallies in use
	unused  []int32
	warm    int // tallies in the warm list
	held    int // hits there is memory for
	tracked map[uint16]int
	Evicted uint64 // tallies that still counted
}

// link is the place of a tally in its list. Links are apart from the tallies, so that a tally
// that goes to the front does not fetch its neighbours from memory.
type link struct{ prev, next int32 }

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
	addr recent.Addr
	jail uint16
}

// KeyOf is the key of an address, or of the first of a network, in a jail.
func KeyOf(a netip.Addr, jail uint16) tallyKey {
	return tallyKey{recent.Addr(customer.Scored(a).As16()), jail}
}

// NewTable makes a Table of at most so many tallies, and four times as many hits.
func NewTable(max int) *Table {
	return &Table{
		Max: max, maxHeld: hitsEach * max, tracked: map[uint16]int{},
		tallies: make([]Tally, 2), links: []link{{cold, cold}, {warm, warm}},
	}
}

// Add counts a hit within a span. It reports false for a repeat that proves
// nothing new: the honest monitor that asks for an account we do not have asks for
// the same one. line gives the number of the record that is kept with the hit.
func (w *Table) Add(key tallyKey, s Span, h Hit, line func() uint32) (*Tally, bool) {
	t := w.tally(key, s, h.At)
	again, within := t.repeats(h, s)
	if h.Once && within {
		return t, false
	}
	h.Again = h.Again || h.Once && again
	h.Line = line()
	if t.seen(h.Witness) {
		w.heat(t)
	}
	if extra := len(t.Hits) - s.Most + 1; extra > 0 {
		t.keep(extra, len(t.Hits))
	}
	i := len(t.Hits)
	for i > 0 && t.Hits[i-1].At > h.At {
		i--
	}
	before := cap(t.Hits)
	t.Hits = w.spare.grown(t.Hits)
	t.Hits = slices.Insert(t.Hits, i, h)
	t.Sum += int64(h.Points)
	w.held += cap(t.Hits) - before
	for w.held > w.maxHeld && w.evict(t, h.At) {
	}
	return t, true
}

// tally finds or makes the tally of a key, pruned to its span, and puts it first
// in its list.
func (w *Table) tally(key tallyKey, s Span, at int64) *Tally {
	if i := w.find(key); i != none {
		t := &w.tallies[i]
		t.prune(s.life, at)
		w.unlink(i)
		w.link(i, t.list())
		return t
	}
	i := w.slot(at)
	t := &w.tallies[i]
	*t = Tally{key: key, life: s.life, same: w.index.Get(key.addr)}
	w.index.Put(key.addr, i)
	w.size++
	w.tracked[key.jail]++
	w.link(i, cold)
	return t
}

// none is the number of no tally: it heads a list.
const none = cold

// find is where the tally of a key is; none when it has none.
func (w *Table) find(key tallyKey) int32 {
	for i := w.index.Get(key.addr); i != none; i = w.tallies[i].same {
		if w.tallies[i].key.jail == key.jail {
			return i
		}
	}
	return none
}

// Knows reports whether an address did anything, in any jail.
func (w *Table) Knows(a netip.Addr) bool {
	return w.index.Get(recent.Addr(customer.Scored(a).As16())) != none
}

// Find returns the tally of a key at a time, or nil.
func (w *Table) Find(key tallyKey, s Span, at int64) *Tally {
	i := w.find(key)
	if i == none {
		return nil
	}
	t := &w.tallies[i]
	t.prune(s.life, at)
	if len(t.Hits) == 0 {
		return nil
	}
	return t
}

// heat moves a tally to the warm list, of which no more than half are. The
// quietest of them is cold again.
func (w *Table) heat(t *Tally) {
	if t.warm {
		return
	}
	i := w.find(t.key)
	w.unlink(i)
	t.warm = true
	w.link(i, warm)
	if w.warm++; w.warm <= max(1, w.Max/2) {
		return
	}
	last := w.links[warm].prev
	w.unlink(last)
	w.tallies[last].warm = false
	w.warm--
	w.link(last, cold)
}

// slot returns a free tally.
func (w *Table) slot(at int64) int32 {
	if w.size >= w.Max {
		w.evict(nil, at)
	}
	if n := len(w.unused); n > 0 {
		i := w.unused[n-1]
		w.unused = w.unused[:n-1]
		return i
	}
	w.tallies, w.links = append(w.tallies, Tally{}), append(w.links, link{})
	return int32(len(w.tallies) - 1)
}

// evict makes room by the quietest but one that is spared. It reports false when
// there is no other. It is a loss only if its hits still count.
func (w *Table) evict(spared *Tally, at int64) bool {
	for _, list := range []int32{cold, warm} {
		i := w.links[list].prev
		if i != list && &w.tallies[i] == spared {
			i = w.links[i].prev
		}
		if i == list {
			continue
		}
		t := &w.tallies[i]
		if t.prune(t.life, at); len(t.Hits) > 0 {
			w.Evicted++
		}
		w.remove(i)
		return true
	}
	return false
}

// Forget drops the tallies of all addresses of a prefix, in every jail.
func (w *Table) Forget(p netip.Prefix) {
	p = customer.ScoredIn(p)
	if p.IsSingleIP() {
		for jail := range w.tracked {
			w.Drop(KeyOf(p.Addr(), jail))
		}
		return
	}
	for i := range w.tallies {
		if t := &w.tallies[i]; t.used() && p.Contains(t.key.addr.Netip()) {
			w.remove(int32(i))
		}
	}
}

// ForgetJail drops the tallies of a jail that is gone.
func (w *Table) ForgetJail(id uint16) {
	for i := range w.tallies {
		if t := &w.tallies[i]; t.used() && t.key.jail == id {
			w.remove(int32(i))
		}
	}
}

// Drop forgets a key: it was banned or unbanned.
func (w *Table) Drop(key tallyKey) {
	if i := w.find(key); i != none {
		w.remove(i)
	}
}

func (w *Table) remove(i int32) {
	t := &w.tallies[i]
	w.unlink(i)
	if t.warm {
		w.warm--
	}
	w.held -= cap(t.Hits)
	w.spare.give(t.Hits)
	w.unchain(i)
	w.size--
	if w.tracked[t.key.jail]--; w.tracked[t.key.jail] == 0 {
		delete(w.tracked, t.key.jail)
	}
	*t = Tally{}
	w.unused = append(w.unused, i)
}

// unchain takes a tally out of those of its address.
func (w *Table) unchain(i int32) {
	t := &w.tallies[i]
	first := w.index.Get(t.key.addr)
	switch {
	case first != i:
		for w.tallies[first].same != i {
			first = w.tallies[first].same
		}
		w.tallies[first].same = t.same
	case t.same != none:
		w.index.Put(t.key.addr, t.same)
	default:
		w.index.Delete(t.key.addr)
	}
}

func (w *Table) link(i, list int32) {
	next := w.links[list].next
	w.links[i] = link{list, next}
	w.links[next].prev = i
	w.links[list].next = i
}

func (w *Table) unlink(i int32) {
	l := w.links[i]
	w.links[l.prev].next = l.next
	w.links[l.next].prev = l.prev
}

// Size is how many tallies there are, of addresses or of networks, in all jails.
func (w *Table) Size() int { return w.size }

// Of is how many tallies a jail has.
func (w *Table) Of(jail uint16) int { return w.tracked[jail] }
