package main

import (
	"encoding/json"
	"net/netip"
	"testing"

	"pbxjail/parsers"
)

// record is what parse --json prints of one line.
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

// recordOf is what appendRecord appends, by way of encoding/json.
func recordOf(f *finding, e *parsers.Event) record {
	r := record{
		Line: f.line, Result: f.result.String(), Kind: f.kind.String(), Evidence: f.evidence.String(), Rule: f.rule,
		Points: float64(f.points) / float64(parsers.Point), Account: e.Account.Quoted(), Number: e.Number.Quoted(), Doubt: f.doubt, Text: e.Line.Quoted(),
		Times: int(f.times),
	}
	if e.Pattern != nil {
		r.Pattern = e.Pattern.String()
	}
	if f.addr.IsValid() {
		r.Addr = &f.addr
	}
	return r
}

// FuzzRecord: whatever a log holds, parse --json prints what encoding/json would.
func FuzzRecord(f *testing.F) {
	f.Add(7, uint8(2), "192.0.2.1", int32(2500), "a\"b\\c", "<unknown>&\u2028", "x\xff\x7fä\x1b[2J", "it's \"so\" <b>", "^ä<ADDR>$", uint16(3))
	f.Add(0, uint8(0), "", int32(-1), "", "", "", "", "", uint16(0))
	f.Fuzz(func(t *testing.T, line int, words uint8, addr string, points int32, account, number, text, doubt, pattern string, times uint16) {
		event := &parsers.Event{
			Account: parsers.TextOf([]byte(account)), Number: parsers.TextOf([]byte(number)), Line: parsers.TextOf([]byte(text)),
		}
		event.Pattern, _ = parsers.NewPattern(pattern)
		a, _ := netip.ParseAddr(addr)
		found := &finding{
			line: line, result: parsers.Result(words % 4), addr: a, kind: parsers.Kind(words % 8), evidence: parsers.Evidence(words % 4),
			points: parsers.Points(points), rule: doubt[:len(doubt)/2], doubt: doubt, times: times,
		}
		want, err := json.Marshal(recordOf(found, event))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendRecord(nil, found, event)); got != string(asciiJSON(want))+"\n" {
			t.Errorf("got\n%s\nwant\n%s", got, asciiJSON(want))
		}
	})
}
