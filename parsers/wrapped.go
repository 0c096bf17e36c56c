package parsers

import (
	"bytes"
	"net/netip"
	"time"
)

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

// repeat lets a line count as many records only if the line before it is the first of them.
func (p *Parser) repeat(e *Event) {
	var prev envelope
	if p.near.prev != nil && p.env.again == 0 {
		_, ok := unwrap(trimLine(p.near.prev), nil, &prev)
		if !ok || !bytes.Equal(prev.text, p.env.text) {
			e.Result, e.Addr, e.Evidence = Ambiguous, netip.Addr{}, NoEvidence
			e.Doubt = "the line says that the record before was repeated, but the line before is another record"
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
	start := line[:min(len(line), headStart)]
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
