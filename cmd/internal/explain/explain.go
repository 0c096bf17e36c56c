// Package explain converts results of the jails to the types of the API. The daemon calls
// it for jailctl why, and jailctl calls it for replay. It must never judge: it adds nothing
// to its input, and leaves nothing out.
package explain

import (
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// Place converts the country and network of an address.
func Place(p book.Place) control.Place {
	return control.Place{Country: p.Country, ASN: p.ASN, Org: p.Org, Network: p.Network}
}

// Sum converts how points add up; nil for nil.
func Sum(s *book.Reckoning) *control.Sum {
	if s == nil {
		return nil
	}
	return &control.Sum{
		Score: Score(s.Score), Maxretry: Score(s.Maxretry), Within: Seconds(s.Within), Rest: Score(s.Rest), Earlier: s.Earlier,
		Retold: s.Retold, Members: s.Members, Customer: s.Customer, Allowance: s.Allowance, Witness: s.Witness, Packets: s.Packets,
	}
}

// Lines converts records that counted in a jail, and quotes their text.
func Lines(jail string, lines []book.Line) []control.WhyLine {
	var out []control.WhyLine
	for _, l := range lines {
		line := control.WhyLine{
			Time: l.Time.UTC(), Jail: jail, Rule: l.Rule, Evidence: l.Evidence.String(), Base: Score(l.Base), Points: Score(l.Points), Counts: Score(l.Counts),
			File: l.File, Text: l.Text.Quoted(), Witness: l.Witness, Packets: l.Packets,
		}
		for _, f := range l.Factors {
			line.Factors = append(line.Factors, control.WhyFactor{Name: f.Name, Note: f.Note, By: Score(parsers.Points(f.By)), To: Score(f.To), Text: f.String()})
		}
		out = append(out, line)
	}
	return out
}

// Score converts points to those of the API: 1 is one ordinary failure.
func Score(p parsers.Points) float64 { return float64(p) / float64(parsers.Point) }

// Seconds converts a duration to that of the API.
func Seconds(d time.Duration) int64 { return int64(d / time.Second) }
