package parsers

import "bytes"

// sgrEnd closes the head of a coloured console line: the colour of the function
// is switched off, then ": " and the message follow (asterisk:main/logger.c,
// format_log_plain with a terminal).
var sgrEnd = []byte("\x1b[0m: ")

// plainHead takes the colours out of the head of a console line, as container
// logs hold it. The message is left as it is: what is coloured
// there is the sender's.
func plainHead(line []byte) ([]byte, bool) {
	end := bytes.Index(line[:min(len(line), 400)], sgrEnd)
	if end < 0 {
		return nil, false
	}
	head, rest := line[:end], line[end+len(sgrEnd)-2:]
	out := make([]byte, 0, len(line))
	for len(head) > 0 {
		esc := bytes.IndexByte(head, 0x1b)
		if esc < 0 {
			out = append(out, head...)
			break
		}
		out = append(out, head[:esc]...)
		n := sgrLen(head[esc:])
		if n == 0 {
			return nil, false
		}
		head = head[esc+n:]
	}
	return append(out, rest...), true
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
