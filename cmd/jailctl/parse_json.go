package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"strconv"

	"pbxjail/parsers"
)

// jsonLines prints each line of a log as a line of JSON. The fields are those of record in
// parse_json_test.go, which package encoding/json writes too slowly for a log.
type jsonLines struct {
	out    io.Writer
	buf    []byte // is written at the end of a block, or when it is long
	lines  []byte // of the log that are not printed yet: in a block, or in kept
	kept   []byte
	events []byte // the JSON of what was found in them
	spare  []byte // memory for events
}

// longOutput is how many bytes are written at once.
const longOutput = 64 << 10

// read takes the text of a block. It holds until keep is called.
func (j *jsonLines) read(data []byte) {
	if len(j.lines) == 0 {
		j.lines = data
		return
	}
	j.kept = append(j.lines, data...)
	j.lines = j.kept
}

// keep copies what is not printed, because the block is read over.
func (j *jsonLines) keep(found []finding) {
	if j.kept = append(j.kept[:0], j.lines...); len(j.kept) > 0 && j.kept[len(j.kept)-1] != '\n' {
		j.kept = append(j.kept, '\n')
	}
	j.lines = j.kept
	j.spare = j.spare[:0]
	for i := range found {
		f := &found[i]
		text := j.events[f.from:f.to]
		f.from = len(j.spare)
		j.spare = append(j.spare, text...)
		f.to = len(j.spare)
	}
	j.events, j.spare = j.spare, j.events
}

// add makes the JSON of an event.
func (j *jsonLines) add(f *finding, e *parsers.Event) {
	f.from = len(j.events)
	j.events = appendRecord(j.events, f, e)
	f.to = len(j.events)
}

func (p *parsing) printJSON(upTo int) {
	j, n := p.json, 0
	for ; p.wait > 0 && p.number-p.wait < upTo; p.wait-- {
		number, nothing := p.number-p.wait+1, true
		line, rest, _ := bytes.Cut(j.lines, []byte("\n"))
		j.lines = rest
		for ; n < len(p.found) && p.found[n].line <= number; n++ {
			f := &p.found[n]
			j.buf = append(j.buf, j.events[f.from:f.to]...)
			nothing = false
		}
		if nothing {
			j.buf = appendRecord(j.buf, &finding{line: number}, &parsers.Event{Line: parsers.TextOf(line)})
		}
		if len(j.buf) >= longOutput {
			j.flush()
		}
	}
	j.flush()
	p.found = append(p.found[:0], p.found[n:]...)
}

func (j *jsonLines) flush() {
	j.out.Write(j.buf) // app.stdout remembers an error
	j.buf = j.buf[:0]
}

// appendRecord appends a line of JSON.
func appendRecord(b []byte, f *finding, e *parsers.Event) []byte {
	b = strconv.AppendInt(append(b, `{"line":`...), int64(f.line), 10)
	b = appendWord(append(b, `,"result":`...), f.result.String())
	b = appendAddr(append(b, `,"addr":`...), f.addr)
	b = appendWord(append(b, `,"kind":`...), f.kind.String())
	b = appendWord(append(b, `,"evidence":`...), f.evidence.String())
	b = appendWord(append(b, `,"rule":`...), f.rule)
	b = f.points.AppendTo(append(b, `,"points":`...))
	b = e.Account.AppendJSON(append(b, `,"account":`...))
	b = e.Number.AppendJSON(append(b, `,"number":`...))
	b = appendWord(append(b, `,"doubt":`...), f.doubt)
	b = e.Line.AppendJSON(append(b, `,"text":`...))
	b = strconv.AppendInt(append(b, `,"times":`...), int64(f.times), 10)
	if e.Pattern != nil {
		b = appendWord(append(b, `,"pattern":`...), e.Pattern.String())
	}
	return append(b, "}\n"...)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, "null"...)
	}
	return append(a.AppendTo(append(b, '"')), '"')
}

// appendWord appends a text that no caller wrote. Nearly all of them need no escapes.
func appendWord(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(text) // a string has a form in JSON
			return append(b, asciiJSON(quoted)...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}
