package parsers

import (
	"bytes"
	"time"
)

// maxLineDate bounds how far into a line its date is looked for.
const maxLineDate = 256

// OfLine reads the date at or near the start of a line of any program: that of
// syslog or a container, ISO 8601, Apache, nginx, or seconds since 1970. It returns
// the zero time when there is none that it can read.
func (c *Clock) OfLine(line []byte) time.Time {
	line = trimLine(line)
	var env envelope
	if _, ok := unwrap(line, nil, &env); ok {
		return c.At(env.stamp)
	}
	start := line[:min(len(line), maxLineDate)]
	for n := range 4 { // "Mar  2 10:00:00 x", "2026-03-02 10:00:00 x", "02-Mar-2026 10:00:00 x", "1795332246 x"
		if t := c.At(firstDate(start, n)); !t.IsZero() {
			return t
		}
	}
	for range 4 { // "203.0.113.5 - user [02/Jan/2026:03:04:05 +0000] ..."
		_, rest, ok := bytes.Cut(start, []byte("["))
		if !ok {
			break
		}
		inside, _, closed := bytes.Cut(rest, []byte("]"))
		if t := c.At(inside); closed && !t.IsZero() {
			return t
		}
		start = rest
	}
	return c.At(isoInside(line[:min(len(line), maxLineDate/4)]))
}

// firstDate is what a line begins with that may be a date, in one of four forms.
func firstDate(b []byte, form int) []byte {
	switch form {
	case 0:
		return b[:max(bsdStamp(b), ctimeStamp(b))]
	case 1:
		return b[:isoLen(b)]
	case 2:
		const form = "02-Mar-2026 10:00:00"
		if len(b) < len(form) || b[2] != '-' || b[6] != '-' {
			return nil
		}
		return b[:len(form)+fractionLen(b[len(form):])]
	}
	n := 0
	for n < len(b) && (b[n] >= '0' && b[n] <= '9' || b[n] == '.') {
		n++
	}
	if n == len(b) || b[n] != ' ' {
		return nil
	}
	return b[:n]
}

// isoInside finds the first ISO date in b.
func isoInside(b []byte) []byte {
	for i := range b {
		if n := isoLen(b[i:]); n > 0 && (i == 0 || b[i-1] < '0' || b[i-1] > '9') {
			return b[i : i+n]
		}
	}
	return nil
}

// isoLen is the length of "2026-03-02 10:00:00" or "2026/03/02T10:00:00", with a
// fraction and a zone where they follow, or 0.
func isoLen(b []byte) int {
	const form = "0000-00-00 00:00:00"
	if len(b) < len(form) {
		return 0
	}
	for i := range len(form) {
		c := b[i]
		switch form[i] {
		case '0':
			if c < '0' || c > '9' {
				return 0
			}
		case '-':
			if c != '-' && c != '/' {
				return 0
			}
		case ' ':
			if c != ' ' && c != 'T' {
				return 0
			}
		default:
			if c != ':' {
				return 0
			}
		}
	}
	n := len(form) + fractionLen(b[len(form):])
	return n + zoneLen(b[n:])
}

// fractionLen is the length of ".123" or ",123", or 0.
func fractionLen(b []byte) int {
	if len(b) < 2 || b[0] != '.' && b[0] != ',' || b[1] < '0' || b[1] > '9' {
		return 0
	}
	n := 1
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// zoneLen is the length of "Z", "+0100", "+01:00" or " +0100", or 0.
func zoneLen(b []byte) int {
	if len(b) > 0 && b[0] == 'Z' {
		return 1
	}
	n := 0
	if len(b) > 0 && b[0] == ' ' {
		n = 1
	}
	if n >= len(b) || b[n] != '+' && b[n] != '-' {
		return 0
	}
	digits := 0
	for n++; n < len(b) && digits < 4; n++ {
		switch {
		case b[n] >= '0' && b[n] <= '9':
			digits++
		case b[n] == ':' && digits == 2:
		default:
			return 0
		}
	}
	if digits < 4 {
		return 0
	}
	return n
}

// nearLines is how many lines before and behind one can tell when it was written.
const nearLines = 64

// timeOf is when a line was written that has no head of Asterisk's: its own date, or
// that of the lines around it; the zero time where none can be read.
func (p *Parser) timeOf(line []byte) time.Time {
	if t := p.clock.OfLine(line); !t.IsZero() {
		return t
	}
	before := p.near.before()
	for range nearLines {
		if len(before) == 0 {
			break
		}
		before = before[:len(before)-1]
		at := bytes.LastIndexByte(before, '\n') + 1
		if t := p.clock.OfLine(before[at:]); !t.IsZero() {
			return t
		}
		before = before[:at]
	}
	if !p.lastTime.IsZero() {
		return p.lastTime
	}
	rest := p.near.rest
	for range nearLines {
		if len(rest) == 0 {
			break
		}
		var next []byte
		next, rest, _ = bytes.Cut(rest, newline)
		if t := p.clock.OfLine(next); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}
