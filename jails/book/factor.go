package book

import (
	"cmp"

	"pbxjail/parsers"
)

// Factor is one thing that makes a record weigh more or less than its kind does.
// It holds no log text.
type Factor struct {
	Name string         `json:"name"`           // evidence, country, network, agent, feed, or a rule of fraud
	Note string         `json:"note,omitempty"` // which one, in full; "" when the name says it all
	By   int32          `json:"by,omitempty"`   // the points are multiplied by so many thousandths
	To   parsers.Points `json:"to,omitempty"`   // in place of By: the points are set to this
}

const (
	One = 1000 // the factor that changes nothing
	// mostPoints keeps sums of points far from the end of an int32.
	mostPoints = parsers.Points(1_000_000)
)

// Factors that say how the others are bounded: a line shows them, a reason does not.
const (
	ByEvidence = "evidence"
	PlaceAlone = "a country or network alone never bans"
	ClaimAlone = "a claimed address alone never bans"
)

// Of is what a factor makes of points.
func (f Factor) Of(p parsers.Points) parsers.Points {
	if f.To > 0 {
		return f.To
	}
	return parsers.Points(min(max(int64(p)*int64(f.By)/One, 1), int64(mostPoints)))
}

// String is how people read it: country NL x2, or a country or network alone never bans: set to 4.999 points.
func (f Factor) String() string {
	text := cmp.Or(f.Note, f.Name)
	if f.To > 0 {
		return text + ": set to " + f.To.String() + " points"
	}
	return text + " x" + parsers.Points(f.By).String()
}
