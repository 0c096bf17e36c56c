package parsers

import (
	"bytes"
	"time"
)

// heldEvent is an event whose record may go on in the line after the block.
type heldEvent struct {
	event  Event  // with texts of its own
	record record // what is asked of it
	tail   int
	mark   []byte
	writer []byte
	since  time.Time // when its block arrived; zero for a replay
}

// maxHeld bounds the events that wait: the built-in one of a line, and those of own
// patterns. More are doubted.
const maxHeld = 64

// LookAhead makes the parser wait for the next block where a record is believed only
// when the next line begins another one, and the block ends between. Who sets it must
// call Settle: with the time, every now and then, and at the end of the log.
func (p *Parser) LookAhead() { p.lookAhead = true }

// hold keeps an event until the next line of its writer is there. It reports false,
// and doubts the event, when too many wait already.
func (p *Parser) hold(e *Event) bool {
	if len(p.held) == maxHeld {
		e.Result, e.Doubt = Ambiguous, goesOnDoubt
		return false
	}
	keep := *e
	for _, t := range []*Text{&keep.Account, &keep.Number, &keep.Agent, &keep.Session, &keep.Challenge, &keep.Line} {
		*t = t.Clone()
	}
	r := record{kind: p.record.kind, file: bytes.Clone(p.record.file), msg: bytes.Clone(p.record.msg)}
	p.held = append(p.held, heldEvent{event: keep, record: r, tail: p.tail, mark: p.mark, writer: bytes.Clone(p.env.writer), since: p.arrived})
	return true
}

// resume judges the events that wait by the lines that came.
func (p *Parser) resume(data []byte, arrived time.Time, emit func(*Event)) {
	if len(data) == 0 {
		return
	}
	held := p.held
	p.held = nil
	p.near.rest, p.near.ahead, p.near.head = data, seenAhead{}, nil
	for i := range held {
		h := &held[i]
		p.env = envelope{kind: h.record.kind, writer: h.writer}
		p.tail, p.mark = h.tail, h.mark
		late := !arrived.IsZero() && !h.since.IsZero() && arrived.Sub(h.since) > doubtLasts
		line, env := p.nextLine()
		switch {
		case late:
		case len(line) == 0:
			p.held = append(p.held, *h)
			continue
		case !p.namesNoOther(&h.record, h.event.Addr) && !p.ends(&h.record, line, &env):
			p.doubtEnd(&h.event, line)
		}
		p.release(h, emit)
	}
}

// Settle hands out the events whose next line has not come by now: nothing more
// belongs to a record that was written so long ago. The zero time hands out all.
func (p *Parser) Settle(now time.Time, emit func(*Event)) {
	const enough = 200 * time.Millisecond // Asterisk writes a record at once
	held := p.held
	p.held = nil
	for i := range held {
		if h := &held[i]; now.IsZero() || now.Sub(h.since).Abs() >= enough {
			p.release(h, emit)
		} else {
			p.held = append(p.held, *h)
		}
	}
}

// Waits reports whether an event waits for Settle or for the next block.
func (p *Parser) Waits() bool { return len(p.held) > 0 }

// FirstWaiting is the Row of the first event that waits, 0 when none does.
func (p *Parser) FirstWaiting() uint64 {
	if len(p.held) == 0 {
		return 0
	}
	return p.held[0].event.Row
}

func (p *Parser) release(h *heldEvent, emit func(*Event)) {
	p.count(&h.event)
	emit(&h.event)
}
