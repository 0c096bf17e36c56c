// Package version compares versions of programs: "16.0.89", "17.0.2.36". The parts of jailctl
// audit call it. It must never guess: what is no version is not compared.
package version

import (
	"cmp"
	"strconv"
	"strings"
)

// Version is the numbers of a version, such as 16, 0, 89. The zero value is no version.
type Version []uint64

// maxParts bounds the numbers of a version: the text is of a file that anybody may have
// written.
const maxParts = 16

// Parse reads numbers with dots between them, and nothing else.
func Parse(text string) (Version, bool) {
	var v Version
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || len(v) == maxParts || part[0] == '+' {
			return nil, false
		}
		v = append(v, n)
	}
	return v, true
}

// Lead is the version that a text begins with: 16.28.0 in "16.28.0~dfsg-0+deb11u4". rest is
// what follows.
func Lead(text string) (v Version, rest string, ok bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(text)
	}
	v, ok = Parse(strings.TrimRight(text[:end], "."))
	return v, text[end:], ok
}

// Major is the first number; 0 of no version.
func (v Version) Major() uint64 {
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

// Before reports whether v is older than w. A number that is not there counts as 0.
func (v Version) Before(w Version) bool {
	for i := range max(len(v), len(w)) {
		if d := cmp.Compare(v.at(i), w.at(i)); d != 0 {
			return d < 0
		}
	}
	return false
}

func (v Version) at(i int) uint64 {
	if i < len(v) {
		return v[i]
	}
	return 0
}

// String is the numbers with dots between them.
func (v Version) String() string {
	var parts []string
	for _, n := range v {
		parts = append(parts, strconv.FormatUint(n, 10))
	}
	return strings.Join(parts, ".")
}
