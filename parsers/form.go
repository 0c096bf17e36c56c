package parsers

import (
	"bytes"
	"net/netip"
	"strings"
)

// form is the pattern of one message: the fixed text that Asterisk writes, and fields between.
// It looks like the message, with each field in angle brackets:
//
//	Host <addr> failed MD5 authentication for '<account>' (<text> != <text>)
//
// Fields with an address:
//   - addr: without a port
//   - hostport: with a port
//   - either: with or without a port
//   - glued: an IPv6 address may have its port without brackets
//   - dotted: a dot comes before the port
//
// Fields that only Asterisk or its administrator can fill: transport, word, number; endpoint
// and name come from the configuration.
//
// Fields that the sender can fill: account, dialled, session, agent, text, and nameaddr, which is a
// From header as pjsip prints it. Such a field ends at the first place where the rest of the
// form matches; written with a star (<*text>), at the last place.
//
// reason comes last, and is looked up in the reasons of the rule.
type form struct {
	steps []step
}

type step struct {
	lit   []byte // the fixed text, if field is fieldNone
	field field
	last  bool // the field ends at the last place where the rest matches
}

type field uint8

const (
	fieldNone field = iota
	fieldAddr
	fieldHostport
	fieldEither
	fieldGlued
	fieldDotted
	fieldTransport
	fieldWord
	fieldNumber
	fieldNameaddr
	fieldEndpoint
	fieldName
	fieldAccount
	fieldDialled
	fieldSession
	fieldAgent
	fieldText
	fieldReason
)

var fieldNames = map[string]field{
	"addr": fieldAddr, "hostport": fieldHostport, "either": fieldEither, "glued": fieldGlued, "dotted": fieldDotted,
	"transport": fieldTransport, "word": fieldWord, "number": fieldNumber, "nameaddr": fieldNameaddr,
	"endpoint": fieldEndpoint, "name": fieldName, "account": fieldAccount, "dialled": fieldDialled, "session": fieldSession, "agent": fieldAgent, "text": fieldText, "reason": fieldReason,
}

// newForm compiles a form. It panics on a mistake: forms are constants of this package.
func newForm(text string) form {
	var f form
	for text != "" {
		open := strings.IndexByte(text, '<')
		if open < 0 {
			open = len(text)
		}
		if open > 0 {
			f.steps = append(f.steps, step{lit: []byte(text[:open])})
		}
		if text = text[open:]; text == "" {
			break
		}
		end := strings.IndexByte(text, '>')
		name, last := strings.CutPrefix(text[1:end], "*")
		what, ok := fieldNames[name]
		if !ok {
			panic("parsers: no such field: " + name)
		}
		f.steps = append(f.steps, step{field: what, last: last})
		text = text[end+1:]
	}
	return f
}

// texts is how many fields the sender can fill.
func (f *form) texts() (n int) {
	for i := range f.steps {
		if f.steps[i].isText() && f.steps[i].field != fieldEndpoint && f.steps[i].field != fieldName {
			n++
		}
	}
	return n
}

// end is the fixed text after the last field, or nil.
func (f *form) end() []byte {
	if n := len(f.steps); n > 0 {
		return f.steps[n-1].lit
	}
	return nil
}

// mark is the fixed text between the sender's text and the address.
func (f *form) mark() []byte {
	for i := 2; i < len(f.steps); i++ {
		if f.steps[i].isAddr() {
			return f.steps[i-1].lit
		}
	}
	return nil
}

// found is what a form took from a message.
type found struct {
	addr                      netip.Addr
	port                      uint16
	hasAddr                   bool
	proven                    bool // the transport needs a handshake
	afterText                 bool // the sender wrote something before the address
	account, dialled, session []byte
	agent, method, reason     []byte
	text                      []byte // the last free text
}

// outcome of matching a form.
type outcome uint8

const (
	noMatch   outcome = iota
	cutMatch          // the line ends inside the sender's text, and the address comes after it
	openMatch         // the address and the text after it match, but the end is missing: the record goes on in the next line
	fullMatch
)

// match reads the whole of msg.
func (f *form) match(msg []byte, got *found) outcome { return f.matchFrom(0, msg, msg, got) }

// matchFrom matches b, the rest of msg, with the steps from i on.
func (f *form) matchFrom(i int, msg, b []byte, got *found) outcome {
	miss := noMatch
	for ; i < len(f.steps); i++ {
		s := &f.steps[i]
		if s.field == fieldNone {
			if !bytes.HasPrefix(b, s.lit) {
				return miss
			}
			b = b[len(s.lit):]
			if got.hasAddr && i < len(f.steps)-1 {
				miss = openMatch
				if got.afterText {
					miss = cutMatch
				}
			}
			continue
		}
		if f.endsAtAddr(i) {
			return f.matchEnds(i, msg, b, got)
		}
		n, ok := s.take(b, f.steps[i+1:], got)
		if !ok {
			if miss == noMatch && s.isText() && unclosed(b, f.steps[i+1:]) {
				return cutMatch
			}
			return miss
		}
		b = b[n:]
	}
	if len(b) > 0 {
		return noMatch
	}
	return fullMatch
}

// endsAtAddr reports whether step i is a free field, and fixed text and an address follow. Then
// the address shows where the field ends.
func (f *form) endsAtAddr(i int) bool {
	return f.steps[i].isText() && !f.steps[i].last && i+2 < len(f.steps) && f.steps[i+2].isAddr()
}

// matchEnds tries each place where the free field i can end, until the rest matches. If it
// tried only the first place, a sender could hide its address by writing the fixed text into
// the field.
func (f *form) matchEnds(i int, msg, b []byte, got *found) outcome {
	lit := f.steps[i+1].lit
	for n := 0; ; n++ {
		at := bytes.Index(b[n:], lit)
		if at < 0 {
			break
		}
		n += at
		*got = found{afterText: true}
		f.steps[i].keep(b[:n], got)
		if how := f.matchFrom(i+1, msg, b[n:], got); how != noMatch {
			return how
		}
	}
	if unclosed(b, f.steps[i+1:]) {
		return cutMatch
	}
	return noMatch
}

// take reads the field of the step from the beginning of b, and returns its length.
func (s *step) take(b []byte, next []step, got *found) (n int, ok bool) {
	switch s.field {
	case fieldAddr:
		return takeAddr(bareAddr, b, next, got)
	case fieldHostport:
		return takeAddr(boxedAddr, b, next, got)
	case fieldEither:
		return takeAddr(anyAddr, b, next, got)
	case fieldGlued:
		return takeAddr(gluedAddr, b, next, got)
	case fieldDotted:
		return takeAddr(dottedAddr, b, next, got)
	case fieldTransport:
		return takeTransport(b, got)
	case fieldNameaddr:
		n, ok = takeNameaddr(b)
		got.account = b[:n]
		return n, ok
	case fieldWord:
		for n < len(b) && b[n] > ' ' && b[n] != '"' && b[n] < 0x7f && !startsWith(next, b[n:]) {
			n++
		}
		got.method = b[:n]
		return n, true
	case fieldNumber:
		for n < len(b) && (b[n] >= '0' && b[n] <= '9' || b[n] == '.') {
			n++
		}
		return n, n > 0
	case fieldReason:
		got.reason = b
		return len(b), true
	}
	n, ok = s.takeText(b, next)
	if !ok {
		return 0, false
	}
	got.afterText = got.afterText || s.isText() && !got.hasAddr
	s.keep(b[:n], got)
	return n, true
}

// keep notes a free field's text.
func (s *step) keep(text []byte, got *found) {
	switch s.field {
	case fieldAccount, fieldEndpoint:
		got.account = text
	case fieldDialled:
		got.dialled = text
	case fieldSession:
		got.session = text
	case fieldAgent:
		got.agent = text
	case fieldText:
		got.text = text
	}
}

// takeText ends a free field at the next fixed text: at its first place, or with a star at its
// last. If this fixed text is the end of the form, it must also be the end of the message.
func (s *step) takeText(b []byte, next []step) (int, bool) {
	switch {
	case len(next) == 0:
		return len(b), true
	case len(next) == 1 && next[0].field == fieldNone:
		return len(b) - len(next[0].lit), bytes.HasSuffix(b, next[0].lit)
	case s.last:
		n := lastIndex(b, next[0].lit)
		return n, n >= 0
	}
	n := bytes.Index(b, next[0].lit)
	return n, n >= 0
}

func (s *step) isAddr() bool { return s.field >= fieldAddr && s.field <= fieldDotted }

// isText says that the sender chooses the field's bytes.
func (s *step) isText() bool { return s.field >= fieldAccount && s.field != fieldReason }

// unclosed reports whether the quote that ends a field is nowhere in b.
func unclosed(b []byte, next []step) bool {
	return len(next) > 0 && len(next[0].lit) > 0 && next[0].lit[0] == '\'' && bytes.IndexByte(b, '\'') < 0
}

func startsWith(next []step, b []byte) bool {
	return len(next) > 0 && next[0].field == fieldNone && bytes.HasPrefix(b, next[0].lit)
}

func takeAddr(how addrForm, b []byte, next []step, got *found) (int, bool) {
	n := addrToken(b)
	if len(next) > 0 && len(next[0].lit) > 0 {
		if at := bytes.IndexByte(b[:n], ']'); at >= 0 && next[0].lit[0] == ']' && b[0] != '[' {
			n = at
		}
		for c := next[0].lit[0]; (c == ':' || c == '.') && n > 0 && b[n-1] == c; { // the literal's, not the address's
			n--
		}
	}
	got.addr, got.port, got.hasAddr = how.parse(b[:n])
	return n, got.hasAddr
}

func takeTransport(b []byte, got *found) (n int, ok bool) {
	for n < len(b) && b[n] >= 'A' && b[n] <= 'Z' {
		n++
	}
	got.proven, ok = handshake(b[:n])
	return n, ok
}

// handshake reports whether a transport is known, and whether its handshake proves the
// sender's address.
func handshake(name []byte) (proven, known bool) {
	switch string(name) {
	case "UDP":
		return false, true
	case "TCP", "TLS", "WS", "WSS":
		return true, true
	}
	return false, false
}

// takeNameaddr reads `"display" <uri>`, `<uri>` or a uri alone, as
// pjproject:pjsip/src/pjsip/sip_uri.c prints a From header. The sender chooses the display
// name; a quote in it has a backslash before it. A quote inside the brackets is refused,
// because it could hide a ">".
func takeNameaddr(b []byte) (int, bool) {
	n := 0
	if len(b) > 0 && b[0] == '"' {
		n = quotedEnd(b)
		if n == 0 {
			return 0, false
		}
		for n < len(b) && b[n] == ' ' {
			n++
		}
		if n == len(b) || b[n] != '<' {
			return 0, false
		}
	}
	bracket := n < len(b) && b[n] == '<'
	for i := n; i < len(b); i++ {
		switch c := b[i]; {
		case bracket && c == '>':
			return i + 1, true
		case c <= ' ' || c == '"' || c == '<' && i > n || c == '>':
			return 0, false
		case !bracket && c == '\'' && bytes.HasPrefix(b[i:], failedFor):
			return i, i > n
		}
	}
	return 0, false
}

var failedFor = []byte("' failed for '")

// quotedEnd returns the length of the quoted string b begins with, or 0.
func quotedEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}
