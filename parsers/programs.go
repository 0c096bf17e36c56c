package parsers

import (
	"bytes"
	"net/netip"
)

// program is a program beside Asterisk whose lines are read: sshd and its like. It writes
// one message a line, and escapes or refuses newlines in what its callers send. So a line is
// one record, and there is no doubt about where it begins.
type program struct {
	name    string
	service Service
	tags    []string // its names in syslog, each with a process number
	strip   []string // what it may write before a message, each once, in this order
	most    int      // it cuts messages at so many bytes, so one of this length may end in a caller's text; 0: it does not cut
	rules   []rule
}

// program reads a line of syslog as one of the wanted programs. It reports whether one of
// them wrote the line.
func (p *Parser) program(line []byte, cut bool, emit func(*Event)) bool {
	if !p.env.pid {
		return false
	}
	for i := range programs {
		if g := &programs[i]; p.foreign.Has(g.service) && g.hasTag(p.env.name) {
			p.records.Others++
			p.programLine(g, line, p.env.text, cut, emit)
			return true
		}
	}
	return false
}

func (g *program) hasTag(name []byte) bool {
	for _, tag := range g.tags {
		if string(name) == tag {
			return true
		}
	}
	return false
}

// programLine reads a message of a program.
func (p *Parser) programLine(g *program, line, text []byte, cut bool, emit func(*Event)) {
	text = trimLine(text)
	length := len(text)
	for _, s := range g.strip {
		text = bytes.TrimPrefix(text, []byte(s))
	}
	for i := range g.rules {
		p.found = found{}
		if l := &g.rules[i]; l.form.whole(text, &p.found) {
			p.charge(g, l, line, cut || g.most > 0 && length >= g.most, emit)
			return
		}
	}
}

const cutDoubt = "the program cuts messages of this length, so the end of this one may be a caller's text"

// charge makes the event of a rule of a program that matched.
func (p *Parser) charge(g *program, l *rule, line []byte, cut bool, emit func(*Event)) {
	e := &p.event
	*e = Event{
		Result: Offence, Kind: l.kind, Evidence: l.evidence, Service: g.service, Channel: ChannelNotice, Points: l.points, Rule: l.id,
		Addr: p.found.addr, Port: p.found.port, Account: TextOf(p.found.account), Line: TextOf(line), Doubt: l.doubt,
	}
	switch {
	case !Bannable(e.Addr):
		return // no packet from elsewhere has this address
	case cut || len(line) >= maxRecord:
		e.Doubt = cutDoubt
	case bytes.IndexByte(line, 0) >= 0:
		e.Doubt = "a NUL byte: the file is damaged"
	}
	if e.Doubt != "" {
		e.Result, e.Addr, e.Evidence = Ambiguous, netip.Addr{}, Claimed
	}
	if p.env.times > 1 {
		p.repeat(e)
	}
	p.waits, p.record = false, record{}
	if e.Time = p.clock.At(p.env.stamp); e.Time.IsZero() {
		e.Time = p.timeOf(line)
	}
	p.send(e, emit)
}

// mostEnds is how many places are tried where a caller's text may end. The true one is the
// last place but for those in what the program writes behind it, which are fewer.
const mostEnds = 16

// whole reads all of b as the form says. A caller's text ends at the last place where the
// rest fits: whatever looks like the rest further left is the caller's.
func (f *form) whole(b []byte, got *found) bool { return wholeFrom(f.steps, b, got) }

func wholeFrom(steps []step, b []byte, got *found) bool {
	for i := range steps {
		s, rest := &steps[i], steps[i+1:]
		switch {
		case s.field == fieldNone:
			if !bytes.HasPrefix(b, s.lit) {
				return false
			}
			b = b[len(s.lit):]
		case !s.isText():
			n, ok := s.take(b, rest, got)
			if !ok {
				return false
			}
			b = b[n:]
		case len(rest) == 0:
			s.keep(b, got)
			return true
		default:
			return s.lastEnd(rest, b, got)
		}
	}
	return len(b) == 0
}

// lastEnd ends the caller's text s at the last place where the rest of the form fits.
func (s *step) lastEnd(rest []step, b []byte, got *found) bool {
	lit, end := rest[0].lit, len(b)
	for range mostEnds {
		at := bytes.LastIndex(b[:end], lit)
		if at < 0 {
			break
		}
		if wholeFrom(rest, b[at:], got) {
			s.keep(b[:at], got)
			return true
		}
		end = at + len(lit) - 1
	}
	return false
}
