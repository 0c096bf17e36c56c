package jails

import (
	"errors"
	"fmt"
	"io"
	"time"

	"pbxjail/parsers"
)

// reader returns the events of one log, one by one. They point into the block that was
// read last, so they are queued until the next block is read.
type reader struct {
	src    *Source
	counts *Counts
	blocks *parsers.Blocks
	parser *parsers.Parser
	page   *page
	next   int
	swap   func(*page) *page // takes a page whose events were played, and gives one for the next block; nil: the same one
	last   time.Time
	late   time.Duration
	dates  *Span
}

// page is the events of a block.
type page struct {
	events []parsers.Event
	memory []byte // of the block, which they point into; nil: that of blocks
}

func (r *reader) play(j *Judge, take func(Verdict)) { j.Hear(r.src, r.event(), r.at(), take) }

func (r *reader) event() *parsers.Event { return &r.page.events[r.next-1] }

func (r *reader) due() time.Time { return r.at().Add(r.late) }

// at is the time of the present event; a record without a date has the time of the one
// before.
func (r *reader) at() time.Time {
	if t := r.event().Time; !t.IsZero() {
		r.last = t
	}
	return r.last
}

// advance goes to the next event that counts; false at the end of the log.
func (r *reader) advance() (bool, error) {
	for r.next == len(r.page.events) {
		if r.swap != nil && len(r.page.events) > 0 {
			r.page = r.swap(r.page)
			r.blocks.Use(r.page.memory)
		}
		data, cut, err := r.blocks.Next()
		atEnd := errors.Is(err, io.EOF)
		if err != nil && !atEnd {
			return false, fmt.Errorf("read %s: %w", r.src.file, err)
		}
		r.page.events, r.next = r.page.events[:0], 0
		r.parser.Continues(r.blocks.Ahead())
		if atEnd {
			r.parser.Settle(time.Time{}, r.take)
			if len(r.page.events) == 0 {
				return false, nil
			}
			continue
		}
		r.parse(data, cut)
	}
	r.next++
	return true, nil
}

func (r *reader) parse(data []byte, cut bool) {
	r.counts.Lines += uint64(r.parser.Block(data, cut, time.Time{}, r.take))
}

// take queues an event.
func (r *reader) take(e *parsers.Event) {
	r.counts.Count(e)
	if !e.Time.IsZero() {
		r.dates.add(e.Time)
	}
	if e.Result != parsers.None {
		r.page.events = append(r.page.events, *e)
	}
}
