package jails

import (
	"errors"
	"fmt"
	"io"
	"time"

	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

// reader returns the events of one log, one by one. They point into the block that was
// read last, so they are queued until the next block is read. A log that is alone needs no queue.
type reader struct {
	src    *Source
	counts *Counts
	blocks *parsers.Blocks
	parser *parsers.Parser
	page   *page
	next   int
	swap   func(*page) *page // takes a page whose events were played, and gives one for the next block; nil: the same one
	empty  chan *page        // pages for the next block, which is read ahead; nil: it is not
	coming chan *page        // these pages with their block
	ended  bool              // there is no more block
	last   time.Time
	late   time.Duration
	dates  *Span
	hear   func(events []parsers.Event) // takes some events in place of the queue; nil: they are queued
}

// page is a block and its events.
type page struct {
	events []parsers.Event
	memory []byte // of the block, which they point into; nil: that of blocks
	data   []byte
	cut    bool
	behind int            // how many bytes of the log stand right behind the block
	heads  *parsers.Heads // what was found in the block ahead; nil: nothing
	err    error
}

func (r *reader) play(j *Judge, take func(Verdict)) {
	e := r.event()
	j.Hear(r.src, e, r.at(e), take)
}

func (r *reader) event() *parsers.Event { return &r.page.events[r.next-1] }

func (r *reader) due() time.Time { return r.at(r.event()).Add(r.late) }

// at is the time of an event; a record without a date has the time of the one before.
func (r *reader) at(e *parsers.Event) time.Time {
	if t := e.Time; !t.IsZero() {
		r.last = t
	}
	return r.last
}

// advance goes to the next event that counts; false at the end of the log.
func (r *reader) advance() (bool, error) {
	for r.next == len(r.page.events) {
		r.turn()
		p := r.page
		if p.err != nil && !r.ended {
			return false, fmt.Errorf("cannot read %s: %w", r.src.file, p.err)
		}
		p.events, r.next = p.events[:0], 0
		r.parser.Continues(p.behind)
		if r.ended {
			r.parser.Settle(time.Time{}, r.take)
			r.heard()
			if len(p.events) == 0 {
				return false, nil
			}
			continue
		}
		r.parser.Ahead(p.heads)
		r.counts.Lines += uint64(r.parser.Block(p.data, p.cut, time.Time{}, r.take))
		r.heard()
	}
	r.next++
	return true, nil
}

// turn goes to the page of the next block.
func (r *reader) turn() {
	if r.coming == nil || r.ended {
		r.page = r.played()
		if r.ended {
			r.page.behind = 0
			return
		}
		r.fill(r.page)
	} else {
		next := <-r.coming // before this page becomes free: the next block begins with the rest of its text
		free := r.played()
		r.page = next
		if next.err == nil {
			r.empty <- free
		}
	}
	r.ended = errors.Is(r.page.err, io.EOF)
}

// played gives a page that can be filled, in place of the present one.
func (r *reader) played() *page {
	if r.swap != nil && len(r.page.events) > 0 {
		return r.swap(r.page)
	}
	return r.page
}

// fill reads the next block into a page.
func (r *reader) fill(p *page) {
	if p.memory != nil {
		r.blocks.Use(p.memory)
	}
	p.data, p.cut, p.err = r.blocks.Next()
	p.behind = r.blocks.Ahead()
	if p.heads != nil {
		p.heads.Read(p.data, p.behind)
	}
}

// ahead reads blocks, and looks at their lines, while those before them are parsed. It ends
// when empty is closed.
func (r *reader) ahead() {
	for p := range r.empty {
		r.fill(p)
		r.coming <- p
	}
}

// take queues an event.
func (r *reader) take(e *parsers.Event) {
	r.counts.Count(e)
	if !e.Time.IsZero() {
		r.dates.add(e.Time)
	}
	if e.Result == parsers.None {
		return
	}
	r.page.events = append(r.page.events, *e)
	if len(r.page.events) == recent.WarmAtOnce {
		r.heard()
	}
}

// heard gives the events in the queue to hear, where there is one.
func (r *reader) heard() {
	if r.hear != nil {
		r.hear(r.page.events)
		r.page.events = r.page.events[:0]
	}
}
