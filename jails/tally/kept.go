package tally

import (
	"iter"
	"net/netip"
	"slices"
)

// Kept is a tally that a next run of the program can go on with.
type Kept struct {
	Addr netip.Addr // or the first of a network
	Jail uint16
	Warm bool
	Hits []Hit // by time
}

// Each yields the tallies, those that are removed last first. Their hits are valid until
// the table changes.
func (w *Table) Each() iter.Seq[Kept] {
	return func(yield func(Kept) bool) {
		for _, list := range []int32{warm, cold} {
			for i := w.links[list].next; i != list; i = w.links[i].next {
				t := &w.tallies[i]
				if len(t.Hits) > 0 && !yield(Kept{t.key.addr.Netip(), t.key.jail, t.warm, t.Hits}) {
					return
				}
			}
		}
	}
}

// Load puts a tally of an earlier run back, as far as its hits still count at a time. It
// comes before those of its list that are there already: load the first one of Each last.
// A key that has a tally keeps that. The records of the hits are gone.
func (w *Table) Load(k Kept, s Span, at int64) {
	key := KeyOf(k.Addr, k.Jail)
	if w.find(key) != none || len(k.Hits) == 0 {
		return
	}
	t := w.tally(key, s, at)
	t.Hits = slices.Clone(k.Hits[max(0, len(k.Hits)-s.Most):])
	w.held += cap(t.Hits)
	for i := range t.Hits {
		t.Hits[i].Line = 0
		t.Sum += int64(t.Hits[i].Points)
	}
	if t.prune(s.life, at); len(t.Hits) == 0 {
		w.Drop(key)
		return
	}
	if k.Warm {
		w.heat(t)
	}
	for w.held > w.maxHeld && w.evict(t, at) {
	}
}
