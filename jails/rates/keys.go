package rates

import (
	"cmp"
	"slices"
	"time"

	"pbxjail/parsers"
)

// A sample is counted in a slice of 5 s. After a minute the slice is used again, and
// what it holds is folded into the minute that it was of.
const (
	width     = int64(5 * time.Second)
	perMinute = int64(time.Minute) / width
	inMinute  = perMinute + 1 // slices: the latest is not yet full
	inTen     = 10 + 1        // minutes, for the same reason
)

// keys counts the keys of one kind.
type keys[K comparable] struct {
	most    int
	compare func(a, b K) int // for an order that does not change from one look to the next
	slices  [inMinute]slice[K]
	minutes [inTen]minute[K]
}

// slice is 5 s.
type slice[K comparable] struct {
	number int64 // since 1970; 0 is none
	summary[K]
}

// minute is what was folded into one.
type minute[K comparable] struct {
	number int64 // since 1970; 0 is none
	total[K]
}

func newKeys[K comparable](most int, compare func(a, b K) int) keys[K] {
	return keys[K]{most: most, compare: compare}
}

func (k *keys[K]) count(key K, p parsers.Points, at int64) {
	number := at / width
	if number <= 0 {
		return
	}
	s := &k.slices[number%inMinute]
	if s.number > number {
		return // too late: a younger one has its place
	}
	if s.number < number {
		k.fold(s)
		s.number = number
		s.reset(k.most)
	}
	s.add(key, p)
}

// fold puts a slice into its minute.
func (k *keys[K]) fold(s *slice[K]) {
	number := s.number / perMinute
	m := &k.minutes[number%inTen]
	if s.number == 0 || m.number > number {
		return
	}
	if m.number < number {
		m.number = number
		m.reset()
	}
	m.add(&s.summary)
	m.cut(k.most)
}

// totals adds up the last minute, and the last ten. What lies after now is forgotten.
func (k *keys[K]) totals(now int64) (one, ten total[K]) {
	one.reset()
	ten.reset()
	recent := func(minute int64) bool { return minute > 0 && minute > now/perMinute-inTen }
	for i := range k.slices {
		s := &k.slices[i]
		if s.number > now {
			s.number = 0
		}
		if s.number > 0 && s.number > now-inMinute {
			one.add(&s.summary)
		}
		if recent(s.number / perMinute) {
			ten.add(&s.summary)
		}
	}
	for i := range k.minutes {
		m := &k.minutes[i]
		if m.number > now/perMinute {
			m.number = 0
		}
		if recent(m.number) {
			ten.merge(&m.total)
		}
	}
	return one, ten
}

// ranked is a row with what it is ranked by: what surely happened.
type ranked[K any] struct {
	Row[K]
	sureMinute, sureTen int64
}

// top returns the n keys that do most. Each that the last minute knows is among
// those of the ten.
func (k *keys[K]) top(n int, at int64) (best []ranked[K]) {
	one, ten := k.totals(at / width)
	for key, t := range ten.of {
		m := one.of[key]
		best = k.keep(n, best, ranked[K]{
			Row: Row[K]{
				Key: key, LastMinute: uint64(m.count + one.least), LastTen: uint64(t.count + ten.least),
				Points: t.points, Error: uint64(t.over + ten.least), // the ten hold the minute, and its error
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
