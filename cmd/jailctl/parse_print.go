package main

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"pbxjail/parsers"
)

// parsing prints a log line by line while its parser reads it block by block. The parser may
// find out about a line after it has read the next ones, so lines wait until it is sure.
type parsing struct {
	own    []netip.Addr
	parser *parsers.Parser
	table  *table     // nil: the lines are printed as JSON
	json   *jsonLines // nil: they are printed as a table
	number int        // of the last line read
	wait   int        // how many lines, the last ones, are not printed yet
	found  []finding  // what the parser found in them
}

// mostLines bounds the lines that wait for an event about them.
const mostLines = 4096

// finding is what parse prints of one event.
type finding struct {
	line        int
	result      parsers.Result
	addr        netip.Addr
	kind        parsers.Kind
	evidence    parsers.Evidence
	points      parsers.Points
	times       uint16
	rule, doubt string
	from, to    int // where it is in the text of jsonLines
}

// block reads a block, and prints what is decided.
func (p *parsing) block(data []byte, cut bool) {
	lines := p.parser.Block(data, cut, time.Time{}, p.take)
	p.number += lines
	p.wait += lines
	if p.json != nil {
		p.json.read(data)
	}
	if p.parser.Waits() && p.wait < mostLines {
		p.print(int(p.parser.FirstWaiting()) - 1)
	} else {
		p.settle()
	}
	if p.json != nil {
		p.json.keep(p.found)
	}
}

// settle prints all that was read.
func (p *parsing) settle() {
	p.parser.Settle(time.Time{}, p.take)
	p.print(p.number)
}

// end prints what is left, and returns the first error of writing.
func (p *parsing) end() error {
	p.settle()
	if p.json != nil {
		return nil // app.stdout remembers it
	}
	return p.table.end()
}

func (p *parsing) take(e *parsers.Event) {
	f := finding{
		line: int(e.Row), result: e.Result, addr: e.Addr, kind: e.Kind, evidence: e.Evidence,
		points: e.Points, rule: e.Rule, doubt: e.Doubt, times: max(e.Times, 1),
	}
	if e.Result == parsers.Offence && slices.Contains(p.own, e.Addr) {
		f.result, f.doubt = parsers.None, "this is an address of this machine"
	}
	if p.json != nil {
		p.json.add(&f, e)
	}
	p.found = append(p.found, f)
}

// print prints the lines up to a number.
func (p *parsing) print(upTo int) {
	byLine := func(a, b finding) int { return a.line - b.line }
	if !slices.IsSortedFunc(p.found, byLine) {
		slices.SortStableFunc(p.found, byLine)
	}
	if p.json != nil {
		p.printJSON(upTo)
	} else {
		p.printRows(upTo)
	}
}

// linesOfPart is how many lines of a log make one part of the table. A table holds its rows until it
// knows how wide they are.
const linesOfPart = 1000

func (p *parsing) printRows(upTo int) {
	n := 0
	for upTo > p.number-p.wait {
		first := p.number - p.wait + 1
		last := min(upTo, first+linesOfPart-1-(first-1)%linesOfPart) // of the part
		for ; n < len(p.found) && p.found[n].line <= last; n++ {
			p.table.found(&p.found[n])
		}
		if last%linesOfPart == 0 {
			p.table.end()
		}
		p.wait = p.number - last
	}
	p.found = slices.Delete(p.found, 0, n)
}

// found adds a row for what a line is, unless it is nothing.
func (t *table) found(f *finding) {
	if f.result == parsers.None {
		return
	}
	t.text = strconv.AppendInt(t.text, int64(f.line), 10)
	t.endCell()
	t.cell(f.result.String())
	if f.addr.IsValid() {
		t.text = f.addr.AppendTo(t.text)
	}
	t.endCell()
	t.cell(f.kind.String())
	t.cell(f.evidence.String())
	t.text = f.points.AppendTo(t.text)
	t.endCell()
	t.cell(f.rule)
	t.cell(f.doubt)
	t.endRow()
}
