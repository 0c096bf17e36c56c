package sip

import "bytes"

// cutLine takes the first line off, without its end. ended says that there was one.
func cutLine(b []byte) (line, rest []byte, ended bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return b, b[len(b):], false
	}
	line, rest = b[:end], b[end+1:]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	return line, rest, true
}

// cutFolded takes the first line off, with those that continue it: they begin with a
// blank (RFC 3261 7.3.1). An empty line continues nothing.
func cutFolded(b []byte) (line, rest []byte, ended bool) {
	line, rest, ended = cutLine(b)
	if len(line) == 0 {
		return line, rest, ended
	}
	for ended && len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		var more []byte
		more, rest, ended = cutLine(rest)
		from := cap(b) - cap(line)
		line = b[from : cap(b)-cap(more)+len(more)]
	}
	return line, rest, ended
}

// cleanLines reports whether there is neither a zero byte nor a CR without LF.
func cleanLines(b []byte) bool {
	if bytes.IndexByte(b, 0) >= 0 {
		return false
	}
	for {
		at := bytes.IndexByte(b, '\r')
		if at < 0 || at == len(b)-1 {
			return true
		}
		if b[at+1] != '\n' {
			return false
		}
		b = b[at+2:]
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isToken is RFC 3261 25.1, token.
func isToken(c byte) bool {
	if isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' {
		return true
	}
	switch c {
	case '-', '.', '!', '%', '*', '_', '+', '`', '\'', '~':
		return true
	}
	return false
}

// indexEither is the place of the first byte that is one of two; -1: there is none.
func indexEither(b []byte, one, other byte) int {
	for i, c := range b {
		if c == one || c == other {
			return i
		}
	}
	return -1
}

func trimLeft(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	return b
}

func trim(b []byte) []byte {
	b = trimLeft(b)
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// lastField is what follows the last blank of a line.
func lastField(line []byte) []byte {
	line = trim(line)
	from := len(line)
	for from > 0 && line[from-1] != ' ' && line[from-1] != '\t' {
		from--
	}
	return line[from:]
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && isName(b[:len(prefix)], prefix)
}

// isName compares without regard to case; name is ours.
func isName(b []byte, name string) bool { return len(b) == len(name) && sameFold(b, name) }

// sameFold is isName for texts of the same length.
func sameFold(b []byte, name string) bool {
	for i, c := range b {
		if c != name[i] && (c|0x20 != name[i]|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// number reads a decimal number that fits.
func number(b []byte) (uint32, bool) {
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	n := uint64(0)
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return uint32(n), n <= 1<<32-1
}
