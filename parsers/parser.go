package parsers

import (
	"bytes"
	"time"
)

const (
	// maxRecord is the length from which a physical line is not one record: the
	// logger cuts at its buffer, newline and all, and the next record follows on
	// the same line. asterisk:main/logger.c, BUFSIZ.
	maxRecord = 8190
	// dumpReach bounds a raw packet in the log: what the logger's buffer holds.
	dumpReach = 8192
)

// Parser reads the records of one log in their order. Make one for each file: it
// remembers whether the text that comes next is still an attacker's. Not safe
// for concurrent use.
type Parser struct {
	patterns []*Pattern
	clock    Clock
	taint    taint
	record   record
	found    found
	event    Event
	msgBuf   []byte // a message without its padding
	textBuf  []byte // what own patterns see
}

// taint is how much of what follows belongs to a record that an attacker wrote
// into. Bytes are what counts: he can write an end marker himself.
type taint struct {
	bytes int
	since time.Time // arrival of the record; a record is written at once, so much later text is another one
}

// taintLasts is how long after its record's arrival tainted text can still come.
const taintLasts = 2 * time.Second

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
		p.Line(data[:n], cut, arrived, emit)
		data = data[min(n+1, len(data)):]
		lines++
	}
	return lines
}

// Line reads one line without its newline, and calls emit for what it means: at
// most one built-in event, and one for each own pattern that matches.
func (p *Parser) Line(line []byte, cut bool, arrived time.Time, emit func(*Event)) {
	tainted := p.tainted(len(line)+1, arrived)
	if skippable(line) && len(p.patterns) == 0 {
		return
	}
	line = trimLine(line)
	r := &p.record
	head := p.head(line, r)
	if head {
		e := &p.event
		*e = Event{}
		if p.builtin(r, e) {
			e.Line = TextOf(line)
			p.gate(e, line, cut, tainted)
			p.startTaint(r, e, arrived)
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
// nothing for us but what two modules write.
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
		if string(rest[:8]) != "VERBOSE[" {
			return false
		}
		blank := bytes.IndexByte(rest[:min(len(rest), 48)], ' ')
		if blank < 0 {
			return false
		}
		file := rest[blank+1:]
		return !bytes.HasPrefix(file, managerFile) && !bytes.HasPrefix(file, iaxFile)
	}
	return false
}

var (
	managerFile = []byte("manager.c")
	iaxFile     = []byte("chan_iax2.c")
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
		plain, ok := plainHead(line)
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
}

func (p *Parser) tainted(n int, arrived time.Time) bool {
	if p.taint.bytes <= 0 {
		return false
	}
	if !arrived.IsZero() && !p.taint.since.IsZero() && arrived.Sub(p.taint.since) > taintLasts {
		p.taint = taint{}
		return false
	}
	p.taint.bytes -= n
	return true
}

// startTaint sees to it that a packet dumped behind its record, or the rest of a
// record whose text holds newlines, is not believed.
func (p *Parser) startTaint(r *record, e *Event, arrived time.Time) {
	n := 0
	switch {
	case e.Open:
		n = dumpReach
	case r.level == levelError && string(r.file) == "pjproject":
		n = dumpSize(r.msg)
	}
	if n > p.taint.bytes {
		p.taint = taint{bytes: n, since: arrived}
	}
}

// dumpSize is how many bytes of packet follow the record. "Error processing 126
// bytes packet" counts them; the other message does not.
func dumpSize(msg []byte) int {
	_, b, ok := bytes.Cut(msg, []byte("Error processing "))
	if !ok {
		return 0
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = min(n*10+int(c-'0'), dumpReach)
	}
	if n == 0 {
		return dumpReach
	}
	return n
}

// SetPatterns puts other patterns in place of those New was given.
func (p *Parser) SetPatterns(patterns []*Pattern) { p.patterns = patterns }
