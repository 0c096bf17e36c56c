package daemon

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/store"
	"pbxjail/parsers"
	"pbxjail/parsers/sensor"
	"pbxjail/watcher"
	"pbxjail/watcher/wire"
)

// heard is a warden that only remembers.
type heard struct {
	events []string // rule and log
	times  []time.Time
	lines  int
	own    map[string][]*parsers.Pattern
}

func (h *heard) Hear(log string, e *parsers.Event, at, _ time.Time) {
	if e.Result == parsers.Offence {
		h.events = append(h.events, e.Addr.String()+" in "+log)
		h.times = append(h.times, at)
	}
}

func (h *heard) HearWire(e *parsers.Event, now time.Time) { h.Hear("wire", e, now, now) }
func (h *heard) HearAMI(e *parsers.Event, now time.Time)  { h.Hear("ami", e, now, now) }

func (h *heard) Lines(n int)                            { h.lines += n }
func (h *heard) Foreign(string) parsers.Services        { return 0 }
func (h *heard) Patterns(log string) []*parsers.Pattern { return h.own[log] }

// shelf is a ledger of positions.
type shelf struct {
	saved []store.Position
	fail  error
}

func (s *shelf) Positions() ([]store.Position, error) { return s.saved, s.fail }

func (s *shelf) SavePositions(list []store.Position, _ time.Time) error {
	if s.fail != nil {
		return s.fail
	}
	s.saved = append(s.saved, list...)
	return nil
}

func block(log, text string, at time.Time, next int64) watcher.Block {
	return watcher.Block{File: log, Data: []byte(text), Arrived: at, Next: watcher.Position{File: log, Offset: next}}
}

func TestReading(t *testing.T) {
	h, places := &heard{}, newPositions(&shelf{}, func() error { return nil })
	r := newReading(h, places)
	now := time.Date(2026, 11, 26, 12, 0, 5, 0, time.Local)
	text := "[2026-11-26 12:00:01] NOTICE[101] chan_sip.c: Registration from '\"1\" <sip:1@192.0.2.10>' failed for '203.0.113.9:5060' - Wrong password\n"
	if err := r.deliver(block("/log/a", text+text, now, 200)); err != nil {
		t.Fatal(err)
	}
	old := block("/log/b", text, now, 100)
	old.Old = true
	if err := r.deliver(old); err != nil {
		t.Fatal(err)
	}
	if want := []string{"203.0.113.9 in /log/a", "203.0.113.9 in /log/a", "203.0.113.9 in /log/b"}; !slices.Equal(h.events, want) {
		t.Errorf("got %v, want %v", h.events, want)
	}
	if h.lines != 3 || r.account("/log/a").Lines != 2 || r.account("/log/b").Lines != 1 || r.account("/log/c").Lines != 0 {
		t.Errorf("got %d lines, %d and %d", h.lines, r.account("/log/a").Lines, r.account("/log/b").Lines)
	}
	if !h.times[0].Equal(now) || !h.times[2].Before(now) {
		t.Errorf("got times %v, want the arrival for a live line, and its own for an old one", h.times)
	}
	if got := slices.Sorted(maps.Keys(places.take())); !slices.Equal(got, []string{"/log/a", "/log/b"}) {
		t.Errorf("got positions of %v", got)
	}
}

// TestReadingTakesNewPatterns: a jail that changes is heard with the next block.
func TestReadingTakesNewPatterns(t *testing.T) {
	h := &heard{own: map[string][]*parsers.Pattern{}}
	r := newReading(h, newPositions(&shelf{}, func() error { return nil }))
	text := "[2026-11-26 12:00:01] NOTICE[4101] chan_custom.c: login refused from 203.0.113.9:5060\n"
	now := time.Now()
	deliver := func() int {
		h.events = nil
		now = now.Add(time.Second) // right behind a record of an unknown form one of a known form stays in doubt
		if err := r.deliver(block("/log/a", text, now, 1)); err != nil {
			t.Fatal(err)
		}
		return len(h.events)
	}
	if n := deliver(); n != 0 {
		t.Fatalf("got %d events without a pattern", n)
	}
	p, err := parsers.NewPattern(`^NOTICE chan_custom\.c: login refused from <ADDR>:<PORT>$`)
	if err != nil {
		t.Fatal(err)
	}
	h.own["/log/a"] = []*parsers.Pattern{p}
	if n := deliver(); n != 0 {
		t.Errorf("got %d events before the patterns are renewed", n)
	}
	r.renew()
	if n := deliver(); n != 1 {
		t.Errorf("got %d events, want 1", n)
	}
}

// TestEventsWaitForPackets: once a block, before its first event, and never for old lines
// or for lines without an event.
func TestEventsWaitForPackets(t *testing.T) {
	h := &heard{}
	r := newReading(h, newPositions(&shelf{}, func() error { return nil }))
	var before []int // events heard when the packets were read
	r.catchUp = func() { before = append(before, len(h.events)) }
	now := time.Now()
	text := "[2026-11-26 12:00:01] NOTICE[4101] chan_sip.c: Registration from '\"1\" <sip:1@192.0.2.10>' failed for '203.0.113.9:5060' - Wrong password\n"
	if err := r.deliver(block("/log/a", text+text, now, 200)); err != nil {
		t.Fatal(err)
	}
	if err := r.deliver(block("/log/a", "[2026-11-26 12:00:02] NOTICE[4101] loader.c: hello\n", now.Add(time.Second), 300)); err != nil {
		t.Fatal(err)
	}
	old := block("/log/b", text, now, 100)
	old.Old = true
	if err := r.deliver(old); err != nil {
		t.Fatal(err)
	}
	if want := []int{0}; len(h.events) != 3 || !slices.Equal(before, want) {
		t.Errorf("%d events; packets were read at %v, want %v", len(h.events), before, want)
	}
}

// TestReadingAsksTheCapture: the daemon connects the two.
func TestReadingAsksTheCapture(t *testing.T) {
	d := newSite(t).open()
	c := &cable{}
	d.wire = newWireSource(configs.Wire{Enabled: true}, sensor.DefaultPorts(), d.log, wire.LiveOptions{})
	d.wire.live = c
	d.openSources()
	if d.reading.catchUp == nil {
		t.Fatal("records do not wait for packets")
	}
	d.reading.catchUp()
	if n := c.syncs.Load(); n != 1 {
		t.Errorf("the capture was asked %d times", n)
	}
}

// TestEventsOfOtherSources: who makes events itself needs no block.
func TestEventsOfOtherSources(t *testing.T) {
	h := &heard{}
	r := newReading(h, newPositions(&shelf{}, func() error { return nil }))
	now := time.Date(2026, 11, 26, 12, 0, 5, 0, time.UTC)
	r.hear(&parsers.Event{Result: parsers.Offence, Addr: netip.MustParseAddr("203.0.113.9")}, now)
	if want := []string{"203.0.113.9 in wire"}; !slices.Equal(h.events, want) {
		t.Errorf("got %v, want %v", h.events, want)
	}
}

// TestPositionsWaitForBans: a position is written only after the bans before it.
func TestPositionsWaitForBans(t *testing.T) {
	full := errors.New("no space left on device")
	var steps []string
	var flush error
	s := &shelf{}
	p := newPositions(s, func() error { steps = append(steps, "bans"); return flush })
	save := func() error { return p.save(time.Now()) }
	if err := save(); err != nil || len(steps) != 0 {
		t.Errorf("got %v, %v when nothing moved", err, steps)
	}
	p.passed("/log/a", watcher.Position{File: "/log/a", Offset: 1})
	p.passed("/log/b", watcher.Position{File: "/log/b", Offset: 1})
	flush = full
	if err := save(); !errors.Is(err, full) || len(s.saved) != 0 {
		t.Errorf("got %v and %d positions, want none: the bans before them are not written", err, len(s.saved))
	}
	flush, s.fail = nil, full
	p.passed("/log/a", watcher.Position{File: "/log/a", Offset: 2})
	if err := save(); !errors.Is(err, full) {
		t.Errorf("got %v, want the database's error", err)
	}
	s.fail = nil
	if err := save(); err != nil || len(s.saved) != 2 {
		t.Fatalf("got %v and %d positions, want both", err, len(s.saved))
	}
	back := newPositions(s, nil).remembered(quiet())
	if back["/log/a"].Offset != 2 || back["/log/b"].Offset != 1 {
		t.Errorf("got %+v, want the newest of each", back)
	}
	s.fail = full
	if back := newPositions(s, nil).remembered(quiet()); len(back) != 0 {
		t.Errorf("got %v of a ledger that cannot be read", back)
	}
}
