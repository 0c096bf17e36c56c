package jails

import (
	"container/heap"
	"io"
	"net/netip"
	"runtime"
	"time"

	"pbxjail/parsers"
)

// Replay runs logs through a Judge in the order of their dates, as if they happened now.
// It touches no firewall and no ledger.
type Replay struct {
	Judge  *Judge
	Zone   *time.Location // of dates without one; nil is UTC
	Traces []Trace        // packets beside the logs; set them before Run
	Counts Counts
	Dates  Span // of the records in the logs
}

// Counts are what a replay, or a daemon, has seen.
type Counts struct {
	Lines     uint64
	Matched   uint64 // records that are an offence by their words
	Ambiguous uint64 // those of them that charge no address
	Suspects  uint64 // those of them that a caller probably wrote
	Signals   uint64
	Bans      uint64
}

// Span is the time between the first and the last date; zero when there is no date.
type Span struct{ From, To time.Time }

// add widens the span.
func (s *Span) add(at time.Time) {
	if s.From.IsZero() || at.Before(s.From) {
		s.From = at
	}
	if at.After(s.To) {
		s.To = at
	}
}

// Count adds one event.
func (c *Counts) Count(e *parsers.Event) {
	switch e.Result {
	case parsers.Offence:
		c.Matched++
	case parsers.Ambiguous:
		c.Matched++
		c.Ambiguous++
		if e.Suspect {
			c.Suspects++
		}
	case parsers.Signal:
		c.Signals++
	}
}

// Log is one log to replay. Until is the latest date it can have, usually the time when
// the file was last written.
type Log struct {
	Name  string
	Text  io.Reader
	Until time.Time
}

// Run reads all logs and traces to their end and calls decide for every verdict.
func (r *Replay) Run(logs []Log, decide func(Verdict)) error {
	var all []feed
	threads := new(parsers.Threads)
	for _, l := range logs {
		src := r.Judge.Source(l.Name)
		next := &reader{
			src: src, counts: &r.Counts, blocks: parsers.NewBlocks(l.Text), last: l.Until,
			parser: parsers.New(parsers.Clock{Zone: r.Zone, Until: l.Until}, src.Patterns()...),
			late:   r.lateness(), dates: &r.Dates, page: new(page),
		}
		next.parser.Share(threads)
		next.parser.SetForeign(src.Foreign())
		all = append(all, next)
	}
	for _, t := range r.Traces {
		all = append(all, &player{src: r.Judge.Wire(), trace: t})
	}
	take := r.taker(decide)
	if len(r.Traces) > 0 || runtime.GOMAXPROCS(0) == 1 {
		if len(logs) == 1 && len(r.Traces) == 0 {
			log := all[0].(*reader)
			log.hear = func(events []parsers.Event) {
				w := &r.Judge.warmer
				w.next = w.next[:0]
				for i := range events {
					w.next = append(w.next, &events[i])
				}
				r.Judge.warm(w.next)
				for _, e := range w.next {
					r.Judge.Hear(log.src, e, log.at(e), take)
				}
			}
		}
		return r.merge(all, func(f feed) { f.play(r.Judge, take) }, take)
	}
	return r.beside(all, take)
}

// taker counts verdicts and keeps their bans, before decide sees them.
func (r *Replay) taker(decide func(Verdict)) func(Verdict) {
	return func(v Verdict) {
		switch {
		case v.Protected != "" || v.Alarm:
		case v.Observe:
			r.Judge.observed.Put(v.Ban.WithoutLines())
		default:
			r.Counts.Bans++
			for !r.Judge.book.Put(v.Ban.WithoutLines()) {
				if _, ok := r.Judge.book.MakeRoom(v.Ban.Since); !ok {
					break
				}
			}
		}
		decide(v)
	}
}

// merge calls play for each event of all logs and traces, in the order of their times.
func (r *Replay) merge(all []feed, play func(feed), take func(Verdict)) error {
	var open feeds
	for _, f := range all {
		if ok, err := f.advance(); err != nil {
			return err
		} else if ok {
			open = append(open, f)
		}
	}
	heap.Init(&open)
	var last time.Time
	traces := len(r.Traces)
	for len(open) > 0 {
		first := open[0]
		last = first.due()
		play(first)
		ok, err := first.advance()
		if err != nil {
			return err
		}
		switch _, packets := first.(*player); {
		case ok:
			heap.Fix(&open, 0)
			continue
		case packets:
			traces--
			if traces == 0 {
				r.Judge.gate.End(first.due())
			}
		}
		heap.Pop(&open)
	}
	if len(r.Traces) > 0 { // no more packets come for the waiting records
		r.Judge.resolve(last.Add(2*packetsWithin), netip.Addr{}, take)
	}
	return nil
}

// lateness is how long a record waits for packets. Its date has whole seconds, so all
// packets of that second are played before it: then the witness has heard all packets
// that the record is about.
func (r *Replay) lateness() time.Duration {
	if len(r.Traces) == 0 {
		return 0
	}
	return time.Second
}

// feed is a log or a trace that is replayed.
type feed interface {
	advance() (bool, error) // to the next event; false at the end
	due() time.Time         // when the present event is played
	play(j *Judge, take func(Verdict))
}

// feeds is a heap, ordered by the time when the present event of each is played.
type feeds []feed

func (h feeds) Len() int           { return len(h) }
func (h feeds) Less(i, k int) bool { return h[i].due().Before(h[k].due()) }
func (h feeds) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *feeds) Push(x any)        { *h = append(*h, x.(feed)) }
func (h *feeds) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
