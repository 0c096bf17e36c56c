package parsers

import "bytes"

// neighbours judge a record by the lines around it, for what one line alone
// cannot show. Owned by one Parser.
type neighbours struct {
	rest  []byte // what follows the line at hand in its block
	prev  []byte // the line before it; nil: not known
	shape [48]byte
	n     int // length of shape; 0: none is known yet
	kind  envelopeKind
	other int // records in a row whose date had another shape
}

// otherShapes is how many records in a row it takes for their dateformat to be
// that of the log: an admin may change it, and a caller can write a few lines.
const otherShapes = 32

// foreign reports whether a record's date is written otherwise than those before
// it. Whoever writes a record of his own has to guess dateformat.
func (b *neighbours) foreign(r *record) bool {
	if r.whole && r.kind == plainLine || len(r.stamp) > len(b.shape) {
		return false
	}
	var shape [48]byte
	for i, c := range r.stamp {
		shape[i] = shapeOf(c)
	}
	if b.n == len(r.stamp) && shape == b.shape && b.kind == r.kind {
		b.other = 0
		return false
	}
	if b.other++; b.n > 0 && b.other < otherShapes {
		return true
	}
	b.shape, b.n, b.kind, b.other = shape, len(r.stamp), r.kind, 0
	return false
}

// shapeOf makes dates of one format equal: a blank may stand for a digit.
func shapeOf(c byte) byte {
	switch {
	case c >= '0' && c <= '9', c == ' ':
		return '0'
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		return 'a'
	}
	return c
}

// nextLines is how many lines of other writers may stand between two of one.
const nextLines = 64

// goesOn reports whether the line at hand is only the beginning of its record: the
// next one of its writer, written with it, begins none. The banner of a restart
// begins none either, but it ends what stands before it.
func (b *neighbours) goesOn(r *record, env *envelope) bool {
	if r.whole {
		return false
	}
	rest := b.rest
	for range nextLines {
		if len(rest) == 0 {
			return false
		}
		var next []byte
		next, rest, _ = bytes.Cut(rest, newline)
		if env.kind == plainLine {
			return len(next) > 0 && !begins(next)
		}
		var other envelope
		if _, ok := unwrap(trimLine(next), nil, &other); !ok {
			return true
		}
		if env.kind == syslogMessage { // a record is one message
			return false
		}
		if bytes.Equal(other.writer, env.writer) {
			return len(other.text) > 0 && !begins(other.text)
		}
	}
	return false
}

var newline = []byte("\n")
