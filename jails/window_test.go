package jails

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pbxjail/parsers"
)

// model is the window told in the plainest way: every hit in a list, every sum
// made anew.
type model struct {
	findtime     int64
	max, maxHits int
	known        []modelTally // the latest first
	evicted      uint64
}

type modelTally struct {
	addr netip.Addr
	hits []hit
}

func (m *model) add(a netip.Addr, h hit) *modelTally {
	i := slices.IndexFunc(m.known, func(t modelTally) bool { return t.addr == a })
	t := modelTally{addr: a}
	if i >= 0 {
		t = m.known[i]
		m.known = slices.Delete(m.known, i, i+1)
	} else if len(m.known) == m.max {
		if last := m.known[m.max-1]; len(m.within(last.hits, h.at)) > 0 {
			m.evicted++
		}
		m.known = m.known[:m.max-1]
	}
	t.hits = m.within(t.hits, h.at)
	repeat := func(o hit) bool { return o.once && o.account == h.account && o.witness == h.witness }
	if !h.once || !slices.ContainsFunc(t.hits, repeat) {
		t.hits = append(t.hits, h)
		slices.SortStableFunc(t.hits, func(a, b hit) int { return int(a.at - b.at) })
		t.hits = t.hits[max(0, len(t.hits)-m.maxHits):]
	}
	m.known = slices.Insert(m.known, 0, t)
	return &m.known[0]
}

// within are the hits that one findtime holds together with a time: the findtime
// that ends with the latest of those less than one from it.
func (m *model) within(hits []hit, at int64) (list []hit) {
	latest := at
	for _, h := range hits {
		if h.at < at+m.findtime {
			latest = max(latest, h.at)
		}
	}
	for _, h := range hits {
		if h.at > latest-m.findtime && h.at <= latest {
			list = append(list, h)
		}
	}
	return list
}

// scoreOf adds up services; of a service's witnesses it takes the largest sum.
func scoreOf(hits []hit, least parsers.Evidence) (total parsers.Points) {
	sums := map[witness]parsers.Points{}
	for _, h := range hits {
		if h.evidence >= least {
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

func TestWindowAgreesWithModel(t *testing.T) {
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
	const findtime = 30_000
	jail := jailOf(t, "model", "findtime: 30s\nmaxretry: 12\nevidence: {ban: claimed}")
	w := newWindow(findtime*time.Millisecond, 3, 6)
	m := &model{findtime: findtime, max: 6, maxHits: w.maxHits}
	at := start.UnixMilli()
	for i := range 600 {
		at = step(r, at)
		a := numbered(r.IntN(9))
		h := hit{
			at: at, points: parsers.Points(r.IntN(4)+1) * parsers.Point / 4, account: uint32(r.IntN(3)), once: r.IntN(3) == 0,
			evidence: parsers.Evidence(r.IntN(3)) + parsers.Claimed,
			witness:  witness{uint16(r.IntN(3)), parsers.Channel(r.IntN(2)), parsers.Service(r.IntN(3))},
		}
		got, want := w.add(a, h, Line{}), m.add(a, h)
		if !slices.Equal(got.hits, want.hits) {
			t.Fatalf("event %d: got hits %v, want %v", i, got.hits, want.hits)
		}
		for e := parsers.Claimed; e <= parsers.Proven; e++ {
			if got, want := got.score(e), scoreOf(want.hits, e); got != want {
				t.Fatalf("event %d, %s: got score %d, want %d", i, e, got, want)
			}
		}
		checkTally(t, w, got)
		if got.score(parsers.Claimed) >= parsers.Points(jail.Maxretry) {
			got.clear()
			want.hits = nil
		}
		if w.evicted != m.evicted || len(w.index) != len(m.known) {
			t.Fatalf("event %d: got %d known, %d evicted, want %d, %d", i, len(w.index), w.evicted, len(m.known), m.evicted)
		}
		for i, id := 0, w.tallies[0].next; i < len(m.known); i, id = i+1, w.tallies[id].next {
			if got, want := w.tallies[id].key, addrKey(m.known[i].addr.As16()); got != want {
				t.Fatalf("place %d: got %v, want %v", i, netip.AddrFrom16(got), m.known[i].addr)
			}
		}
	}
}

// checkTally holds what binds the fields of a tally.
func checkTally(t *testing.T, w *window, got *tally) {
	t.Helper()
	var sum int64
	for _, h := range got.hits {
		sum += int64(h.points)
	}
	if sum != got.sum || got.sum < int64(got.score(parsers.Claimed)) {
		t.Fatalf("got sum %d, want %d, and no score above it", got.sum, sum)
	}
	if n := len(got.hits); n > w.maxHits || n > 0 && got.hits[n-1].at-got.hits[0].at >= w.findtime.Milliseconds() {
		t.Fatalf("got %d hits over %d ms, want at most %d within %v", n, got.hits[n-1].at-got.hits[0].at, w.maxHits, w.findtime)
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
	w := newWindow(time.Minute, 5, 3)
	at := start.UnixMilli()
	h := func() hit { at++; return hit{at: at, points: parsers.Point, evidence: parsers.Seen} }
	for _, i := range []int{1, 2, 3, 1, 4} {
		w.add(numbered(i), h(), Line{})
	}
	for i, want := range map[int]bool{1: true, 2: false, 3: true, 4: true} {
		if got := w.find(numbered(i), time.UnixMilli(at)) != nil; got != want {
			t.Errorf("%s: got known %t, want %t", numbered(i), got, want)
		}
	}
	if w.evicted != 1 {
		t.Errorf("got %d evicted, want 1", w.evicted)
	}
	at += 60_000
	w.add(numbered(5), h(), Line{})
	if w.evicted != 1 {
		t.Errorf("got %d evicted, want 1: nothing is lost with what no longer counts", w.evicted)
	}
	if tally := w.find(numbered(5), time.UnixMilli(at)); tally == nil || len(tally.hits) != 1 {
		t.Errorf("got %+v, want one hit and none of whoever made room", tally)
	}
}

func TestMaxHits(t *testing.T) {
	w := newWindow(time.Minute, 1, 3)
	a := addr("203.0.113.9")
	for i := range 3 * w.maxHits {
		w.add(a, hit{at: int64(i), points: parsers.Points(i), evidence: parsers.Seen}, Line{})
	}
	got := w.find(a, time.UnixMilli(int64(3*w.maxHits)))
	if len(got.hits) != w.maxHits || got.hits[0].at != int64(2*w.maxHits) {
		t.Errorf("got %d hits from %d on, want the last %d", len(got.hits), got.hits[0].at, w.maxHits)
	}
	checkTally(t, w, got)
}

// A reload can lower the bound under what an address has.
func TestMaxHitsLowered(t *testing.T) {
	judge := judgeOf(jailOf(t, "guessing", "maxretry: 100"))
	for i := range 99 {
		hear(judge, failure("203.0.113.9"), start.Add(time.Duration(i)*time.Millisecond))
	}
	judge.SetJails([]*Jail{jailOf(t, "guessing", "maxretry: 1\nmatch: [{event: bad-password, points: 0.9}]")})
	w := judge.jails[0].window
	w.add(addr("203.0.113.9"), hit{at: start.UnixMilli() + 100, points: 1, evidence: parsers.Seen}, Line{})
	if got := w.find(addr("203.0.113.9"), start); len(got.hits) > w.maxHits {
		t.Errorf("got %d hits, want at most %d", len(got.hits), w.maxHits)
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
	judge := NewJudge([]*Jail{jailOf(t, "guessing", "")}, NewGuard(nil, nil), NewBook(nil, nil), most, false)
	src, e := judge.Source("/log"), failure("203.0.113.9")
	for i := range sources {
		e.Addr = numbered(i)
		judge.Hear(src, e, start, func(v Verdict) { t.Fatalf("got %s", word(v)) })
	}
	w := judge.jails[0].window
	if len(w.index) != most || len(w.tallies) != most+1 || len(w.lines.slots) != ringSlots {
		t.Errorf("got %d addresses, %d tallies, %d lines, want %d, %d, %d", len(w.index), len(w.tallies), len(w.lines.slots), most, most+1, ringSlots)
	}
	if got, want := w.evicted, uint64(sources-most); got != want {
		t.Errorf("got %d evicted, want %d", got, want)
	}
}
