package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf16"

	"pbxjail/configs/show"
)

// say prints one line for people on stdout.
func (a *app) say(format string, args ...any) {
	fmt.Fprintln(a.stdout, show.Terminal(fmt.Sprintf(format, args...)))
}

// complain prints one line for people on stderr.
func (a *app) complain(format string, args ...any) {
	fmt.Fprintln(a.stderr, show.Terminal(fmt.Sprintf(format, args...)))
}

// emit prints v as JSON. encoding/json leaves C1, bidi and the like as they are;
// here everything beyond ASCII, which can stand in strings only, is escaped.
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

// table aligns rows. An empty cell is a dash.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, head ...string) *table {
	t := &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(head...)
	return t
}

func (t *table) row(cells ...string) {
	clean := make([]string, len(cells))
	for i, c := range cells {
		if c == "" {
			c = "-"
		}
		clean[i] = show.Terminal(c)
	}
	fmt.Fprintln(t.w, strings.Join(clean, "\t"))
}

func (t *table) end() error { return t.w.Flush() }
