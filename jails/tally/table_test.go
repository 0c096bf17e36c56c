package tally

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pbxjail/jails/jailstest"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// model is the simplest form of the table: a list of all hits, every sum computed again,
// every possible window checked.
type model struct {
	span    Span
	max     int
	lists   [2][]*modelTally // cold and warm, the latest first
	evicted uint64
}

type modelTally struct {
	addr netip.Addr
	hits []Hit
}

// take removes a tally from its list.
func (m *model) take(a netip.Addr) (t *modelTally, list int) {
	for list := range m.lists {
		if i := slices.IndexFunc(m.lists[list], func(t *modelTally) bool { return t.addr == a }); i >= 0 {
			t := m.lists[list][i]
			m.lists[list] = slices.Delete(m.lists[list], i, i+1)
			return t, list
		}
	}
	return nil, cold
}

func (m *model) evict(at int64) {
	list := cold
	if len(m.lists[cold]) == 0 {
		list = warm
	}
	last := m.lists[list][len(m.lists[list])-1]
	if len(m.within(last.hits, at)) > 0 {
		m.evicted++
	}
	m.take(last.addr)
}

func (m *model) add(a netip.Addr, h Hit) *modelTally {
	t, list := m.take(a)
	if t == nil {
		if len(m.lists[cold])+len(m.lists[warm]) == m.max {
			m.evict(h.At)
		}
		t = &modelTally{addr: a}
	}
	t.hits = m.within(t.hits, h.At)
	same := func(o Hit) bool { return h.Once && o.Once && o.Account == h.Account && o.Witness == h.Witness }
	h.Again = slices.ContainsFunc(t.hits, same)
	close := slices.ContainsFunc(t.hits, func(o Hit) bool { return same(o) && max(o.At-h.At, h.At-o.At) < m.span.Find })
	known := slices.ContainsFunc(t.hits, func(o Hit) bool { return o.Witness == h.Witness })
	if !close {
		t.hits = append(t.hits[max(0, len(t.hits)+1-m.span.Most):], h)
		slices.SortStableFunc(t.hits, func(a, b Hit) int { return int(a.At - b.At) })
		if known {
			list = warm
		}
	}
	m.lists[list] = slices.Insert(m.lists[list], 0, t)
	if over := len(m.lists[warm]) - max(1, m.max/2); over > 0 {
		last, _ := m.take(m.lists[warm][len(m.lists[warm])-1].addr)
		m.lists[cold] = slices.Insert(m.lists[cold], 0, last)
	}
	return t
}

// within are the hits less than a life from a time.
func (m *model) within(hits []Hit, at int64) (list []Hit) {
	for _, h := range hits {
		if max(h.At-at, at-h.At) < m.span.life {
			list = append(list, h)
		}
	}
	return list
}

// scoreOf adds up services; of a service's witnesses it takes the largest sum.
func scoreOf(hits []Hit, v window) (total parsers.Points) {
	sums := map[witness.Witness]parsers.Points{}
	for _, h := range hits {
		if h.At > v.after && h.At <= v.until && h.Evidence >= v.least && !(v.Fresh && h.Again) {
			sums[h.Witness] += h.Points
		}
	}
	best := map[parsers.Service]parsers.Points{}
	for w, p := range sums {
		best[w.Service] = max(best[w.Service], p)
	}
	for _, p := range best {
		total += p
	}
	return total
}

// strongestOf tries each window of this length that holds a time and ends with it
// or with a hit.
func strongestOf(hits []Hit, at, length int64, least parsers.Evidence, fresh bool) parsers.Points {
	best := scoreOf(hits, window{at - length, at, least, fresh})
	for _, h := range hits {
		if h.At >= at && h.At-length < at {
			best = max(best, scoreOf(hits, window{h.At - length, h.At, least, fresh}))
		}
	}
	return best
}

// streams are ways in which clocks behave; each gives the next time.
var streams = map[string]func(r *rand.Rand, at int64) int64{
	"forward":       func(r *rand.Rand, at int64) int64 { return at + r.Int64N(4000) },
	"same":          func(_ *rand.Rand, at int64) int64 { return at },
	"jitter":        func(r *rand.Rand, at int64) int64 { return at + r.Int64N(4000) - 1500 },
	"whole seconds": func(r *rand.Rand, at int64) int64 { return (at + jailstest.Leap(r, 60_000)) / 1000 * 1000 },
	"leaps":         func(r *rand.Rand, at int64) int64 { return at + jailstest.Leap(r, 60_000) },
	"leaps of age":  func(r *rand.Rand, at int64) int64 { return at + jailstest.Leap(r, 75*365*24*3600*1000) },
}

func TestTableAgreesWithModel(t *testing.T) {
	for name, step := range streams {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				runModel(t, rand.New(rand.NewPCG(seed, 1)), step)
			}
		})
	}
}

func runModel(t *testing.T, r *rand.Rand, step func(*rand.Rand, int64) int64) {
	t.Helper()
	const limit = 12 * parsers.Point
	s := NewSpan(30*time.Second, time.Duration(r.IntN(2))*2*time.Minute, 3)
	w := NewTable(6)
	w.maxHeld = 1 << 20 // what it does to others has a test of its own
	m := &model{span: s, max: 6}
	at := start.UnixMilli()
	for i := range 600 {
		at = step(r, at)
		a := numbered(r.IntN(9))
		h := Hit{
			At: at, Points: parsers.Points(r.IntN(4)+1) * parsers.Point / 4, Account: uint32(r.IntN(3)), Once: r.IntN(3) == 0,
			Evidence: parsers.Evidence(r.IntN(3)) + parsers.Claimed, Line: uint32(i + 1),
			Witness: witness.Witness{Source: uint16(r.IntN(3)), Channel: parsers.Channel(r.IntN(2)), Service: parsers.Service(r.IntN(3))},
		}
		got, _ := w.Add(KeyOf(a, 1), s, h, func() uint32 { return uint32(i + 1) })
		want := m.add(a, h)
		if !slices.Equal(got.Hits, want.hits) {
			t.Fatalf("event %d: got hits %v, want %v", i, got.Hits, want.hits)
		}
		for e := parsers.Claimed; e <= parsers.Proven; e++ {
			if got, want := got.Strongest(at, s.Find, e, false).Score, strongestOf(want.hits, at, s.Find, e, false); got != want {
				t.Fatalf("event %d, %s: got score %d, want %d", i, e, got, want)
			}
			if got, want := got.Strongest(at, s.Slow, e, true).Score, strongestOf(want.hits, at, s.Slow, e, true); s.Slow > 0 && got != want {
				t.Fatalf("event %d, %s: got %d in the long window, want %d", i, e, got, want)
			}
		}
		checkSelection(t, got, got.Strongest(at, s.Find, parsers.Claimed, false))
		if got.Strongest(at, s.Find, parsers.Claimed, false).Score >= limit {
			w.Drop(KeyOf(a, 1))
			m.take(a)
		}
		checkTable(t, w, s)
		if w.Evicted != m.evicted {
			t.Fatalf("event %d: got %d evicted, want %d", i, w.Evicted, m.evicted)
		}
		for list := range m.lists {
			id := w.links[list].next
			for i, known := range m.lists[list] {
				if got := w.tallies[id].key.addr.Netip(); got != known.addr {
					t.Fatalf("list %d, place %d: got %v, want %v", list, i, got, known.addr)
				}
				id = w.links[id].next
			}
			if id != int32(list) {
				t.Fatalf("list %d goes on with %v", list, w.tallies[id].key.addr.Netip())
			}
		}
	}
}

// checkSelection: the hits that count are the score, and no more.
func checkSelection(t *testing.T, tally *Tally, b Selection) {
	t.Helper()
	var sum parsers.Points
	for i := range tally.Hits {
		if b.Counts(&tally.Hits[i]) {
			sum += tally.Hits[i].Points
		}
	}
	if sum != b.Score {
		t.Fatalf("the hits that count are worth %s, and the score is %s", sum, b.Score)
	}
}

// checkTable holds what binds its fields.
func checkTable(t *testing.T, w *Table, s Span) {
	t.Helper()
	held, warms, tracked, used := 0, 0, 0, 0
	for i := range w.tallies {
		got := &w.tallies[i]
		if !got.used() {
			continue
		}
		used++
		if at := w.find(got.key); at != int32(i) {
			t.Fatalf("got the tally of %v at %d, want %d", got.key, at, i)
		}
		held += cap(got.Hits)
		if got.warm {
			warms++
		}
		var sum int64
		for _, h := range got.Hits {
			sum += int64(h.Points)
		}
		if sum != got.Sum {
			t.Fatalf("got sum %d, want %d", got.Sum, sum)
		}
		if n := len(got.Hits); n > s.Most || n > 0 && got.Hits[n-1].At-got.Hits[0].At >= s.life {
			t.Fatalf("got %d hits over %d ms, want at most %d within %d", n, got.Hits[n-1].At-got.Hits[0].At, s.Most, s.life)
		}
	}
	for _, n := range w.tracked {
		tracked += n
	}
	if held != w.held || warms != w.warm || tracked != w.size || used != w.size || w.size > w.Max || len(w.tallies) > w.Max+2 {
		t.Fatalf("got %d held, %d warm, %d tracked of %d in %d, want %d, %d, %d", w.held, w.warm, tracked, used, len(w.tallies), held, warms, w.size)
	}
}

// TestJailsOfAnAddress: tallies of one address in several jails are found, dropped and
// evicted each by itself.
func TestJailsOfAnAddress(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 10))
	w, s := NewTable(60), NewSpan(time.Hour, 0, 5)
	w.maxHeld = 1 << 20
	want := map[tallyKey]bool{}
	for i := range 20_000 {
		key := KeyOf(numbered(r.IntN(12)), uint16(r.IntN(5)+1)) // as many as there is room for
		switch r.IntN(6) {
		case 0:
			w.Drop(key)
			delete(want, key)
		case 1:
			if r.IntN(20) > 0 {
				break
			}
			if r.IntN(2) == 0 {
				w.ForgetJail(key.jail)
				maps.DeleteFunc(want, func(k tallyKey, _ bool) bool { return k.jail == key.jail })
			} else {
				w.Forget(netip.PrefixFrom(key.addr.Netip(), 29).Masked())
				maps.DeleteFunc(want, func(k tallyKey, _ bool) bool { return k.addr[15]/8 == key.addr[15]/8 })
			}
		default:
			w.Add(key, s, Hit{At: int64(i), Points: 1}, func() uint32 { return 1 })
			want[key] = true
		}
		checkTable(t, w, s)
		key = KeyOf(numbered(r.IntN(12)), uint16(r.IntN(5)+1))
		known := false
		for k := range want {
			known = known || k.addr == key.addr
		}
		if got := w.Find(key, s, int64(i)) != nil; got != want[key] || w.Size() != len(want) || w.Knows(key.addr.Netip()) != known {
			t.Fatalf("got %v of %v among %d, want %v among %d", got, key, w.Size(), want[key], len(want))
		}
	}
}

// However many hits addresses gather, all together hold no more than was said.
func TestHitsStayBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	w, s := NewTable(50), NewSpan(time.Hour, 0, 20)
	for i := range 20_000 {
		a := numbered(r.IntN(80))
		w.Add(KeyOf(a, uint16(r.IntN(2))), s, Hit{At: int64(i), Points: 1, Witness: witness.Witness{Source: uint16(r.IntN(5))}}, func() uint32 { return 1 })
		checkTable(t, w, s)
		if w.held > w.maxHeld+2*s.Most {
			t.Fatalf("got room for %d hits, want at most %d", w.held, w.maxHeld)
		}
	}
	if w.Evicted == 0 {
		t.Error("no tally was removed: the test tests nothing")
	}
}

// An address that continues is remembered among any number of those that come once.
func TestFloodKeepsThoseWhoGoOn(t *testing.T) {
	w, s := NewTable(1000), NewSpan(time.Hour, 0, 20)
	at := int64(0)
	add := func(a netip.Addr) *Tally {
		at++
		t, _ := w.Add(KeyOf(a, 1), s, Hit{At: at, Points: parsers.Point}, func() uint32 { return 1 })
		return t
	}
	heavy := []netip.Addr{addr("203.0.113.1"), addr("203.0.113.2"), addr("2001:db8::1")}
	for range 2 {
		for _, a := range heavy {
			add(a)
		}
	}
	for i := range 100_000 {
		add(numbered(i))
	}
	for _, a := range heavy {
		if got := len(add(a).Hits); got != 3 {
			t.Errorf("%s: got %d hits after the flood, want 3", a, got)
		}
	}
}

func TestEvictionTakesTheQuietest(t *testing.T) {
	w, s := NewTable(3), NewSpan(time.Minute, 0, 5)
	at := start.UnixMilli()
	add := func(i int) {
		at++
		w.Add(KeyOf(numbered(i), 1), s, Hit{At: at, Points: parsers.Point, Evidence: parsers.Seen, Witness: witness.Witness{Source: uint16(at)}}, func() uint32 { return 1 })
	}
	known := func(i int) *Tally { return w.Find(KeyOf(numbered(i), 1), s, at) }
	for _, i := range []int{1, 2, 3, 1, 4} {
		add(i)
	}
	for i, want := range map[int]bool{1: true, 2: false, 3: true, 4: true} {
		if got := known(i) != nil; got != want {
			t.Errorf("%s: got known %t, want %t", numbered(i), got, want)
		}
	}
	if w.Evicted != 1 {
		t.Errorf("got %d evicted, want 1", w.Evicted)
	}
	at += 60_000
	add(5)
	if w.Evicted != 1 {
		t.Errorf("got %d evicted, want 1: nothing is lost with what no longer counts", w.Evicted)
	}
	if tally := known(5); tally == nil || len(tally.Hits) != 1 {
		t.Errorf("got %+v, want one hit and none of the removed tally", tally)
	}
}

func TestMaxHits(t *testing.T) {
	w, s := NewTable(1000), NewSpan(time.Minute, 0, 1)
	key := KeyOf(addr("203.0.113.9"), 1)
	for i := range 3 * s.Most {
		w.Add(key, s, Hit{At: int64(i), Points: parsers.Points(i), Evidence: parsers.Seen}, func() uint32 { return 1 })
	}
	got := w.Find(key, s, int64(3*s.Most))
	if len(got.Hits) != s.Most || got.Hits[0].At != int64(2*s.Most) {
		t.Errorf("got %d hits from %d on, want the last %d", len(got.Hits), got.Hits[0].At, s.Most)
	}
	checkTable(t, w, s)
}

// TestSpareRoom: room grows as append has it, and no two tallies get the same room.
func TestSpareRoom(t *testing.T) {
	var s spare
	r := rand.New(rand.NewPCG(1, 11))
	lists := make([][]Hit, 40)
	wants := make([][]Hit, len(lists))
	for i := range 20_000 {
		k := r.IntN(len(lists))
		if r.IntN(12) == 0 {
			s.give(lists[k])
			lists[k], wants[k] = nil, nil
			continue
		}
		h := Hit{At: int64(i)}
		lists[k], wants[k] = append(s.grown(lists[k]), h), append(wants[k], h)
		if !slices.Equal(lists[k], wants[k]) || cap(lists[k]) != cap(wants[k]) {
			t.Fatalf("got %d hits in room for %d, want %d in %d, and the same", len(lists[k]), cap(lists[k]), len(wants[k]), cap(wants[k]))
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		var l []Hit
		for range 1 << (sizes - 2) {
			l = append(s.grown(l), Hit{})
		}
		s.give(l)
	}); n > 0 {
		t.Errorf("got %v allocations, want the room to be used again", n)
	}
}
