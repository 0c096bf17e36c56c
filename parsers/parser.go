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
	patterns []*Pattern
	clock    Clock
	taint    taint
	record   record
	found    found
	near     neighbours
	event    Event
	msgBuf   []byte // a message without its padding
	textBuf  []byte // what own patterns see
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
	for len(data) > 0 {
		n := bytes.IndexByte(data, '\n')
		if n < 0 {
			n = len(data)
		}
		p.near.rest = data[min(n+1, len(data)):]
		p.Line(data[:n], cut, arrived, emit)
		data = p.near.rest
		lines++
	}
	p.near.rest = nil
	return lines
}

// Line reads one line without its newline, and calls emit for what it means: at
// most one built-in event, and one for each own pattern that matches.
func (p *Parser) Line(line []byte, cut bool, arrived time.Time, emit func(*Event)) {
	tainted := p.tainted(len(line)+1, arrived)
	if skippable(line) && len(p.patterns) == 0 {
		if !tainted && cutOff(line) {
			p.taint = taint{bytes: dumpReach, since: arrived}
		}
		return
	}
	line = trimLine(line)
	r := &p.record
	head := p.head(line, r)
	if head {
		e := &p.event
		*e = Event{}
		known := p.builtin(r, e)
		p.startTaint(r, e.Open, arrived)
		if known {
			e.Line = TextOf(line)
			p.gate(e, line, cut, tainted)
			p.compare(e, r, tainted)
			if e.Result != None {
				e.Time = p.clock.At(r.stamp)
				emit(e)
			}
		}
	}
	if len(p.patterns) > 0 && !cut && !tainted && len(line) < maxRecord {
		p.own(line, head, r, emit)
	}
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
	if bytes.IndexByte(line[:min(len(line), 48)], 0x1b) >= 0 {
		plain, ok := plainHead(nil, line) // events alias it for as long as the block
		return ok && parseHead(plain, r)
	}
	return parseHead(line, r)
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
	case e.Before && p.near.goesOn(r):
		e.Result, e.Doubt = Ambiguous, goesOnDoubt
		p.taint.bytes = max(p.taint.bytes, dumpReach)
	}
}

// SetPatterns puts other patterns in place of those New was given.
func (p *Parser) SetPatterns(patterns []*Pattern) { p.patterns = patterns }
