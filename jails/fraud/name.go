package fraud

import "bytes"

// maxName is how much of an account or an extension tells it from others.
const maxName = 64

// bareName is what logs that write an account differently agree on: chan_sip has
// "sip:101@host" in one record of an attempt and "101" in the other. Names that
// stand for no account are empty. It aliases b.
func bareName(b []byte) []byte {
	if isBare(b) { // most are
		return named(b)
	}
	if i := bytes.LastIndexByte(b, '<'); i >= 0 && bytes.IndexByte(b[i:], ':') > 0 { // "name" <sip:101@host>
		b = b[i+1:]
	}
	b = noScheme(b)
	if i := bytes.IndexAny(b, "@;>"); i > 0 && b[0] != '<' {
		b = b[:i]
	}
	return named(b)
}

// isBare reports whether a name has none of the characters that bareName looks for, or is
// the one that PJSIP writes for none.
func isBare(b []byte) bool {
	if string(b) == "<unknown>" {
		return true
	}
	for _, c := range b {
		if c == '<' || c == '>' || c == ':' || c == ';' || c == '@' {
			return false
		}
	}
	return true
}

// named is a name as far as it tells one from others; nil for those that stand for none.
func named(b []byte) []byte {
	switch string(b) {
	case "<unknown>", "anonymous", "unknown":
		return nil
	}
	return b[:min(len(b), maxName)]
}

// noScheme takes the scheme of an address away.
func noScheme(b []byte) []byte {
	for _, scheme := range []string{"sip:", "sips:", "tel:"} {
		if bytes.HasPrefix(b, []byte(scheme)) {
			return b[len(scheme):]
		}
	}
	return b
}

// step changes the number that a name ends in by one, in place: of at most nine
// digits, and no more or fewer digits than it has. It reports whether it could.
func step(name []byte, up bool) bool {
	from, to, next := byte('0'), byte('9'), -1
	if up {
		from, to, next = '9', '0', 1
	}
	for i := len(name) - 1; i >= max(0, len(name)-9) && isDigit(name[i]); i-- {
		if name[i] != from {
			name[i] = byte(int(name[i]) + next)
			return true
		}
		name[i] = to
	}
	return false
}
