package parsers

import "bytes"

// maxHead bounds a coloured head.
const maxHead = 400

// plainHead takes the colours out of the head of a console line, as container
// logs hold it, and appends the line to out. The colour that ends before ": " is
// the function's, and the message follows (asterisk:main/logger.c:449); it is
// left as it is: what is coloured there is the sender's.
func plainHead(out, line []byte) ([]byte, bool) {
	for rest := line; ; {
		esc := bytes.IndexByte(rest[:min(len(rest), maxHead)], 0x1b)
		if esc < 0 || len(line)-len(rest)+esc > maxHead {
			return out, false
		}
		n := sgrLen(rest[esc:])
		if n == 0 {
			return out, false
		}
		out = append(out, rest[:esc]...)
		rest = rest[esc+n:]
		if bytes.HasPrefix(rest, colonBlank) {
			return append(out, rest...), true
		}
	}
}

// sgrLen is the length of the colour sequence "ESC [ digits and ; m" that b begins with, or 0.
func sgrLen(b []byte) int {
	if len(b) < 3 || b[1] != '[' {
		return 0
	}
	for i, c := range b[2:min(len(b), 16)] {
		if c == 'm' {
			return i + 3
		}
		if c != ';' && (c < '0' || c > '9') {
			return 0
		}
	}
	return 0
}
