// Package explain puts what the jails found into the words of the API, for the
// daemon, which is asked why, and for jailctl, which replays logs by itself. It
// must never judge: it adds nothing to what it is given, and leaves nothing out.
package explain

import (
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// Place is where an address is.
func Place(p book.Place) control.Place {
	return control.Place{Country: p.Country, ASN: p.ASN, Org: p.Org, Network: p.Network}
}

// Sum is how points add up; nil for nil.
func Sum(s *book.Reckoning) *control.Sum {
	if s == nil {
		return nil
	}
	return &control.Sum{
		Score: Score(s.Score), Maxretry: Score(s.Maxretry), Within: Seconds(s.Within), Rest: Score(s.Rest), Earlier: s.Earlier,
		Retold: s.Retold, Members: s.Members, Customer: s.Customer, Allowance: s.Allowance, Witness: s.Witness, Packets: s.Packets,
	}
}

// Lines are records that counted in a jail, with their text quoted.
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

// Score is points as the API has them: 1 is one ordinary failure.
func Score(p parsers.Points) float64 { return float64(p) / float64(parsers.Point) }

// Seconds is a duration as the API has it.
func Seconds(d time.Duration) int64 { return int64(d / time.Second) }
