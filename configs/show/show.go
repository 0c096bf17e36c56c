// Package show formats values for people. It escapes foreign text, so that no terminal, log
// or file interprets it, and writes times and counts the same way everywhere. Every package
// calls it. It must never read a clock or know what a value means.
//
// All its results are printable ASCII, if the time format given is.
package show

import (
	"strconv"
	"strings"
)

// Quoted prints text in quotes, all that is not printable ASCII escaped as Go escapes
// it. Only its first most bytes are shown, and then three dots.
func Quoted(text string, most int) string {
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}

// Escaped is all of text as Quoted escapes it, with no quotes around it.
func Escaped(text string) string {
	q := strconv.QuoteToASCII(text)
	return q[1 : len(q)-1]
}

// Word prints text as it is when it is one plain word, else in quotes. It shows at
// most the first most bytes.
func Word(text string, most int) string {
	text = text[:min(len(text), most)]
	if q := strconv.QuoteToASCII(text); q != `"`+text+`"` || text == "" || strings.Contains(text, " ") {
		return q
	}
	return text
}

// Flat is text with a question mark for each character that is not printable ASCII. It is
// for places that interpret escapes. It shows at most the first most bytes.
func Flat(text string, most int) string {
	return strings.Map(func(r rune) rune {
		if printable(r) {
			return r
		}
		return '?'
	}, text[:min(len(text), most)])
}

// Terminal is text that is safe for a terminal: control bytes (C0, DEL and C1), bytes
// that are not UTF-8, and everything beyond ASCII are escaped as Go escapes them. A
// terminal executes control bytes. Beyond ASCII, signs of direction and letters that look
// alike mislead the reader. A backslash stays as it is, since log text is escaped already.
func Terminal(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !printable(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if printable(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

func printable(r rune) bool { return r >= ' ' && r <= '~' }
