package parsers

import "bytes"

// lastIndex is bytes.LastIndex for text that usually occurs once. That one hashes byte by
// byte; this one searches for the third byte of sep, which in our keys is
// the first letter and rare, as fast as the machine can.
func lastIndex(b, sep []byte) int {
	const mark = 2
	last := -1
	for at := mark; at < len(b); at++ {
		i := bytes.IndexByte(b[at:], sep[mark])
		if i < 0 {
			break
		}
		if at += i; bytes.HasPrefix(b[at-mark:], sep) {
			last = at - mark
		}
	}
	return last
}

// contains is bytes.Contains for text that hardly ever occurs. It searches for the byte at mark in
// sep, which must be a rare one.
func contains(b, sep []byte, mark int) bool { return indexRare(b, sep, mark) >= 0 }

// indexRare is bytes.Index in the same way.
func indexRare(b, sep []byte, mark int) int {
	for at := mark; at < len(b); at++ {
		i := bytes.IndexByte(b[at:], sep[mark])
		if i < 0 {
			return -1
		}
		if at += i; (mark == 0 || b[at-1] == sep[mark-1]) && bytes.HasPrefix(b[at-mark:], sep) {
			return at - mark
		}
	}
	return -1
}
