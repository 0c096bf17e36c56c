package main

import (
	"bufio"
	"bytes"
	"io"

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
	text    []byte
	cells   []int // where in text each cell ends
	rows    []int // where in cells each row ends
	widths  []int // of the widest cell of each column until now
	err     error
	left    [][]byte // of the row that is printed
	line    []byte   // that is printed
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
	for _, c := range cells {
		t.cell(c)
	}
	t.endRow()
}

// cell adds a cell to the last row, until endRow.
func (t *table) cell(text string) {
	t.text = append(t.text, show.Terminal(text)...)
	t.endCell()
}

// endCell ends a cell whose text was appended to t.text.
func (t *table) endCell() {
	n := len(t.cells)
	if len(t.text) == t.cellStart(n) {
		t.text = append(t.text, '-')
	}
	column := n - t.rowStart(len(t.rows))
	if column == len(t.widths) {
		t.widths = append(t.widths, 0)
	}
	t.widths[column] = max(t.widths[column], len(t.text)-t.cellStart(n))
	t.cells = append(t.cells, len(t.text))
}

func (t *table) endRow() {
	if t.rows = append(t.rows, len(t.cells)); len(t.rows) == rowsAtOnce {
		t.print()
	}
}

func (t *table) cellStart(i int) int {
	if i == 0 {
		return 0
	}
	return t.cells[i-1]
}

func (t *table) rowStart(i int) int {
	if i == 0 {
		return 0
	}
	return t.rows[i-1]
}

// end prints what is left, and returns the first error of writing.
func (t *table) end() error {
	t.print()
	return t.err
}

func (t *table) print() {
	widths, below := t.fit()
	for i, end := range t.rows {
		t.left = t.left[:0]
		for c := t.rowStart(i); c < end; c++ {
			t.left = append(t.left, t.text[t.cellStart(c):t.cells[c]])
		}
		t.printRow(t.left, widths, below)
	}
	t.text, t.cells, t.rows = t.text[:0], t.cells[:0], t.rows[:0]
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

func (t *table) printRow(row [][]byte, widths []int, below bool) {
	left, rest := row, []byte(nil)
	if below && len(row) == len(widths)+1 {
		left, rest = row[:len(widths)], row[len(widths)]
	}
	for more := true; more; {
		more = false
		line, at := t.line[:0], 0
		for i := range left {
			var part []byte
			part, left[i] = breakAt(left[i], widths[i])
			for len(line) < at {
				line = append(line, ' ')
			}
			line = append(line, part...)
			at += widths[i] + gap
			more = more || len(left[i]) > 0
		}
		t.line = append(bytes.TrimRight(line, " "), '\n')
		t.out.Write(t.line)
	}
	for len(rest) > 0 {
		var part []byte
		part, rest = breakAt(rest, t.columns-4)
		t.out.WriteString("    ")
		t.out.Write(part)
		t.out.WriteByte('\n')
	}
}

// breakAt is the beginning of a text that fits into width, and the rest. It breaks at a
// blank, where there is one in the second half of the width.
func breakAt(text []byte, width int) (part, rest []byte) {
	if len(text) <= width {
		return text, nil
	}
	at := bytes.LastIndexByte(text[:width+1], ' ')
	if at < width/2 {
		return text[:width], text[width:]
	}
	return text[:at], bytes.TrimLeft(text[at:], " ")
}
