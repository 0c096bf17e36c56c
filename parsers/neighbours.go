package parsers

import "bytes"

// neighbours judge a record by the lines around it, for what one line alone
// cannot show. Owned by one Parser.
type neighbours struct {
	block   []byte // what the line at hand stands in
	at      int    // where in it
	rest    []byte // what follows the line
	prev    []byte // the line before it; nil: not known
	dates   shape
	last    [maxStamp]byte // the last date of that shape
	lastLen int
	known   bool // dates is
	kind    envelopeKind
	other   int // records in a row whose date had another shape
}

// before is what stands before the line at hand in its block.
func (b *neighbours) before() []byte { return b.block[:b.at] }

// otherShapes is how many records in a row it takes for their dateformat to be
// that of the log: an admin may change it, and a caller can write a few lines.
const otherShapes = 32

// foreign reports whether a record's date is written otherwise than those before
// it. Whoever writes a record of his own has to guess dateformat.
func (b *neighbours) foreign(r *record) bool {
	if r.whole && r.kind == plainLine || len(r.stamp) > maxStamp {
		return false
	}
	if b.known && b.kind == r.kind && sameForm(b.last[:b.lastLen], r.stamp) {
		b.other = 0
		return false
	}
	s := shapeOf(r.stamp)
	if b.known && b.kind == r.kind && b.dates.fits(&s) {
		b.other = 0
		b.dates.padded, b.dates.bare = b.dates.padded || s.padded, b.dates.bare || s.bare
		b.lastLen = copy(b.last[:], r.stamp)
		return false
	}
	if b.other++; b.known && b.other < otherShapes {
		return true
	}
	b.dates, b.known, b.kind, b.other = s, true, r.kind, 0
	b.lastLen = copy(b.last[:], r.stamp)
	return false
}

// sameForm reports whether two dates differ in nothing but their digits and letters.
func sameForm(a, b []byte) bool {
	if len(a) != len(b) {
		return false
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

// shape is how a date is written, whatever it says. A number of one digit stands
// for one of two: with a blank before it, or bare.
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

// answer is what lines say of the one before them.
type answer uint8

const (
	isEnded  answer = iota
	mayGoOn         // the lines that would tell are not there yet
	doesGoOn        // the next line belongs to the same record
)

// goesOn says whether a line is only the beginning of its record: the next one of
// its writer, written with it, begins none. The banner of a restart is no record,
// but it ends what stands before it. rest is what follows the line.
func goesOn(rest []byte, kind envelopeKind, writer []byte) answer {
	for range nextLines {
		if len(rest) == 0 {
			return mayGoOn
		}
		var next []byte
		next, rest, _ = bytes.Cut(rest, newline)
		if kind == plainLine {
			return endedBy(next)
		}
		var other envelope
		if _, ok := unwrap(trimLine(next), nil, &other); !ok {
			return doesGoOn
		}
		if kind == syslogMessage { // a record is one message
			return isEnded
		}
		if bytes.Equal(other.writer, writer) {
			return endedBy(other.text)
		}
	}
	return isEnded
}

func endedBy(next []byte) answer {
	if len(next) > 0 && !begins(next) {
		return doesGoOn
	}
	return isEnded
}

var newline = []byte("\n")
