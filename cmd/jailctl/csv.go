package main

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"

	"pbxjail/configs/show"
)

// sheet is a table as CSV (RFC 4180). Its cells may be text of strangers: what a terminal
// obeys is escaped, and no cell is a formula.
type sheet struct {
	buf *bytes.Buffer
	w   *csv.Writer
}

func newCSV(buf *bytes.Buffer, head ...string) *sheet {
	s := &sheet{buf, csv.NewWriter(buf)}
	s.row(head...)
	return s
}

func (s *sheet) row(cells ...string) {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = harmless(c)
	}
	_ = s.w.Write(safe) // into memory
}

// harmless is a cell that no spreadsheet takes for a formula: one that begins with = + - or @
// (also behind blanks) gets an apostrophe in front.
func harmless(cell string) string {
	cell = show.Terminal(cell)
	if first := strings.TrimLeft(cell, " "); first != "" && strings.ContainsRune("=+-@", rune(first[0])) {
		return "'" + cell
	}
	return cell
}

func (s *sheet) end(to io.Writer) error {
	s.w.Flush()
	_, err := to.Write(s.buf.Bytes())
	return err
}
