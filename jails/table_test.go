package jails

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// model is the table told in the plainest way: every hit in a list, every sum made
// anew, every window that could be meant looked at.
type model struct {
	span    span
	max     int
	lists   [2][]*modelTally // cold and warm, the latest first
	evicted uint64
}

type modelTally struct {
	addr netip.Addr
	hits []hit
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

func (m *model) add(a netip.Addr, h hit) *modelTally {
	t, list := m.take(a)
	if t == nil {
		if len(m.lists[cold])+len(m.lists[warm]) == m.max {
			m.evict(h.at)
		}
		t = &modelTally{addr: a}
	}
	t.hits = m.within(t.hits, h.at)
	same := func(o hit) bool { return h.once && o.once && o.account == h.account && o.witness == h.witness }
	h.again = slices.ContainsFunc(t.hits, same)
	close := slices.ContainsFunc(t.hits, func(o hit) bool { return same(o) && max(o.at-h.at, h.at-o.at) < m.span.find })
	known := slices.ContainsFunc(t.hits, func(o hit) bool { return o.witness == h.witness })
	if !close {
		t.hits = append(t.hits[max(0, len(t.hits)+1-m.span.most):], h)
		slices.SortStableFunc(t.hits, func(a, b hit) int { return int(a.at - b.at) })
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
func (m *model) within(hits []hit, at int64) (list []hit) {
	for _, h := range hits {
		if max(h.at-at, at-h.at) < m.span.life {
			list = append(list, h)
		}
	}
	return list
}

// scoreOf adds up services; of a service's witnesses it takes the largest sum.
func scoreOf(hits []hit, v view) (total parsers.Points) {
	sums := map[witness]parsers.Points{}
	for _, h := range hits {
		if h.at > v.after && h.at <= v.until && h.evidence >= v.least && !(v.fresh && h.again) {
			sums[h.witness] += h.points
		}
	}
	best := map[parsers.Service]parsers.Points{}
	for w, p := range sums {
		best[w.service] = max(best[w.service], p)
	}
	for _, p := range best {
		total += p
	}
	return total
}

// strongestOf tries each window of this length that holds a time and ends with it
// or with a hit.
func strongestOf(hits []hit, at, length int64, least parsers.Evidence, fresh bool) parsers.Points {
	best := scoreOf(hits, view{at - length, at, least, fresh})
	for _, h := range hits {
		if h.at >= at && h.at-length < at {
			best = max(best, scoreOf(hits, view{h.at - length, h.at, least, fresh}))
		}
	}
	return best
}

// streams are ways in which clocks behave; each gives the next time.
var streams = map[string]func(r *rand.Rand, at int64) int64{
	"forward":       func(r *rand.Rand, at int64) int64 { return at + r.Int64N(4000) },
	"same":          func(_ *rand.Rand, at int64) int64 { return at },
	"jitter":        func(r *rand.Rand, at int64) int64 { return at + r.Int64N(4000) - 1500 },
	"whole seconds": func(r *rand.Rand, at int64) int64 { return (at + leap(r, 60_000)) / 1000 * 1000 },
	"leaps":         func(r *rand.Rand, at int64) int64 { return at + leap(r, 60_000) },
	"leaps of age":  func(r *rand.Rand, at int64) int64 { return at + leap(r, 75*365*24*3600*1000) },
}

func leap(r *rand.Rand, far int64) int64 {
	if r.IntN(20) > 0 {
		return r.Int64N(2000)
	}
	return r.Int64N(2*far) - far
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
	s := newSpan(30*time.Second, time.Duration(r.IntN(2))*2*time.Minute, 3)
	w := newTable(6)
	w.maxHeld = 1 << 20 // what it does to others has a test of its own
	m := &model{span: s, max: 6}
	at := start.UnixMilli()
	for i := range 600 {
		at = step(r, at)
		a := numbered(r.IntN(9))
		h := hit{
			at: at, points: parsers.Points(r.IntN(4)+1) * parsers.Point / 4, account: uint32(r.IntN(3)), once: r.IntN(3) == 0,
			evidence: parsers.Evidence(r.IntN(3)) + parsers.Claimed, line: uint32(i + 1),
			witness: witness{uint16(r.IntN(3)), parsers.Channel(r.IntN(2)), parsers.Service(r.IntN(3))},
		}
		got, _ := w.add(keyOf(a, 1), s, h, func() uint32 { return uint32(i + 1) })
		want := m.add(a, h)
		if !slices.Equal(got.hits, want.hits) {
			t.Fatalf("event %d: got hits %v, want %v", i, got.hits, want.hits)
		}
		for e := parsers.Claimed; e <= parsers.Proven; e++ {
			if got, want := got.strongest(at, s.find, e, false).score, strongestOf(want.hits, at, s.find, e, false); got != want {
				t.Fatalf("event %d, %s: got score %d, want %d", i, e, got, want)
			}
			if got, want := got.strongest(at, s.slow, e, true).score, strongestOf(want.hits, at, s.slow, e, true); s.slow > 0 && got != want {
				t.Fatalf("event %d, %s: got %d in the long window, want %d", i, e, got, want)
			}
		}
		checkBelief(t, got, got.strongest(at, s.find, parsers.Claimed, false))
		if got.strongest(at, s.find, parsers.Claimed, false).score >= limit {
			w.drop(keyOf(a, 1))
			m.take(a)
		}
		checkTable(t, w, s)
		if w.evicted != m.evicted {
			t.Fatalf("event %d: got %d evicted, want %d", i, w.evicted, m.evicted)
		}
		for list := range m.lists {
			id := w.tallies[list].next
			for i, known := range m.lists[list] {
				if got := w.tallies[id].key.addr.address(); got != known.addr {
					t.Fatalf("list %d, place %d: got %v, want %v", list, i, got, known.addr)
				}
				id = w.tallies[id].next
			}
			if id != int32(list) {
				t.Fatalf("list %d goes on with %v", list, w.tallies[id].key.addr.address())
			}
		}
	}
}

// checkBelief: the hits that count are the score, and no more.
func checkBelief(t *testing.T, tally *tally, b belief) {
	t.Helper()
	var sum parsers.Points
	for i := range tally.hits {
		if b.counts(&tally.hits[i]) {
			sum += tally.hits[i].points
		}
	}
	if sum != b.score {
		t.Fatalf("the hits that count are worth %s, and the score is %s", sum, b.score)
	}
}

// checkTable holds what binds its fields.
func checkTable(t *testing.T, w *table, s span) {
	t.Helper()
	held, warms, tracked := 0, 0, 0
	for key, i := range w.index {
		got := &w.tallies[i]
		if got.key != key {
			t.Fatalf("got the tally of %v under %v", got.key, key)
		}
		held += cap(got.hits)
		if got.warm {
			warms++
		}
		var sum int64
		for _, h := range got.hits {
			sum += int64(h.points)
		}
		if sum != got.sum {
			t.Fatalf("got sum %d, want %d", got.sum, sum)
		}
		if n := len(got.hits); n > s.most || n > 0 && got.hits[n-1].at-got.hits[0].at >= s.life {
			t.Fatalf("got %d hits over %d ms, want at most %d within %d", n, got.hits[n-1].at-got.hits[0].at, s.most, s.life)
		}
	}
	for _, n := range w.tracked {
		tracked += n
	}
	if held != w.held || warms != w.warm || tracked != len(w.index) || len(w.index) > w.max || len(w.tallies) > w.max+2 {
		t.Fatalf("got %d held, %d warm, %d tracked of %d in %d, want %d, %d, %d", w.held, w.warm, tracked, len(w.index), len(w.tallies), held, warms, len(w.index))
	}
}

// However many hits addresses gather, all together hold no more than was said.
func TestHitsStayBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	w, s := newTable(50), newSpan(time.Hour, 0, 20)
	for i := range 20_000 {
		a := numbered(r.IntN(80))
		w.add(keyOf(a, uint16(r.IntN(2))), s, hit{at: int64(i), points: 1, witness: witness{source: uint16(r.IntN(5))}}, func() uint32 { return 1 })
		checkTable(t, w, s)
		if w.held > w.maxHeld+2*s.most {
			t.Fatalf("got room for %d hits, want at most %d", w.held, w.maxHeld)
		}
	}
	if w.evicted == 0 {
		t.Error("nobody made room: the test tests nothing")
	}
}

// Who goes on is remembered among any number of those who come once.
func TestFloodKeepsThoseWhoGoOn(t *testing.T) {
	w, s := newTable(1000), newSpan(time.Hour, 0, 20)
	at := int64(0)
	add := func(a netip.Addr) *tally {
		at++
		t, _ := w.add(keyOf(a, 1), s, hit{at: at, points: parsers.Point}, func() uint32 { return 1 })
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
		if got := len(add(a).hits); got != 3 {
			t.Errorf("%s: got %d hits after the flood, want 3", a, got)
		}
	}
}

// The score of clocks that only go forward needs no model of ours: it is the sum
// of what lies within findtime since the last ban.
func TestDecisionsAgreeWithHistory(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		judge := judgeOf(jailOf(t, "guessing", "maxretry: 3\nfindtime: 10s"))
		type past struct {
			at     time.Time
			points parsers.Points
		}
		history := map[netip.Addr][]past{}
		at := start
		for i := range 2000 {
			at = at.Add(time.Duration(r.IntN(900)) * time.Millisecond)
			a := numbered(r.IntN(4))
			e := with(failure(a.String()), func(e *parsers.Event) { e.Points = parsers.Points(r.IntN(1200) + 1) })
			history[a] = append(history[a], past{at, e.Points})
			var want parsers.Points
			for _, h := range history[a] {
				if at.Sub(h.at) < 10*time.Second {
					want += h.points
				}
			}
			banned := false
			judge.Hear(judge.Source("/log"), e, at, func(v Verdict) { banned = v.Ban.Prefix.Addr() == a })
			if banned != (want >= 3*parsers.Point) {
				t.Fatalf("seed %d, event %d: got banned %t with %s points", seed, i, banned, want)
			}
			if banned {
				history[a] = nil
			} else if got := score(judge, 0, a.String(), at); got != want {
				t.Fatalf("seed %d, event %d: got score %s, want %s", seed, i, got, want)
			}
		}
	}
}

func TestWindowEdge(t *testing.T) {
	for _, c := range []struct {
		gap  time.Duration
		want parsers.Points
	}{
		{0, 2 * parsers.Point},
		{10*time.Minute - time.Millisecond, 2 * parsers.Point},
		{10 * time.Minute, parsers.Point}, // a line counts for findtime, and not a moment longer
		{-10*time.Minute + time.Millisecond, 2 * parsers.Point},
		{-10 * time.Minute, parsers.Point},
	} {
		judge := judgeOf(jailOf(t, "guessing", "findtime: 10m"))
		hear(judge, failure("203.0.113.9"), start)
		hear(judge, failure("203.0.113.9"), start.Add(c.gap))
		if got := score(judge, 0, "203.0.113.9", start.Add(c.gap)); got != c.want {
			t.Errorf("%v apart: got %s, want %s", c.gap, got, c.want)
		}
	}
}

// One record with an odd date is its address's own affair.
func TestOddDateTouchesNobodyElse(t *testing.T) {
	odd := map[string]time.Time{"2099": start.AddDate(73, 0, 0), "1970": time.Unix(0, 0), "none": {}}
	for name, at := range odd {
		t.Run(name, func(t *testing.T) {
			judge := judgeOf(jailOf(t, "guessing", ""))
			for i := range 4 {
				hear(judge, failure("203.0.113.1"), start.Add(time.Duration(i)*time.Second))
				hear(judge, failure("203.0.113.2"), start.Add(time.Duration(i)*time.Second))
			}
			hear(judge, failure("203.0.113.2"), at)
			if got, want := score(judge, 0, "203.0.113.1", start.Add(4*time.Second)), 4*parsers.Point; got != want {
				t.Errorf("another address: got %s points, want %s", got, want)
			}
			hear(judge, failure("203.0.113.2"), start.Add(5*time.Second))
			if got, want := score(judge, 0, "203.0.113.2", start.Add(5*time.Second)), parsers.Point; got != want {
				t.Errorf("got %s points, want %s: the odd one counts with none of the others", got, want)
			}
		})
	}
}

func TestEvictionTakesTheQuietest(t *testing.T) {
	w, s := newTable(3), newSpan(time.Minute, 0, 5)
	at := start.UnixMilli()
	add := func(i int) {
		at++
		w.add(keyOf(numbered(i), 1), s, hit{at: at, points: parsers.Point, evidence: parsers.Seen, witness: witness{source: uint16(at)}}, func() uint32 { return 1 })
	}
	known := func(i int) *tally { return w.find(keyOf(numbered(i), 1), s, at) }
	for _, i := range []int{1, 2, 3, 1, 4} {
		add(i)
	}
	for i, want := range map[int]bool{1: true, 2: false, 3: true, 4: true} {
		if got := known(i) != nil; got != want {
			t.Errorf("%s: got known %t, want %t", numbered(i), got, want)
		}
	}
	if w.evicted != 1 {
		t.Errorf("got %d evicted, want 1", w.evicted)
	}
	at += 60_000
	add(5)
	if w.evicted != 1 {
		t.Errorf("got %d evicted, want 1: nothing is lost with what no longer counts", w.evicted)
	}
	if tally := known(5); tally == nil || len(tally.hits) != 1 {
		t.Errorf("got %+v, want one hit and none of whoever made room", tally)
	}
}

func TestMaxHits(t *testing.T) {
	w, s := newTable(1000), newSpan(time.Minute, 0, 1)
	key := keyOf(addr("203.0.113.9"), 1)
	for i := range 3 * s.most {
		w.add(key, s, hit{at: int64(i), points: parsers.Points(i), evidence: parsers.Seen}, func() uint32 { return 1 })
	}
	got := w.find(key, s, int64(3*s.most))
	if len(got.hits) != s.most || got.hits[0].at != int64(2*s.most) {
		t.Errorf("got %d hits from %d on, want the last %d", len(got.hits), got.hits[0].at, s.most)
	}
	checkTable(t, w, s)
}

// A reload can lower the bound under what an address has.
func TestMaxHitsLowered(t *testing.T) {
	judge := judgeOf(jailOf(t, "guessing", "maxretry: 100"))
	for i := range 99 {
		hear(judge, failure("203.0.113.9"), start.Add(time.Duration(i)*time.Millisecond))
	}
	judge.SetJails([]*Jail{jailOf(t, "guessing", "maxretry: 1\nmatch: [{event: bad-password, points: 0.9}]")})
	hear(judge, failure("203.0.113.9"), start.Add(100*time.Millisecond))
	if got, most := tallyOf(judge, 0, "203.0.113.9", start), judge.jails[0].span.most; got != nil && len(got.hits) > most {
		t.Errorf("got %d hits, want at most %d", len(got.hits), most)
	}
}

// However little a line is worth, maxretry can be reached, by every witness a
// usual machine has.
func TestSmallPointsReachMaxretry(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"maxretry: 1\nmatch: [{event: bad-password, points: 0.001}]", 1000},
		{"maxretry: 5\nmatch: [{event: bad-password, points: 0.05}]", 100},
		{"maxretry: 2.5\nmatch: [{event: bad-password, points: 0.7}]", 4},
		{"maxretry: 100\nfindtime: 1d", 100},
	} {
		for _, files := range []int{1, 3} {
			judge := judgeOf(jailOf(t, "slow", c.text+"\nlogs: [/log*]"))
			attempts, banned := 0, false
			for !banned && attempts <= c.want {
				attempts++
				for f := range files {
					e := failure("203.0.113.9")
					if len(hearIn(judge, fmt.Sprint("/log", f), e, start.Add(time.Duration(attempts)*time.Millisecond))) > 0 {
						banned = true
					}
				}
			}
			if !banned || attempts != c.want {
				t.Errorf("%s in %d files: got banned %t after %d attempts, want after %d", c.text, files, banned, attempts, c.want)
			}
		}
	}
}

func TestManySourcesStayBounded(t *testing.T) {
	const sources, most = 1_000_000, 1000
	judge := NewJudge([]*Jail{jailOf(t, "guessing", "")}, NewGuard(nil, nil), book.NewBook(nil, nil), most, false)
	src, e := judge.Source("/log"), failure("203.0.113.9")
	for i := range sources {
		e.Addr = numbered(i)
		judge.Hear(src, e, start, func(v Verdict) { t.Fatalf("got %s", word(v)) })
	}
	w := judge.table
	if lines := judge.jails[0].memory.lines.Len(); len(w.index) != most || len(w.tallies) != most+2 || lines != book.RingLines {
		t.Errorf("got %d addresses, %d tallies, %d lines, want %d, %d, %d", len(w.index), len(w.tallies), lines, most, most+2, book.RingLines)
	}
	if got, want := w.evicted, uint64(sources-most); got != want {
		t.Errorf("got %d evicted, want %d", got, want)
	}
}

// A million sources within a minute leave those banned who go on, and the memory
// bounded: with the shipped jails and all senses.
func TestMillionSources(t *testing.T) {
	const sources, heavies = 1_000_000, 20
	specs, bad := configs.LoadJails("")
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	var list []*Jail
	for _, spec := range specs {
		j, err := Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, j)
	}
	before := heapBytes()
	judge := NewJudge(list, NewGuard(nil, nil), book.NewBook(nil, nil), 200_000, false)
	senses := everything()
	senses.Rules, senses.Feeds = configs.PlaceRules{}, nil // a blocked country would ban each
	judge.SetSenses(senses)
	src := judge.Source("/var/log/asterisk/security")
	line := parsers.TextOf([]byte(strings.Repeat("x", 400)))
	scan := &parsers.Event{
		Result: parsers.Offence, Kind: parsers.UnknownAccount, Evidence: parsers.Seen, Service: parsers.PJSIP, Points: 2 * parsers.Point, Once: true, Line: line,
	}
	guess := with(failure("203.0.113.1"), func(e *parsers.Event) { e.Line = line })
	banned := map[netip.Addr]bool{}
	for i := range sources {
		at := start.Add(time.Duration(i) * time.Minute / sources)
		scan.Addr, scan.Account = numbered(i), parsers.TextOf(fmt.Append(nil, i))
		judge.Hear(src, scan, at, func(v Verdict) { t.Fatalf("got %s", word(v)) })
		if i%(sources/10/heavies) == 0 { // each ten times in this minute
			guess.Addr = netip.AddrFrom4([4]byte{203, 0, 113, byte(i / (sources / 10 / heavies) % heavies)})
			judge.Hear(src, guess, at, func(v Verdict) { banned[v.Ban.Prefix.Addr()] = banned[v.Ban.Prefix.Addr()] || v.Bans() })
		}
	}
	if len(banned) != heavies {
		t.Errorf("got %d of those banned who go on, want %d", len(banned), heavies)
	}
	if judge.Evicted() < sources/2 {
		t.Errorf("got %d evicted, want most of them told", judge.Evicted())
	}
	if got := heapBytes() - before; got > 80<<20 {
		t.Errorf("got %.0f MiB of memory held, want less than 80", got/(1<<20))
	} else {
		t.Logf("%.0f MiB held", got/(1<<20))
	}
	runtime.KeepAlive(judge)
}
