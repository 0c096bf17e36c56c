package daemon

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pbxjail/parsers"
	"pbxjail/watcher"
)

// listener is a warden that remembers what it hears.
type listener struct {
	patterns []*parsers.Pattern
	heard    []string
}

func (l *listener) Hear(_ string, e *parsers.Event, at, _ time.Time) {
	l.heard = append(l.heard, fmt.Sprintf("%s %s %s", e.Result, e.Addr, at.UTC().Format(time.DateTime)))
}
func (l *listener) HearWire(*parsers.Event, time.Time) {}
func (l *listener) HearAMI(*parsers.Event, time.Time)  {}

func (l *listener) Lines(int)                          {}
func (l *listener) Foreign(string) parsers.Services    { return 0 }
func (l *listener) Patterns(string) []*parsers.Pattern { return l.patterns }

const (
	amiLine    = "NOTICE[1] manager.c: 203.0.113.7 failed to authenticate as 'x'\n"
	iaxLine    = "[2026-03-05 06:00:00] NOTICE[1] chan_iax2.c: No registration for peer 'x' (from 192.0.2.50)\n"
	iaxRest    = "y' (from 203.0.113.5)\n"
	ownLine    = "refused 203.0.113.9\n"
	ownPattern = `^refused <ADDR>$`
)

// TestReadingTimes: lines that were written before pbxjail began to read count when
// they were written, or not at all where nothing tells when.
func TestReadingTimes(t *testing.T) {
	pattern, err := parsers.NewPattern(ownPattern)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		blocks []watcher.Block
		want   []string
	}{
		{"live", []watcher.Block{{Data: []byte("[Mar  5 05:00:00] " + amiLine)}}, []string{"offence 203.0.113.7 2026-03-05 06:00:00"}},
		{"old", []watcher.Block{{Data: []byte("[Mar  5 05:00:00] " + amiLine), Old: true}}, []string{"offence 203.0.113.7 2026-03-05 05:00:00"}},
		{"old, days after the first block", []watcher.Block{
			{Data: []byte("[Feb 20 05:00:00] " + amiLine), Old: true, Arrived: time.Date(2026, 2, 21, 6, 0, 0, 0, time.UTC)}, {Data: []byte("[Mar  5 05:00:00] " + amiLine), Old: true},
		}, []string{"offence 203.0.113.7 2026-02-20 05:00:00", "offence 203.0.113.7 2026-03-05 05:00:00"}},
		{"old, over New Year", []watcher.Block{
			{Data: []byte("[Dec 20 05:00:00] " + amiLine), Old: true, Arrived: time.Date(2025, 12, 21, 6, 0, 0, 0, time.UTC)}, {Data: []byte("[Jan  3 05:00:00] " + amiLine), Old: true},
		}, []string{"offence 203.0.113.7 2025-12-20 05:00:00", "offence 203.0.113.7 2026-01-03 05:00:00"}},
		{"own pattern, live", []watcher.Block{{Data: []byte(ownLine)}}, []string{"offence 203.0.113.9 2026-03-05 06:00:00"}},
		{"own pattern, old", []watcher.Block{{Data: []byte("2026-03-01 05:00:00 started\n" + ownLine), Old: true}}, []string{"offence 203.0.113.9 2026-03-01 05:00:00"}},
		{"own pattern, old, and nothing tells when", []watcher.Block{{Data: []byte(ownLine), Old: true}}, []string{"ambiguous 203.0.113.9 2026-03-05 06:00:00"}},
		{"a record that goes on in the next block", []watcher.Block{{Data: []byte(iaxLine)}, {Data: []byte(iaxRest)}}, []string{"ambiguous invalid IP 2026-03-05 06:00:00"}},
		{"a record at the end of the old text", []watcher.Block{{Data: []byte("[2026-03-01 05:00:00] " + amiLine + "[2026-03-01 05:00:00]" + iaxLine[21:]), Old: true}, {Data: []byte("[2026-03-05 06:00:00] " + amiLine)}},
			[]string{"offence 203.0.113.7 2026-03-01 05:00:00", "offence 192.0.2.50 2026-03-01 05:00:00", "offence 203.0.113.7 2026-03-05 06:00:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &listener{patterns: []*parsers.Pattern{pattern}}
			r := newReading(l, newPositions(nil, nil))
			r.zone = time.UTC
			for _, b := range c.blocks {
				b.File = "/log"
				if b.Arrived.IsZero() {
					b.Arrived = now
				}
				if err := r.deliver(b); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(l.heard, c.want) {
				t.Errorf("got %q, want %q", l.heard, c.want)
			}
		})
	}
}

// TestReadingSettles: the last record of a log does not wait without end, and not for
// the stop either.
func TestReadingSettles(t *testing.T) {
	now := time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		at   time.Time
		want int
	}{{"at once", now, 0}, {"half a second later", now.Add(time.Second / 2), 1}, {"at the stop", time.Time{}, 1}} {
		l := &listener{}
		r := newReading(l, newPositions(nil, nil))
		if err := r.deliver(watcher.Block{File: "/log", Data: []byte(iaxLine), Arrived: now}); err != nil {
			t.Fatal(err)
		}
		r.settle(c.at)
		if len(l.heard) != c.want {
			t.Errorf("%s: got %q, want %d events", c.name, l.heard, c.want)
		}
		if got := r.account("/log"); got.Lines != 1 || got.Records != 1 {
			t.Errorf("%s: got %+v, want a line that is understood", c.name, got)
		}
	}
}
