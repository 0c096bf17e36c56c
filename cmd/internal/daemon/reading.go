package daemon

import (
	"sync"
	"sync/atomic"
	"time"

	"pbxjail/parsers"
	"pbxjail/watcher"
)

// hearer is what reading needs of the warden.
type hearer interface {
	Hear(log string, e *parsers.Event, at, now time.Time)
	Lines(n int)
	Patterns(log string) []*parsers.Pattern
}

// reading is where all sources meet. A source of text (files and pipes now) hands its
// blocks to deliver; a source that makes events itself hands them to hear. Both end at
// the warden, in the goroutine of the source: from the line to the kernel there is no
// other one, and nothing is queued.
type reading struct {
	warden  hearer
	places  *positions
	parsers map[string]*parsers.Parser // by log; owned by deliver
	changed atomic.Bool                // jails have new patterns

	mu      sync.Mutex
	counted map[string]uint64 // lines of each log; guarded by mu
}

// newReading starts nothing. Blocks that are dealt with are noted in places.
func newReading(warden hearer, places *positions) *reading {
	return &reading{warden: warden, places: places, parsers: map[string]*parsers.Parser{}, counted: map[string]uint64{}}
}

// renew makes the next block of each log take the patterns of the jails again.
func (r *reading) renew() { r.changed.Store(true) }

// deliver takes a block of a log. It never refuses one: a ban that fails is the
// warden's problem. It must be called from one goroutine.
func (r *reading) deliver(b watcher.Block) error {
	if r.changed.Swap(false) {
		for log, p := range r.parsers {
			p.SetPatterns(r.warden.Patterns(log))
		}
	}
	p := r.parsers[b.File]
	if p == nil {
		clock := parsers.Clock{Zone: time.Local, Until: b.Arrived}
		p = parsers.New(clock, r.warden.Patterns(b.File)...)
		r.parsers[b.File] = p
	}
	arrived := b.Arrived
	if b.Old { // written long ago, perhaps: no clock says how much text one record can be
		arrived = time.Time{}
	}
	lines := p.Block(b.Data, b.Cut, arrived, func(e *parsers.Event) {
		at := b.Arrived
		if b.Old && !e.Time.IsZero() && e.Time.Before(at) {
			at = e.Time
		}
		r.warden.Hear(b.File, e, at, b.Arrived)
	})
	r.warden.Lines(lines)
	r.places.passed(b.File, b.Next)
	r.mu.Lock()
	r.counted[b.File] += uint64(lines)
	r.mu.Unlock()
	return nil
}

// hear takes an event that a source made itself. source stands where the name of a log
// stands, and is no path. It may be called from any goroutine.
func (r *reading) hear(source string, e *parsers.Event, now time.Time) {
	at := now
	if !e.Time.IsZero() {
		at = e.Time
	}
	r.warden.Hear(source, e, at, now)
}

// lines is how many lines of a log were read.
func (r *reading) lines(log string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counted[log]
}
