package parsers

import "bytes"

// lastIndex is bytes.LastIndex, which hashes byte by byte, by way of bytes.Index,
// which does not: what is looked for stands once, as a rule.
func lastIndex(b, sep []byte) int {
	last := -1
	for from := 0; ; from = last + 1 {
		i := bytes.Index(b[from:], sep)
		if i < 0 {
			return last
		}
		last = from + i
	}
}
