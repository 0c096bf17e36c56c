package parsers

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unwrapCRI reads what follows the date of a Kubernetes log: "stdout F TEXT". P in
// place of F is a part of a longer line.
func unwrapCRI(b []byte, env *envelope) bool {
	if !bytes.HasPrefix(b, []byte("stdout ")) && !bytes.HasPrefix(b, []byte("stderr ")) {
		return false
	}
	env.writer, b = b[:6], b[7:]
	tags, text, _ := bytes.Cut(b, blank)
	if len(tags) == 0 || tags[0] != 'F' && tags[0] != 'P' || len(tags) > 1 && tags[1] != ':' {
		return false
	}
	env.kind, env.part, env.text = criLine, tags[0] == 'P', text
	return true
}

// unwrapStamped reads a console line behind a date: docker logs -t.
func unwrapStamped(b []byte, env *envelope) bool {
	if len(b) == 0 || b[0] != '[' && b[0] != 0x1b {
		return false
	}
	env.kind, env.text = stampedLine, b
	return true
}

// unwrapDocker reads {"log":"TEXT\n","stream":"stdout",...,"time":"DATE"}, as
// docker's json-file writes it. A text without its newline is a part of a longer line.
func unwrapDocker(line, buf []byte, env *envelope) ([]byte, bool) {
	b, ok := bytes.CutPrefix(line, []byte(`{"log":"`))
	if !ok {
		return buf, false
	}
	text, rest, buf := unescapeJSON(b, buf)
	rest, ok = bytes.CutPrefix(rest, []byte(`","stream":"std`))
	if !ok || len(rest) < 4 || string(rest[:4]) != `out"` && string(rest[:4]) != `err"` {
		return buf, false
	}
	at := bytes.LastIndex(rest, []byte(`"time":"`))
	if at < 0 {
		return buf, false
	}
	date, _, closed := bytes.Cut(rest[at+len(`"time":"`):], []byte(`"}`))
	if !closed {
		return buf, false
	}
	env.kind, env.stamp, env.writer = dockerLine, date, rest[:3]
	env.text, ok = bytes.CutSuffix(text, []byte("\n"))
	env.part = !ok
	return buf, true
}

// unescapeJSON reads the inside of a JSON string up to its closing quote. rest begins
// at that quote, and is nil when there is none. The text is appended to buf only
// where something is escaped.
func unescapeJSON(b, buf []byte) (text, rest, out []byte) {
	n := bytes.IndexAny(b, `"\`)
	if n >= 0 && b[n] == '"' {
		return b[:n], b[n:], buf
	}
	out = buf[:0]
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\\')
		end := bytes.IndexByte(b[:max(n, 0)], '"')
		if n < 0 {
			end = bytes.IndexByte(b, '"')
		}
		if end >= 0 {
			out = append(out, b[:end]...)
			return out, b[end:], out
		}
		if n < 0 || n+1 >= len(b) {
			break
		}
		out = append(out, b[:n]...)
		out, b = unescapeOne(out, b[n+1:])
	}
	return nil, nil, out
}

// unescapeOne appends the character that an escape after a backslash means, and returns the text after the escape.
func unescapeOne(out, b []byte) (_, rest []byte) {
	switch c := b[0]; c {
	case 'n':
		return append(out, '\n'), b[1:]
	case 'r':
		return append(out, '\r'), b[1:]
	case 't':
		return append(out, '\t'), b[1:]
	case 'b':
		return append(out, '\b'), b[1:]
	case 'f':
		return append(out, '\f'), b[1:]
	case 'u':
		r, ok := hex4(b[1:])
		if !ok {
			return append(out, 'u'), b[1:]
		}
		b = b[5:]
		if low, ok := hex4(bytes.TrimPrefix(b, []byte(`\u`))); ok && utf16.IsSurrogate(r) && bytes.HasPrefix(b, []byte(`\u`)) {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				r, b = pair, b[6:]
			}
		}
		return utf8.AppendRune(out, r), b
	default:
		return append(out, c), b[1:]
	}
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// parts are lines of containers that are not whole yet, one for each stream. The zero
// value holds none.
type parts struct {
	text [2][]byte
	cut  [2]bool
}

// join puts the parts of a line together. It reports false while the line goes on.
// cut says that the line is longer than a record can be.
func (p *parts) join(env *envelope, cut bool) (whole, tooLong bool) {
	i := 0
	if bytes.HasSuffix(env.writer, []byte("err")) {
		i = 1
	}
	held := &p.text[i]
	if !env.part && len(*held) == 0 && !p.cut[i] {
		return true, cut
	}
	if cut || len(*held)+len(env.text) > MaxLine {
		p.cut[i] = true
	} else {
		*held = append(*held, env.text...)
	}
	if env.part {
		return false, false
	}
	env.text, tooLong = *held, p.cut[i]
	*held, p.cut[i] = nil, false // events alias the text
	return true, tooLong
}
