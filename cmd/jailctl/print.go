package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"

	"pbxjail/configs/show"
)

// say prints one line for people on stdout. One that is wider than the answer may be goes on
// in the next lines, further in; see wrap.
func (a *app) say(format string, args ...any) {
	text := show.Terminal(fmt.Sprintf(format, args...))
	if a.columns == 0 {
		fmt.Fprintln(a.stdout, text)
		return
	}
	first := len(text) - len(strings.TrimLeft(text, " "))
	more := strings.Repeat(" ", min(first+4, a.columns/2))
	for i, line := range wrap(text, a.columns, a.columns-len(more)) {
		if i > 0 {
			line = more + line
		}
		fmt.Fprintln(a.stdout, line)
	}
}

// complain prints one line for people on stderr.
func (a *app) complain(format string, args ...any) {
	fmt.Fprintln(a.stderr, show.Terminal(fmt.Sprintf(format, args...)))
}

// emit prints v as JSON. encoding/json leaves C1, bidi and the like as they are;
// here everything beyond ASCII, which can be in strings only, is escaped.
func (a *app) emit(v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print json: %w", err)
	}
	_, err := a.stdout.Write(asciiJSON(buf.Bytes()))
	return err
}

func asciiJSON(text []byte) []byte {
	if !bytes.ContainsFunc(text, func(r rune) bool { return r >= 0x7f }) {
		return text
	}
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r < 0x7f {
			out = append(out, byte(r))
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}
