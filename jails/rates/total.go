package rates

import "slices"

// total is what several slices say together.
type total[K comparable] struct {
	of    map[K]sum
	least int64 // what a key may have done that none of them knows
}

// sum is what they say of a key, beyond least.
type sum struct {
	count  int64
	over   int64 // by how much the count may be more than the truth
	points int64
}

func (t *total[K]) reset() {
	if t.of == nil {
		t.of = map[K]sum{}
	}
	clear(t.of)
	t.least = 0
}

// add adds a slice. A key that it does not know may have done its least there.
func (t *total[K]) add(s *summary[K]) {
	least := int64(s.least())
	for key, i := range s.index {
		c := &s.counters[i]
		t.put(key, sum{int64(c.count) - least, int64(c.over) - least, c.points})
	}
	t.least += least
}

func (t *total[K]) merge(o *total[K]) {
	for key, s := range o.of {
		t.put(key, s)
	}
	t.least += o.least
}

func (t *total[K]) put(key K, s sum) {
	old := t.of[key]
	t.of[key] = sum{old.count + s.count, old.over + s.over, old.points + s.points}
}

// cut drops all but the most keys that did most; what the first of the others did
// is what any may have done from now on. The bounds of Space-Saving stay: the
// counts of all that are kept, with least for those that are missing, add up to
// no more than N in each part and so in the whole, hence the smallest of them is
// no more than N/most (Agarwal et al.: Mergeable Summaries, 2012).
func (t *total[K]) cut(most int) {
	if len(t.of) <= most {
		return
	}
	counts := make([]int64, 0, len(t.of))
	for _, s := range t.of {
		counts = append(counts, s.count)
	}
	slices.Sort(counts)
	least := counts[len(counts)-1-most]
	for key, s := range t.of {
		if s.count <= least {
			delete(t.of, key)
		} else {
			t.of[key] = sum{s.count - least, s.over - least, s.points}
		}
	}
	t.least += least
}
