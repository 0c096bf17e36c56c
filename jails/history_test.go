package jails

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/jails/jailstest"
	"pbxjail/parsers"
)

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
func TestOddDateChangesNoOtherAddress(t *testing.T) {
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

// A reload can lower the bound under what an address has.
func TestMaxHitsLowered(t *testing.T) {
	judge := judgeOf(jailOf(t, "guessing", "maxretry: 100"))
	for i := range 99 {
		hear(judge, failure("203.0.113.9"), start.Add(time.Duration(i)*time.Millisecond))
	}
	judge.SetJails([]*Jail{jailOf(t, "guessing", "maxretry: 1\nmatch: [{event: bad-password, points: 0.9}]")})
	hear(judge, failure("203.0.113.9"), start.Add(100*time.Millisecond))
	if got, most := tallyOf(judge, 0, "203.0.113.9", start), judge.jails[0].span.Most; got != nil && len(got.Hits) > most {
		t.Errorf("got %d hits, want at most %d", len(got.Hits), most)
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
	if lines := judge.jails[0].memory.lines.Len(); w.Size() != most || lines != book.RingLines {
		t.Errorf("got %d addresses, %d lines, want %d, %d", w.Size(), lines, most, book.RingLines)
	}
	if got, want := w.Evicted, uint64(sources-most); got != want {
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
	before := jailstest.HeapBytes()
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
		t.Errorf("got %d evicted, want most of them counted", judge.Evicted())
	}
	if got := jailstest.HeapBytes() - before; got > 80<<20 {
		t.Errorf("got %.0f MiB of memory held, want less than 80", got/(1<<20))
	} else {
		t.Logf("%.0f MiB held", got/(1<<20))
	}
	runtime.KeepAlive(judge)
}
