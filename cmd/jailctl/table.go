package main

import (
	"bufio"
	"io"
	"strings"

	"pbxjail/configs/show"
)

const (
	// rowsAtOnce is how many rows a table holds before it prints them: a list of any length
	// takes no more memory. Rows that come later may be wider, and columns never get
	// narrower.
	rowsAtOnce = 1000
	// leastCell is how narrow a column gets where a table is too wide.
	leastCell = 10
	// leastLast is how narrow the last column may be beside the others; below that it
	// is in lines of its own.
	leastLast = 24
	// gap is the space between two columns.
	gap = 2
)

// table aligns rows. An empty cell is a dash. A row that is wider than columns is printed in
// several lines, of which all but the first begin with blanks: nothing is cut.
type table struct {
	out     *bufio.Writer
	columns int // how wide a line may be; 0: as wide as it is
	rows    [][]string
	widths  []int // of the widest cell of each column until now
	err     error
}

func newTable(w io.Writer, head ...string) *table {
	t := &table{out: bufio.NewWriter(w)}
	t.row(head...)
	return t
}

// newTable is a table that is as wide as answers may be.
func (a *app) newTable(head ...string) *table {
	t := newTable(a.stdout, head...)
	t.columns = a.columns
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
	for len(t.widths) < len(cells) {
		t.widths = append(t.widths, 0)
	}
	for i, c := range clean {
		t.widths[i] = max(t.widths[i], len(c))
	}
	if t.rows = append(t.rows, clean); len(t.rows) == rowsAtOnce {
		t.print()
	}
}

// end prints what is left, and returns the first error of writing.
func (t *table) end() error {
	t.print()
	return t.err
}

func (t *table) print() {
	widths, below := t.fit()
	for _, row := range t.rows {
		t.printRow(row, widths, below)
	}
	t.rows = t.rows[:0]
	if err := t.out.Flush(); t.err == nil {
		t.err = err
	}
}

// fit makes the widths of the columns small enough. below: the last column is in lines
// of its own. The first column keeps its width: what a row is about stays in one piece.
func (t *table) fit() (widths []int, below bool) {
	widths = append(widths, t.widths...)
	last := len(widths) - 1
	if t.columns == 0 || total(widths) <= t.columns || last < 1 {
		return widths, false
	}
	if others := total(widths[:last]) + gap; t.columns-others >= leastLast {
		widths[last] = t.columns - others
		return widths, false
	}
	widths = widths[:last]
	for total(widths) > t.columns {
		widest := 0
		for i := 1; i < len(widths); i++ {
			if widths[i] > leastCell && (widest == 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest == 0 {
			break // more columns than fit
		}
		widths[widest]--
	}
	return widths, true
}

func total(widths []int) int {
	sum := gap * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

func (t *table) printRow(row []string, widths []int, below bool) {
	cells := row
	if below && len(row) == len(widths)+1 {
		cells = row[:len(widths)]
	}
	left := append([]string(nil), cells...)
	for more := true; more; {
		more = false
		var line strings.Builder
		at := 0
		for i := range left {
			var part string
			part, left[i] = breakAt(left[i], widths[i])
			line.WriteString(strings.Repeat(" ", at-line.Len()))
			line.WriteString(part)
			at += widths[i] + gap
			more = more || left[i] != ""
		}
		t.out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if below && len(row) == len(widths)+1 {
		for rest := row[len(widths)]; rest != ""; {
			var part string
			part, rest = breakAt(rest, t.columns-4)
			t.out.WriteString("    " + part + "\n")
		}
	}
}

// breakAt is the beginning of a text that fits into width, and the rest. It breaks at a
// blank, where there is one in the second half of the width.
func breakAt(text string, width int) (part, rest string) {
	if len(text) <= width {
		return text, ""
	}
	at := strings.LastIndexByte(text[:width+1], ' ')
	if at < width/2 {
		return text[:width], text[width:]
	}
	return text[:at], strings.TrimLeft(text[at:], " ")
}
