package parsers

import (
	"bytes"
	"net/netip"
	"time"
)

// maxRecord is the length from which a physical line is not one record: the
// logger cuts at its buffer, newline and all, and the next record follows on
// the same line. asterisk:main/logger.c, BUFSIZ.
const maxRecord = 8190

// Parser reads the records of one log in their order. Make one for each file: it
// remembers whether the text that comes next is still an attacker's. Not safe
// for concurrent use.
type Parser struct {
	patterns  []*Pattern
	clock     Clock
	taint     taint
	record    record
	found     found
	near      neighbours
	event     Event
	env       envelope
	parts     parts
	tainter   []byte    // the writer of the text that tainted
	unescape  []byte    // memory for the text of docker's lines
	lastLine  []byte    // of the block before
	lookAhead bool      // see LookAhead
	waits     bool      // the event at hand waits for the next line
	sent      bool      // the line at hand made an event
	arrived   time.Time // of the block at hand
	held      []heldEvent
	counts    Counts
	lastTime  time.Time // that of the last event with a date
	msgBuf    []byte    // a message without its padding
	textBuf   []byte    // what own patterns see
}

// New makes a Parser with jail files' own patterns beside the built-in rules.
// The clock reads the dates of records; its zero value is UTC.
func New(clock Clock, patterns ...*Pattern) *Parser {
	return &Parser{clock: clock, patterns: patterns}
}

// MaxLine is the longest line a Parser takes for a record, in bytes.
const MaxLine = 8192

// Block reads whole lines, each ended by a newline, and calls emit for every
// event. cut says that data is the beginning of one longer line. arrived is when
// the text was read, zero for a replay. The event holds until emit returns.
func (p *Parser) Block(data []byte, cut bool, arrived time.Time, emit func(*Event)) (lines int) {
	if !arrived.IsZero() {
		p.clock.ReadAt(arrived)
	}
	if len(p.held) > 0 {
		p.resume(data, arrived, emit)
	}
	p.arrived = arrived
	p.near.block, p.near.prev = data, p.lastLine
	for at := 0; at < len(data); lines++ {
		n := bytes.IndexByte(data[at:], '\n')
		if n < 0 {
			n = len(data) - at
		}
		line := data[at : at+n]
		p.near.at, p.near.rest = at, data[min(at+n+1, len(data)):]
		p.Line(line, cut, arrived, emit)
		p.near.prev = line
		at += n + 1
	}
	if lines > 0 {
		p.lastLine = append(p.lastLine[:0], p.near.prev[:min(len(p.near.prev), MaxLine)]...)
	}
	p.near.block, p.near.at, p.near.rest, p.near.prev = nil, 0, nil, nil
	return lines
}

// ReadAt tells the parser when the records that follow are read, so that dates
// without a year are not taken for last year's. Block does so itself unless its
// arrived is zero.
func (p *Parser) ReadAt(now time.Time) { p.clock.ReadAt(now) }

// Counts are what a Parser has read since New.
type Counts struct {
	Lines    uint64
	Heads    uint64 // lines that begin a record of Asterisk's, as far as they can be read
	Matched  uint64 // events
	Doubtful uint64 // those of them that charge nobody, because whose they are cannot be trusted
}

// Counts returns what was read so far. A log with Lines and no Heads is read and not
// understood.
func (p *Parser) Counts() Counts { return p.counts }

// Line reads one line without its newline, and calls emit for what it means: at
// most one built-in event, and one for each own pattern that matches.
func (p *Parser) Line(line []byte, cut bool, arrived time.Time, emit func(*Event)) {
	p.counts.Lines++
	env := &p.env
	if len(line) > 0 && line[0] != '[' {
		wrapped := false
		if p.unescape, wrapped = unwrap(trimLine(line), p.unescape, env); wrapped {
			p.wrapped(line, cut, arrived, emit)
			return
		}
	}
	if env.kind != plainLine {
		*env = envelope{}
	}
	env.text = line
	p.read(line, cut, arrived, emit)
}

// send hands out an event, unless it has to wait for the next line.
func (p *Parser) send(e *Event, emit func(*Event)) {
	p.sent = true
	e.Row = p.counts.Lines
	if !e.Time.IsZero() {
		p.lastTime = e.Time
	}
	if p.waits && p.hold(e) {
		return
	}
	p.count(e)
	emit(e)
}

func (p *Parser) count(e *Event) {
	p.counts.Matched++
	if e.Result == Ambiguous {
		p.counts.Doubtful++
	}
}

// read reads the text of the line at hand.
func (p *Parser) read(line []byte, cut bool, arrived time.Time, emit func(*Event)) {
	env := &p.env
	text := env.text
	tainted := p.taint.bytes > 0 && p.tainted(p.weight(line), arrived)
	if skippable(text) && len(p.patterns) == 0 {
		if len(text) > 0 {
			p.counts.Heads++
		}
		if !tainted && cutOff(text) {
			p.taintFrom(taint{bytes: dumpReach, since: arrived})
		}
		return
	}
	text = trimLine(text)
	if env.kind == plainLine {
		line = text
	}
	r := &p.record
	head := p.headOf(text, env, r)
	p.waits = false
	if head {
		p.counts.Heads++
		e := &p.event
		*e = Event{}
		known := p.builtin(r, e)
		before := p.taint.bytes
		p.startTaint(r, e.Open, arrived)
		if known {
			e.Line = TextOf(line)
			p.gate(e, text, cut, tainted)
			p.compare(e, r, tainted)
			if env.times > 1 {
				p.repeat(e)
			}
			if e.Result != None {
				e.Time = p.clock.At(r.when())
				p.send(e, emit)
			}
		}
		if p.taint.bytes > before {
			p.tainter = append(p.tainter[:0], env.writer...)
		}
	}
	if len(p.patterns) > 0 && !cut && !tainted && len(text) < maxRecord {
		p.own(line, head, r, emit)
	}
}

// builtin routes the record to what its level and source file allow.
func (p *Parser) builtin(r *record, e *Event) bool {
	if r.level == levelSecurity {
		if len(r.file) == 0 && len(r.lwp) == 0 {
			return p.sipsec(r.msg, e)
		}
		return string(r.file) == "res_security_log.c" && p.security(r.msg, e)
	}
	rules := builtin.rulesOf(r.file)
	if len(rules) == 0 {
		return false
	}
	return p.match(rules, r, e)
}

// gate turns into Ambiguous what the whole line shows not to be one record of
// Asterisk's own.
func (p *Parser) gate(e *Event, line []byte, cut, tainted bool) {
	switch {
	case e.Result == None:
		return
	case tainted:
		e.Result, e.Doubt = Ambiguous, "inside text that a caller wrote into another record"
	case cut || len(line) >= maxRecord:
		e.Result, e.Doubt = Ambiguous, "a line this long is not one record"
	case e.Result == Offence && bytes.IndexByte(line, 0) >= 0:
		e.Result, e.Doubt = Ambiguous, "a NUL byte: the file is damaged"
	case e.Addr.IsValid() && !Bannable(e.Addr):
		e.Result, e.Doubt = None, "no packet from elsewhere has this address"
	}
	if e.Result != Offence && e.Result != Signal {
		e.Evidence = min(e.Evidence, Claimed)
	}
	if e.Result == Ambiguous && (tainted || cut || len(line) >= maxRecord) {
		e.Addr = netip.Addr{} // not even a witness
	}
}

const goesOnDoubt = "the record goes on in the next line, and so may its address"

// compare doubts an offence that does not fit the lines around it.
func (p *Parser) compare(e *Event, r *record, tainted bool) {
	foreign := !tainted && p.near.foreign(r)
	switch {
	case e.Result != Offence:
	case foreign:
		e.Result, e.Doubt = Ambiguous, "its date is written otherwise than those before it"
	case e.Before && p.goesOn(e, r):
		p.taint.bytes = max(p.taint.bytes, dumpReach)
	}
}

// SetPatterns puts other patterns in place of those New was given.
func (p *Parser) SetPatterns(patterns []*Pattern) { p.patterns = patterns }
