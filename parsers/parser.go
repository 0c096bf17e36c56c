package parsers

import (
	"bytes"
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
	patterns  patternSet
	raw       bool     // a program of the log does not escape newlines
	foreign   Services // of other programs, whose lines are read too
	clock     Clock
	threads   *Threads
	doubt     doubt
	tail      int    // how far the text of the record at hand can go on; tailUnknown: its form is not known
	end       []byte // what Asterisk writes behind that text
	holds     []byte // what the line that it ends in must hold
	mark      []byte // what Asterisk writes between it and the address
	passed    int    // bytes of the line at hand that count
	behind    int    // bytes of the log that stand behind the block
	final     bool   // nothing comes behind it
	headed    bool   // the log holds records of Asterisk's
	record    record
	found     found
	near      neighbours
	heads     Heads  // of the lines of the block at hand
	look      *Heads // the same, or those that were read ahead; nil: the lines are read without it
	ahead     *Heads // see Ahead
	byLine    bool   // for tests: the lines of a block are not looked at together
	row       int    // the number of the line at hand in look
	users     amiUsers
	local     ownAddress
	event     Event
	env       envelope
	parts     parts
	doubter   []byte    // the writer of the text that doubt began with
	unescape  []byte    // memory for the text of docker's lines
	lastLine  []byte    // of the block before
	lookAhead bool      // see LookAhead
	waits     bool      // the event at hand waits for the next line
	sent      bool      // the line at hand made an event
	arrived   time.Time // of the block at hand
	held      []heldEvent
	counts    Counts
	records   Records
	lastTime  time.Time // that of the last event with a date
	msgBuf    []byte    // a message without its padding
	textBuf   []byte    // what own patterns see
	seeBuf    []byte    // what they would see of another line
}

// New makes a Parser with jail files' own patterns beside the built-in rules.
// The clock reads the dates of records; its zero value is UTC.
func New(clock Clock, patterns ...*Pattern) *Parser {
	return &Parser{clock: clock, patterns: newPatternSet(patterns), threads: new(Threads)}
}

// Share makes the parser know what others know of the threads of the same Asterisk.
// Set before use.
func (p *Parser) Share(t *Threads) { p.threads = t }

// Continues says that n bytes of the log stand right behind the next block, in the
// same memory (Blocks.Ahead); 0 says that the log ends with it. Do not call it
// for a log that is followed, because its next lines are not written yet.
func (p *Parser) Continues(n int) { p.behind, p.final = n, n == 0 }

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
	all := data[:len(data)+p.behind]
	p.near.block, p.near.prev, p.near.ahead, p.near.head = data, p.lastLine, seenAhead{}, nil
	p.lookAt(all, len(data))
	for at := 0; at < len(data); lines++ {
		end := at
		h := p.lineAt(lines)
		if h != nil {
			end = int(h.end)
		} else if n := bytes.IndexByte(data[at:], '\n'); n >= 0 {
			end = at + n
		} else {
			end = len(data)
		}
		line := data[at:end]
		p.near.at, p.near.rest = at, all[min(end+1, len(data)):]
		if h != nil && h.is(headed|passable) && p.passes() {
			p.pass(h, line, cut, arrived)
		} else {
			p.Line(line, cut, arrived, emit)
		}
		p.near.prev = line
		at = end + 1
	}
	p.look = nil
	if lines > 0 {
		p.lastLine = append(p.lastLine[:0], p.near.prev[:min(len(p.near.prev), MaxLine)]...)
	}
	p.near.block, p.near.at, p.near.rest, p.near.prev, p.near.head = nil, 0, nil, nil, nil
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
	Doubtful uint64 // events that charge no address, because their sender cannot be trusted
}

// Counts returns what was read so far. A log with Lines and no Heads is read and not
// understood.
func (p *Parser) Counts() Counts { return p.counts }

// Line reads one line without its newline, and calls emit for what it means: at
// most one built-in event, and one for each own pattern that matches.
func (p *Parser) Line(line []byte, cut bool, arrived time.Time, emit func(*Event)) {
	p.counts.Lines++
	env := &p.env
	if p.foreign != 0 && p.ownLog(line, cut, emit) {
		return
	}
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
	} else if len(p.record.when()) > 0 {
		p.records.Undated++
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

// builtin routes the record to what its level and source file allow.
func (p *Parser) builtin(r *record, e *Event) bool {
	p.tail, p.end, p.holds, p.mark = tailUnknown, nil, nil, nil
	if r.level == levelSecurity {
		if isRecipe(r) {
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

// SetForeign says which services of other programs the log is searched for; those of
// Asterisk in the set mean nothing. New searches for none.
func (p *Parser) SetForeign(s Services) { p.foreign = s }

// SetPatterns puts other patterns in place of those New was given.
func (p *Parser) SetPatterns(patterns []*Pattern) { p.patterns = newPatternSet(patterns) }
