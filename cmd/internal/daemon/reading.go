package daemon

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pbxjail/jails/store"
	"pbxjail/parsers"
	"pbxjail/watcher"
)

// reading takes the watcher's blocks through a parser to the warden. deliver runs
// in the watcher's goroutine: from the line to the kernel there is no other.
type reading struct {
	d       *Daemon
	files   map[string]*source // owned by deliver
	changed atomic.Bool        // jails have new patterns

	mu        sync.Mutex // guards positions
	positions map[string]watcher.Position
	counted   map[string]uint64 // lines of each file
}

type source struct {
	parser *parsers.Parser
}

func newReading(d *Daemon) *reading {
	return &reading{d: d, files: map[string]*source{}, positions: map[string]watcher.Position{}, counted: map[string]uint64{}}
}

// deliver never refuses a block: what is wrong with a ban is the warden's to tell.
func (r *reading) deliver(b watcher.Block) error {
	if r.changed.Swap(false) {
		for file, s := range r.files {
			s.parser.SetPatterns(r.d.warden.Patterns(file))
		}
	}
	s := r.files[b.File]
	if s == nil {
		clock := parsers.Clock{Zone: time.Local, Until: b.Arrived}
		s = &source{parser: parsers.New(clock, r.d.warden.Patterns(b.File)...)}
		r.files[b.File] = s
	}
	arrived := b.Arrived
	if b.Old { // written long ago, perhaps: no clock tells how much text one record can be
		arrived = time.Time{}
	}
	lines := s.parser.Block(b.Data, b.Cut, arrived, func(e *parsers.Event) {
		at := b.Arrived
		if b.Old && !e.Time.IsZero() && e.Time.Before(at) {
			at = e.Time
		}
		r.d.warden.Hear(b.File, e, at, b.Arrived)
	})
	r.d.warden.Lines(lines)
	r.mu.Lock()
	r.positions[b.File] = b.Next
	r.counted[b.File] += uint64(lines)
	r.mu.Unlock()
	return nil
}

// lines is how many lines of a file were read.
func (r *reading) lines(file string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counted[file]
}

// takePositions returns the positions that changed since the last call.
func (r *reading) takePositions() []store.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []store.Position
	for _, file := range slices.Sorted(maps.Keys(r.positions)) {
		if place, err := json.Marshal(r.positions[file]); err == nil {
			list = append(list, store.Position{File: file, Place: place})
		}
	}
	clear(r.positions)
	return list
}

// savePositions remembers how far each log was read. What cannot be written now is
// written with the next block; a crash before reads some lines twice, and they
// find their ban in place.
func (d *Daemon) savePositions() {
	list := d.reading.takePositions()
	if len(list) == 0 {
		return
	}
	if err := d.store.SavePositions(list, time.Now()); err != nil {
		d.log.Debug("positions are not saved", "err", err)
	}
}
