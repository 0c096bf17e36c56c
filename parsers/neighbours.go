package parsers

import "bytes"

// neighbours judge a record by the lines around it, for what one line alone
// cannot show. Owned by one Parser.
type neighbours struct {
	block []byte // the block with the current line
	at    int    // where in it
	rest  []byte // what follows the line
	prev  []byte // the line before it; nil: not known
	dates shape
	known bool // dates is
	kind  envelopeKind
	other int    // records in a row that came in another envelope
	stamp []byte // the date that was learned last
	next  record
	head  []byte // the text of a line in no envelope that next was read from; nil: not known
	begun bool   // next is a record
	ahead seenAhead
}

// before is the text before the current line in its block.
func (b *neighbours) before() []byte { return b.block[:b.at] }

// learnDate takes the date of a record that cannot be a caller's text for what
// dateformat writes.
func (b *neighbours) learnDate(r *mark) {
	if r.escaped || len(r.stamp) > maxStamp {
		return
	}
	if b.known && b.kind == r.kind && sameForm(r.stamp, b.stamp) {
		if !bytes.Equal(r.stamp, b.stamp) { // the next ones are likely to be equal
			b.stamp = append(b.stamp[:0], r.stamp...)
		}
		return
	}
	s := shapeOf(r.stamp)
	if b.known && b.kind == r.kind && b.dates.fits(&s) {
		s.padded, s.bare = s.padded || b.dates.padded, s.bare || b.dates.bare
	}
	b.dates, b.known, b.kind = s, true, r.kind
	b.stamp = append(b.stamp[:0], r.stamp...)
}

// otherEnvelopes is how many records in a row it takes for their envelope to be that
// of the log: it may be put together in another way one day.
const otherEnvelopes = 32

// foreignEnvelope reports whether a record came in another envelope than those
// before it, or in none where they had one.
func (b *neighbours) foreignEnvelope(kind envelopeKind) bool {
	if !b.known || kind == b.kind {
		b.other = 0
		return false
	}
	b.other++
	return b.other < otherEnvelopes
}

// foreign reports whether a record's date does not have the form of dateformat. A sender
// that forges a record has to guess that form.
func (b *neighbours) foreign(r *mark) bool {
	if r.escaped || !b.known || sameForm(r.stamp, b.stamp) {
		return false
	}
	if len(r.stamp) > maxStamp {
		return true
	}
	s := shapeOf(r.stamp)
	return !b.dates.fits(&s)
}

// sameForm reports whether two dates differ in nothing but their digits and letters.
func sameForm(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	if bytes.Equal(a, b) {
		return true
	}
	for i, c := range a {
		if c != b[i] && classOf(c) != classOf(b[i]) {
			return false
		}
	}
	return true
}

// classOf makes all digits equal, and all letters.
func classOf(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return '0'
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		return 'a'
	}
	return c
}

// shape is the form of a date, without its value. A number of one digit may be written in
// two ways: with a blank before it, or alone.
type shape struct {
	text         [2 * maxStamp]byte
	n            int
	padded, bare bool // there was such a number
}

func shapeOf(date []byte) (s shape) {
	put := func(c byte) {
		s.text[s.n] = c
		s.n++
	}
	isDigit := func(i int) bool { return i >= 0 && i < len(date) && date[i] >= '0' && date[i] <= '9' }
	for i := 0; i < len(date); i++ {
		switch c := date[i]; {
		case isDigit(i):
			put('0')
			if !isDigit(i-1) && !isDigit(i+1) {
				put('0')
				s.bare = true
			}
		case c == ' ' && (i == 0 || date[i-1] == ' ') && isDigit(i+1) && !isDigit(i+2):
			put('0')
			put('0')
			s.padded = true
			i++
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
			put('a')
		default:
			put(c)
		}
	}
	return s
}

// fits reports whether a date of shape o may stand in a log whose dates are s.
func (s *shape) fits(o *shape) bool {
	if s.n != o.n || s.text != o.text {
		return false
	}
	return (s.bare || !s.padded || !o.bare) && (s.padded || !s.bare || !o.padded)
}

// nextLines is how many lines of other writers may stand between two of one.
const nextLines = 64

// nextLine is the first line of the same writer behind the one at hand that is not
// empty, with what is around it.
func (p *Parser) nextLine() (text []byte, around envelope) {
	rest := p.near.rest
	for range nextLines {
		if len(rest) == 0 {
			break
		}
		var line []byte
		line, rest, _ = bytes.Cut(rest, newline)
		line = trimLine(line)
		if p.env.kind == plainLine {
			if len(line) > 0 {
				return line, envelope{}
			}
			continue
		}
		var env envelope
		if _, ok := unwrap(line, nil, &env); !ok {
			return line, envelope{}
		}
		if bytes.Equal(env.writer, p.env.writer) && len(env.text) > 0 {
			return trimLine(env.text), env
		}
	}
	return nil, envelope{}
}

// ends reports whether a record ends before a line of its writer: that line begins a
// record, and does not only look so.
func (p *Parser) ends(r *record, line []byte, env *envelope) bool {
	next := &p.near.next
	if !p.nextHead(line, env) || next.kind != r.kind || p.near.foreign(next.dated()) {
		return false
	}
	if extenIsFull(r, line, next) {
		return true
	}
	how, _ := p.beginsRecord(line, env)
	return how == proven
}

// nextHead is headOf for a line behind the one at hand. It reads near.next, and each head once.
func (p *Parser) nextHead(line []byte, env *envelope) bool {
	b := &p.near
	if b.isHead(line) {
		return b.begun
	}
	b.head = nil
	if h := p.headThere(line); h != nil && env.kind == plainLine {
		h.record(line, &b.next)
		b.begun, b.head = true, line
		return true
	}
	b.begun = p.headOf(line, env, &b.next)
	if p.env.kind == plainLine && env.kind == plainLine {
		b.head = line
	}
	return b.begun
}

// readHead is headOf for the line at hand, which may have been read before.
func (p *Parser) readHead(text []byte, env *envelope, r *record) bool {
	if h := p.headHere(text); h != nil && h.is(headed) && env.kind == plainLine {
		h.record(text, r)
		return true
	}
	if env.kind != plainLine || !p.near.isHead(text) || !p.near.begun {
		return p.headOf(text, env, r)
	}
	*r = p.near.next
	return true
}

// isHead reports whether next was read from this very text, in the memory of the block.
func (b *neighbours) isHead(text []byte) bool {
	return len(text) > 0 && len(text) == len(b.head) && &text[0] == &b.head[0]
}

// extenIsFull reports whether the number that a dialplan's Log() prints in its head
// is too short to hold the head of the next line too.
func extenIsFull(r *record, line []byte, next *record) bool {
	exten, ok := bytes.CutPrefix(r.file, []byte("Ext. "))
	if !ok {
		return false
	}
	left := mostExten - len(exten) - len(colonBlank) - len(r.msg) - len(newline)
	return len(line)-len(next.msg)-len(colonBlank) > left
}

// mostExten is the longest number a channel has. asterisk 1.4-:include/asterisk/channel.h:172, AST_MAX_EXTENSION
const mostExten = 80

var newline = []byte("\n")
