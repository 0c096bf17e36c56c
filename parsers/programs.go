package parsers

import (
	"bytes"
	"net/netip"
	"strings"
)

// program is a program beside Asterisk whose lines are read: sshd and its like. It writes
// one message a line, and escapes or refuses newlines in what its callers send. So a line is
// one record, and there is no doubt about where it begins.
type program struct {
	name    string
	service Service
	tags    []string                               // its names in syslog, each with a process number; a "*" in the middle is any text
	head    func(line []byte) (head ownHead)       // takes off what it writes before a message in a log of its own; nil: it has none
	read    func(g *program, line []byte) readLine // reads a whole line of its own log, in place of the rules' forms; nil: they do
	strip   []string                               // what it may write before a message, each once, in this order
	most    int                                    // it cuts messages at so many bytes, so one of this length may end in a caller's text; 0: it does not cut
	mark    string                                 // what messages begin with in versions that escape newlines; "": all versions do
	rules   []rule
}

// ownHead is the text before the message in a line of a program's own log. The zero value
// is a line of another kind.
type ownHead struct {
	stamp []byte // the date
	peer  []byte // the address, if the head has it
	text  []byte // the message; nil: the line has no such head
}

// readLine is what a program's read function found. The zero value: the line is not of its log.
type readLine struct {
	known   bool  // the line is of its log
	rule    *rule // nil: it means nothing
	peer    []byte
	account []byte
	same    []byte // what a repeat is a repeat of
	stamp   []byte
}

// programs are compiled once and never change.
var programs = []program{sshd(), apache(), accessLog(), provisioning(), freepbx(), issabel(), vsftpd(), postfix(), openvpn()}

// login appends rules for log-ins: an account that logs in from an address is at home there.
// The program has checked the account, so its name is none that a stranger makes up.
func (g *program) login(id, src string, forms ...string) {
	g.add(id, Success, Proven, 0, src, forms...)
}

// add appends a rule for each form.
func (g *program) add(id string, k Kind, e Evidence, p Points, src string, forms ...string) {
	for _, text := range forms {
		g.rules = append(g.rules, rule{id: id, form: newForm(text), service: g.service, channel: ChannelNotice, kind: k, evidence: e, points: p, src: src})
	}
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
		first, last, any := strings.Cut(tag, "*")
		if string(name) == tag || any && len(name) >= len(first)+len(last) && bytes.HasPrefix(name, []byte(first)) && bytes.HasSuffix(name, []byte(last)) {
			return true
		}
	}
	return false
}

// ownLog reads a line as one of a log that one of the wanted programs writes itself. It
// reports whether it is one.
func (p *Parser) ownLog(line []byte, cut bool, emit func(*Event)) (known bool) {
	if p.headed { // it is a log of Asterisk, where callers write parts of lines
		return false
	}
	text := trimLine(line)
	for i := range programs {
		g := &programs[i]
		switch {
		case !p.foreign.Has(g.service):
			continue
		case g.read != nil:
			got := g.read(g, text)
			known = known || got.known
			if got.rule == nil {
				continue
			}
			p.env, p.found = envelope{stamp: got.stamp}, found{account: got.account, text: got.same}
			if p.found.addr, p.found.hasAddr = parseAddr(got.peer); p.found.hasAddr {
				p.charge(g, got.rule, line, cut, emit)
			}
		case g.head != nil:
			head := g.head(text)
			if head.text == nil {
				continue
			}
			known = true
			p.env = envelope{stamp: head.stamp}
			text := head.text
			if head.peer != nil {
				p.textBuf = append(append(append(p.textBuf[:0], head.peer...), ' '), text...)
				text = p.textBuf
			}
			if p.programLine(g, line, text, cut, emit) {
				if head.peer != nil {
					p.textBuf = nil // the event's texts alias it
				}
				p.counts.Heads++
				return true
			}
		}
	}
	var env envelope
	if _, wrapped := unwrap(text, nil, &env); known && wrapped { // syslog, which has its own programs
		return false
	}
	if known {
		p.counts.Heads++
	}
	return known
}

// programLine reads a message of a program. It reports whether a rule fits.
func (p *Parser) programLine(g *program, line, text []byte, cut bool, emit func(*Event)) bool {
	text = trimLine(text)
	length := len(text)
	if g.mark != "" {
		var marked bool
		if text, marked = bytes.CutPrefix(text, []byte(g.mark)); !marked {
			p.raw = true
		}
	}
	for _, s := range g.strip {
		text = bytes.TrimPrefix(text, []byte(s))
	}
	for i := range g.rules {
		p.found = found{}
		if l := &g.rules[i]; l.form.whole(text, &p.found) {
			if l.ours == nil || !l.ours(p.found.text) {
				p.charge(g, l, line, cut || g.most > 0 && length >= g.most, emit)
			}
			return true
		}
	}
	return false
}

const rawDoubt = "the program writes line ends in a user name as they came, so a caller may have written this line"

const cutDoubt = "the program cuts messages of this length, so a caller may have written the end of this one"

// charge makes the event of a rule of a program that matched.
func (p *Parser) charge(g *program, l *rule, line []byte, cut bool, emit func(*Event)) {
	e := &p.event
	*e = Event{
		Result: Offence, Kind: l.kind, Evidence: l.evidence, Service: g.service, Channel: ChannelNotice, Points: l.points, Rule: l.id,
		Addr: p.found.addr, Port: p.found.port, Account: TextOf(p.found.account), Line: TextOf(line), Doubt: l.doubt, Once: l.once,
	}
	if l.same != nil {
		e.Same = TextOf(l.same(&p.found))
	}
	switch {
	case !Bannable(e.Addr):
		return // no packet from elsewhere has this address
	case cut || len(line) >= maxRecord:
		e.Doubt = cutDoubt
	case l.unique != nil && bytes.Contains(p.found.account, l.unique):
		e.Doubt = "the record can be read in more than one way"
	case g.mark != "" && p.raw:
		e.Doubt = rawDoubt
	case bytes.IndexByte(line, 0) >= 0:
		e.Doubt = "the line has a NUL byte, so the file is damaged"
	}
	switch {
	case l.kind == Success && (e.Doubt != "" || g.service == FTP && isAnonymous(p.found.account)):
		return // it protects no address
	case l.kind == Success:
		e.Result, e.Password = Signal, true
		if e.Account.Empty() { // sshd's form has it in a word
			e.Account = TextOf(p.found.method)
		}
	case e.Doubt != "":
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
