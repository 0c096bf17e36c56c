package web

import "bytes"

// ReadChunk reads one piece of a body in chunks, without its data. n is how long the piece is with
// its data, which may be yet to come; 0: more bytes are needed. last is set by the one that ends the
// body, with the headers behind it. ok is false when it is no chunk, as Asterisk reads them
// (asterisk:main/http.c, chunked_atoh).
func ReadChunk(b []byte) (n int, last, ok bool) {
	line, n, whole := cutLine(b)
	if !whole {
		return 0, false, len(b) < maxLine
	}
	size, digits := 0, 0
	for digits < len(line) && digits < 7 {
		c := lower(line[digits])
		switch {
		case c >= '0' && c <= '9':
			size = size<<4 + int(c-'0')
		case c >= 'a' && c <= 'f':
			size = size<<4 + int(c-'a') + 10
		default:
			c = 0
		}
		if c == 0 {
			break
		}
		digits++
	}
	rest := b[digits : n-1]
	if digits == 0 || !bytes.HasSuffix(rest, []byte("\r")) || len(rest) > 1 && rest[0] != ';' || bytes.IndexByte(rest, '\r') != len(rest)-1 {
		return n, false, false
	}
	if size > 0 {
		return n + size + 2, false, true
	}
	end := headers(b, n, func(name, value []byte) {})
	return end, end > 0, true
}
