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

	"pbxjail/parsers"
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
	Doubt    string      `json:"doubt"` // why an ambiguous record charges nobody
	Text     string      `json:"text"`
}

func (a *app) parseVerb() *cobra.Command {
	var own []string
	c := &cobra.Command{
		Use:   "parse [FILE]",
		Short: "what pbxjail reads in a log, line by line; needs no daemon",
		Long: `parse says of each line of a log (stdin without FILE, or for -) what it is:

  offence    the address may be charged with it
  signal     a login, a challenge, an alarm of the log: nobody is charged
  ambiguous  an offence by its words, but whose it is cannot be trusted
  none       anything else; printed with --json only`,
		Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error {
			addrs, err := addrsOf("own", own)
			if err != nil {
				return err
			}
			return a.parse(append(args, "-")[0], addrs)
		},
	}
	c.Flags().StringArrayVar(&own, "own", nil, "an address of the PBX itself, never charged; may be repeated")
	return c
}

func (a *app) parse(name string, own []netip.Addr) error {
	text, until, closeLog, err := a.openLog(name)
	if err != nil {
		return err
	}
	defer closeLog()
	p := parsers.New(parsers.Clock{Zone: time.Local, Until: until})
	blocks := parsers.NewBlocks(text)
	t := newTable(a.stdout, "LINE", "RESULT", "ADDRESS", "KIND", "EVIDENCE", "POINTS", "RULE", "DOUBT")
	for number := 0; ; {
		data, cut, err := blocks.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		for line := range bytes.Lines(data) {
			if number++; number%1000 == 0 { // a table holds its rows until it knows how wide they are
				t.end()
			}
			said := false
			p.Line(bytes.TrimSuffix(line, []byte("\n")), cut, time.Time{}, func(e *parsers.Event) {
				said = true
				a.printRecord(recordOf(number, e, own), t)
			})
			if !said {
				a.printRecord(record{Line: number, Result: parsers.None.String(), Text: parsers.TextOf(bytes.TrimSuffix(line, []byte("\n"))).Quoted()}, t)
			}
		}
	}
	if a.json {
		return nil
	}
	return t.end()
}

func recordOf(number int, e *parsers.Event, own []netip.Addr) record {
	r := record{
		Line: number, Result: e.Result.String(), Kind: e.Kind.String(), Evidence: e.Evidence.String(), Rule: e.Rule,
		Points: float64(e.Points) / float64(parsers.Point), Account: e.Account.Quoted(), Number: e.Number.Quoted(), Doubt: e.Doubt, Text: e.Line.Quoted(),
	}
	if e.Addr.IsValid() {
		r.Addr = &e.Addr
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
