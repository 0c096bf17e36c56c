package rates

import (
	"cmp"
	"slices"
	"time"

	"pbxjail/parsers"
)

// keys counts the keys of one kind.
type keys[K comparable] struct {
	minute, ten window[K]
	compare     func(a, b K) int // for an order that does not change from one look to the next
}

func newKeys[K comparable](most int, compare func(a, b K) int) keys[K] {
	return keys[K]{newWindow[K](most, 5*time.Second, time.Minute), newWindow[K](most, time.Minute, 10*time.Minute), compare}
}

func (k *keys[K]) count(key K, p parsers.Points, at int64) {
	k.minute.count(key, p, at)
	k.ten.count(key, p, at)
}

// window counts over the last while: in slices, of which the oldest is used anew.
type window[K comparable] struct {
	most   int
	width  int64      // of a slice, in nanoseconds
	slices []slice[K] // one more than span takes: the latest is not yet full
}

// slice is one slice of time.
type slice[K comparable] struct {
	number int64 // since 1970; 0 was never used
	summary[K]
}

func newWindow[K comparable](most int, width, span time.Duration) window[K] {
	return window[K]{most, int64(width), make([]slice[K], span/width+1)}
}

func (w *window[K]) count(key K, p parsers.Points, at int64) {
	number := at / w.width
	if number <= 0 {
		return
	}
	s := &w.slices[number%int64(len(w.slices))]
	if s.number > number {
		return // too late: a younger one has its place
	}
	if s.number < number {
		s.number = number
		s.reset(w.most)
	}
	s.add(key, p)
}

// sum is what the slices say of one key, beyond what they would say of any.
type sum struct {
	count, over int64
	points      int64
}

// sums adds up the slices until at. any is what a key that no slice knows may have
// done: it is to be added to each count, and to each error.
func (w *window[K]) sums(at int64) (of map[K]sum, any int64) {
	now, known := at/w.width, 0
	for i := range w.slices {
		known += len(w.slices[i].index)
	}
	of = make(map[K]sum, known)
	for i := range w.slices {
		s := &w.slices[i]
		if s.number > now {
			s.number = 0
		}
		if s.number == 0 || s.number <= now-int64(len(w.slices)) {
			continue
		}
		least := int64(s.least())
		any += least
		for key, i := range s.index {
			c, t := &s.counters[i], of[key]
			of[key] = sum{t.count + int64(c.count) - least, t.over + int64(c.over) - least, t.points + c.points}
		}
	}
	return of, any
}

// ranked is a row with what it is ranked by: what surely happened.
type ranked[K any] struct {
	Row[K]
	sureMinute, sureTen int64
}

// top returns the n keys that do most.
func (k *keys[K]) top(n int, at int64) []ranked[K] {
	minute, anyMinute := k.minute.sums(at)
	ten, anyTen := k.ten.sums(at)
	for key := range minute {
		ten[key] = ten[key] // one that only the minute knows
	}
	var best []ranked[K]
	for key, t := range ten {
		m := minute[key]
		most := t.count + anyTen
		best = k.keep(n, best, ranked[K]{
			Row: Row[K]{
				Key: key, Points: t.points, LastTen: uint64(most),
				LastMinute: uint64(min(m.count+anyMinute, most)), // the ten hold the minute
				Error:      uint64(max(m.over+anyMinute, t.over+anyTen)),
			},
			sureMinute: m.count - m.over, sureTen: t.count - t.over,
		})
	}
	return best
}

// keep puts a row in its place among the best n.
func (k *keys[K]) keep(n int, best []ranked[K], r ranked[K]) []ranked[K] {
	if len(best) >= n && (n <= 0 || k.rank(r, best[n-1]) > 0) {
		return best
	}
	i, _ := slices.BinarySearchFunc(best, r, k.rank)
	if len(best) >= n {
		best = best[:n-1]
	}
	return slices.Insert(best, i, r)
}

func (k *keys[K]) rank(a, b ranked[K]) int {
	if c := cmp.Or(cmp.Compare(b.sureMinute, a.sureMinute), cmp.Compare(b.sureTen, a.sureTen)); c != 0 {
		return c
	}
	return k.compare(a.Key, b.Key)
}
