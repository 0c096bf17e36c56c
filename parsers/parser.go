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
	env.kind, env.text, env.times, env.again, env.writer = plainLine, line, 0, 0, nil
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

// wrapped reads a line in an envelope.
func (p *Parser) wrapped(line []byte, cut bool, arrived time.Time, emit func(*Event)) {
	env := &p.env
	switch env.kind {
	case criLine, dockerLine:
		whole, tooLong := p.parts.join(env, cut)
		if !whole {
			return
		}
		cut = tooLong
	case syslogMessage:
		if env.again > 0 && !p.again(&line) {
			return
		}
	}
	p.sent = false
	p.read(line, cut, arrived, emit)
	if p.sent && env.kind == dockerLine {
		p.unescape = nil // the event's texts alias it
	}
}

// again puts the line before in place of a "last message repeated N times".
func (p *Parser) again(line *[]byte) bool {
	times := p.env.again
	if p.near.prev == nil {
		return false
	}
	if _, ok := unwrap(trimLine(p.near.prev), nil, &p.env); !ok || p.env.kind != syslogMessage || p.env.times > 0 || p.env.again > 0 {
		return false
	}
	*line, p.env.times = p.near.prev, times
	return true
}

// read reads the text of the line at hand.
func (p *Parser) read(line []byte, cut bool, arrived time.Time, emit func(*Event)) {
	env := &p.env
	text := env.text
	tainted := p.tainted(p.weight(line), arrived)
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

// taintFrom doubts what the writer of the line at hand writes next.
func (p *Parser) taintFrom(t taint) {
	p.taint, p.tainter = t, append(p.tainter[:0], p.env.writer...)
}

// weight is how much of a taint a line uses up: what its writer wrote, and nothing
// of what others wrote meanwhile. In a log without envelopes there are none, and a
// line that looks like one is text.
func (p *Parser) weight(line []byte) int {
	switch {
	case p.env.kind == plainLine || p.near.known && p.near.kind == plainLine:
		return len(line) + 1
	case p.taint.bytes > 0 && !bytes.Equal(p.env.writer, p.tainter):
		return 0
	}
	return len(p.env.text) + 1
}

// repeat sees to it that a line stands for many records only where the one before
// it is the first of them.
func (p *Parser) repeat(e *Event) {
	var prev envelope
	if p.near.prev != nil && p.env.again == 0 {
		_, ok := unwrap(trimLine(p.near.prev), nil, &prev)
		if !ok || !bytes.Equal(prev.text, p.env.text) {
			e.Result, e.Addr, e.Evidence = Ambiguous, netip.Addr{}, NoEvidence
			e.Doubt = "it says that the record before it came again, and that was another one"
			return
		}
	}
	e.Times = uint16(p.env.times)
}

// skippable knows the two levels that make up most of a full log, and hold
// nothing for us but what two modules write, and packets that others dump.
func skippable(line []byte) bool {
	if len(line) < 2 || line[0] != '[' {
		return len(line) == 0
	}
	i := bytes.IndexByte(line, ']')
	if i < 0 || i+10 > len(line) || line[i+1] != ' ' {
		return false
	}
	switch rest := line[i+2:]; rest[0] {
	case 'D':
		return string(rest[:6]) == "DEBUG["
	case 'V':
		return string(rest[:8]) == "VERBOSE[" && skippableVerbose(rest)
	}
	return false
}

func skippableVerbose(rest []byte) bool {
	blank := bytes.IndexByte(rest[:min(len(rest), 48)], ' ')
	if blank < 0 {
		return false
	}
	rest = rest[blank+1:]
	colon := bytes.IndexByte(rest, ':')
	if colon < 0 || colon+3 > len(rest) || rest[colon+1] != ' ' || rest[colon+2] == '<' {
		return false
	}
	file := string(rest[:colon])
	return file != "manager.c" && file != "chan_iax2.c"
}

// cutOff knows the verbose record that shows what was dialled, and sees when a
// newline in it ended the line. asterisk:main/pbx.c, pbx_extension_helper.
func cutOff(line []byte) bool {
	if bytes.HasSuffix(line, inNewStack) {
		return false
	}
	at := bytes.Index(line[:min(len(line), 110)], executing)
	return at > 0 && !bytes.HasSuffix(line, []byte("in new stack\r"))
}

var (
	inNewStack = []byte("in new stack")
	executing  = []byte(" pbx.c: Executing [")
)

// trimLine takes off a CR line end and the NULs that a file truncated under its
// writer begins with.
func trimLine(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > 0 && line[0] == 0 {
		line = bytes.TrimLeft(line, "\x00")
	}
	return line
}

func (p *Parser) head(line []byte, r *record) bool {
	if len(line) > 0 && line[0] == '{' {
		return parseJSON(line, r)
	}
	start := line[:min(len(line), 48)]
	if bytes.IndexByte(start, 0x1b) >= 0 || p.env.kind != plainLine && esc(start) >= 0 {
		plain, ok := plainHead(nil, line) // events alias it for as long as the block
		return ok && parseHead(plain, r)
	}
	return parseHead(line, r)
}

// headOf takes the head off the text of a line in an envelope.
func (p *Parser) headOf(text []byte, env *envelope, r *record) bool {
	console := env.kind > syslogMessage
	if env.kind != plainLine && env.tag == otherTag || console && (len(text) == 0 || text[0] != '[' && text[0] != '{') || !p.head(text, r) {
		return false
	}
	if env.kind == plainLine {
		return true
	}
	r.kind, r.outer = env.kind, env.stamp
	if r.stamp == nil {
		r.stamp = env.stamp
	}
	return env.tag == asteriskTag || console && len(r.fn) > 0
}

// when is the record's date: that of its envelope, which no caller writes, unless
// only Asterisk's own has a year.
func (r *record) when() []byte {
	if len(r.outer) == 0 || bsdStamp(r.outer) > 0 && len(r.stamp) > 0 && r.stamp[0] <= '9' {
		return r.stamp
	}
	return r.outer
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
