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
		at := esc(rest[:min(len(rest), maxHead)])
		if at < 0 || len(line)-len(rest)+at > maxHead {
			return out, false
		}
		n := sgrLen(rest[at:])
		if n == 0 {
			return out, false
		}
		out = append(out, rest[:at]...)
		rest = rest[at+n:]
		if bytes.HasPrefix(rest, colonBlank) {
			return append(out, rest...), true
		}
	}
}

// esc finds the first ESC in b, as the console writes it, as rsyslog does (#033) or
// as busybox does (^[); -1 when there is none.
func esc(b []byte) int {
	for i, c := range b {
		switch {
		case c == 0x1b, c == '#' && bytes.HasPrefix(b[i:], rsyslogESC), c == '^' && bytes.HasPrefix(b[i:], busyboxESC):
			return i
		}
	}
	return -1
}

var (
	rsyslogESC = []byte("#033[")
	busyboxESC = []byte("^[[")
)

// sgrLen is the length of the colour sequence "ESC [ digits and ; m" that b begins with, or 0.
func sgrLen(b []byte) int {
	open := 1
	switch {
	case bytes.HasPrefix(b, rsyslogESC):
		open = len(rsyslogESC) - 1
	case bytes.HasPrefix(b, busyboxESC):
		open = len(busyboxESC) - 1
	}
	if len(b) < open+2 || b[open] != '[' {
		return 0
	}
	for i, c := range b[open+1 : min(len(b), open+15)] {
		if c == 'm' {
			return open + i + 2
		}
		if c != ';' && (c < '0' || c > '9') {
			return 0
		}
	}
	return 0
}
