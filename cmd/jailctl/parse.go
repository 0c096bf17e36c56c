package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/parsers"
	"pbxjail/watcher/wire"
)

// record is what parse prints of one line.
type record struct {
	Line     int         `json:"line"`     // its number, from 1
	Result   string      `json:"result"`   // offence, signal, none or ambiguous
	Addr     *netip.Addr `json:"addr"`     // null: none, or none that may be charged
	Kind     string      `json:"kind"`     // "" is none
	Evidence string      `json:"evidence"` // claimed, seen or proven
	Rule     string      `json:"rule"`
	Points   float64     `json:"points"`
	Account  string      `json:"account"` // quoted, as all text of a log
	Number   string      `json:"number"`
	Doubt    string      `json:"doubt"` // why an ambiguous record charges no address
	Text     string      `json:"text"`
	Times    int         `json:"times"`             // how many attempts it reports
	Pattern  string      `json:"pattern,omitempty"` // the own pattern that matched
}

func (a *app) parseVerb() *cobra.Command {
	var own []string
	var config, folder string
	c := &cobra.Command{
		Use:   "parse [FILE]",
		Short: "what pbxjail reads in a log, line by line; needs no daemon",
		Long: `parse prints for each line of a log (stdin without FILE, or for -) what it is:

  offence    the address may be charged with it
  signal     a login, a challenge, an alarm of the log: no address is charged
  ambiguous  an offence, but its address cannot be trusted
  none       anything else; printed with --json only

It reads as the daemon does, with the own patterns of the jails that read this log.
A log that no jail names, and stdin, is read with the patterns of all jails.`,
		Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error {
			addrs, err := addrsOf("own", own)
			if err != nil {
				return err
			}
			name := append(args, "-")[0]
			main, list, err := jailsOf(config, folder, "")
			if err != nil {
				return err
			}
			every, _ := main.EveryJail() // also those that are switched off: parse shows what they would read
			judge := jails.NewJudge(list, jails.NewGuard(nil, nil), book.NewBook(nil, nil), main.MaxAddresses, true)
			return a.parse(name, addrs, judge.Source(name), jails.ForeignIn(every, name))
		},
	}
	c.Flags().StringArrayVar(&own, "own", nil, "an address of the PBX itself, never charged; may be repeated")
	c.Flags().StringVar(&config, "config", "", "main file (default "+configs.DefaultMain+", where it exists)")
	c.Flags().StringVar(&folder, "jails", "", "folder of jail files, in place of the main file's")
	return c
}

// parsing prints a log line by line while its parser reads it block by block.
type parsing struct {
	app    *app
	own    []netip.Addr
	parser *parsers.Parser
	table  *table
	lines  [][]byte // that are read and not printed, the last ones
	number int      // of the last line read
	found  []record // what the parser found, not printed yet
}

// mostLines bounds the lines that wait for an event about them.
const mostLines = 4096

func (a *app) parse(name string, own []netip.Addr, source *jails.Source, foreign parsers.Services) error {
	text, until, closeLog, err := a.openLog(name)
	if err != nil {
		return err
	}
	defer closeLog()
	if magic, _ := text.Peek(wire.MagicLen); wire.IsTrace(magic) {
		return control.Refuse(0, "use jailctl replay: it reads packets, alone or with logs", "%s is a packet trace", name)
	}
	p := parsing{
		app: a, own: own, parser: parsers.New(parsers.Clock{Zone: time.Local, Until: until}, source.Patterns()...),
		table: a.newTable("LINE", "RESULT", "ADDRESS", "KIND", "EVIDENCE", "POINTS", "RULE", "DOUBT"),
	}
	p.parser.SetForeign(source.Foreign() | foreign)
	p.parser.LookAhead()
	for blocks := parsers.NewBlocks(text); ; {
		data, cut, err := blocks.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		p.parser.Continues(blocks.Ahead())
		p.block(data, cut)
	}
	p.settle()
	if a.json {
		return nil
	}
	return p.table.end()
}

// block reads a block, and prints what is decided.
func (p *parsing) block(data []byte, cut bool) {
	p.parser.Block(data, cut, time.Time{}, p.take)
	for line := range bytes.Lines(data) {
		p.number++
		p.lines = append(p.lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	if p.parser.Waits() && len(p.lines) < mostLines {
		p.print(int(p.parser.FirstWaiting()) - 1)
	} else {
		p.settle()
	}
	for i, line := range p.lines { // the block is read over
		p.lines[i] = bytes.Clone(line)
	}
}

// settle prints all that was read.
func (p *parsing) settle() {
	p.parser.Settle(time.Time{}, p.take)
	p.print(p.number)
}

func (p *parsing) take(e *parsers.Event) { p.found = append(p.found, recordOf(e, p.own)) }

// print prints the lines up to a number.
func (p *parsing) print(upTo int) {
	slices.SortStableFunc(p.found, func(a, b record) int { return a.Line - b.Line })
	for first := p.number - len(p.lines) + 1; first <= upTo && len(p.lines) > 0; first++ {
		n := 0
		for n < len(p.found) && p.found[n].Line <= first {
			p.app.printRecord(p.found[n], p.table)
			n++
		}
		if n == 0 {
			p.app.printRecord(record{Line: first, Result: parsers.None.String(), Text: parsers.TextOf(p.lines[0]).Quoted()}, p.table)
		}
		p.found, p.lines = p.found[n:], p.lines[1:]
		if first%1000 == 0 && !p.app.json { // a table holds its rows until it knows how wide they are
			p.table.end()
		}
	}
}

func recordOf(e *parsers.Event, own []netip.Addr) record {
	r := record{
		Line: int(e.Row), Result: e.Result.String(), Kind: e.Kind.String(), Evidence: e.Evidence.String(), Rule: e.Rule,
		Points: float64(e.Points) / float64(parsers.Point), Account: e.Account.Quoted(), Number: e.Number.Quoted(), Doubt: e.Doubt, Text: e.Line.Quoted(),
		Times: max(int(e.Times), 1),
	}
	if e.Pattern != nil {
		r.Pattern = e.Pattern.String()
	}
	if e.Addr.IsValid() {
		addr := e.Addr
		r.Addr = &addr
	}
	if slices.Contains(own, e.Addr) && e.Result == parsers.Offence {
		r.Result, r.Doubt = parsers.None.String(), "the address is our own"
	}
	return r
}

func (a *app) printRecord(r record, t *table) {
	if a.json {
		line, err := json.Marshal(r)
		if err == nil {
			a.stdout.Write(append(asciiJSON(line), '\n'))
		}
		return
	}
	if r.Result == parsers.None.String() {
		return
	}
	addr := ""
	if r.Addr != nil {
		addr = r.Addr.String()
	}
	t.row(number(r.Line), r.Result, addr, r.Kind, r.Evidence, parsers.Points(r.Points*float64(parsers.Point)).String(), r.Rule, r.Doubt)
}
