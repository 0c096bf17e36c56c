package jails

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"pbxjail/configs"
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
	one = 1000 // the factor that changes nothing
	// mostPoints keeps sums of points far from the end of an int32.
	mostPoints = parsers.Points(1_000_000)
)

// Factors that say how the others are bounded: a line shows them, a reason does not.
const (
	byEvidence = "evidence"
	placeAlone = "a place alone never bans"
	claimAlone = "a claimed address alone never bans"
)

// Of is what a factor makes of points.
func (f Factor) Of(p parsers.Points) parsers.Points {
	if f.To > 0 {
		return f.To
	}
	return parsers.Points(min(max(int64(p)*int64(f.By)/one, 1), int64(mostPoints)))
}

// String is how people read it: country NL x2, or a place alone never bans = 4.999.
func (f Factor) String() string {
	text := cmp.Or(f.Note, f.Name)
	if f.To > 0 {
		return text + " = " + f.To.String()
	}
	return text + " x" + parsers.Points(f.By).String()
}

// circumstances are what is known of an event's caller, whatever jail asks. Owned
// by one Judge and used again for the next event.
type circumstances struct {
	place   Place
	factors []Factor // that hold in every jail: feeds, agent
	fraud   []Factor // that hold where the jail lets them
}

// look finds out about the caller of an offence.
func (j *Judge) look(e *parsers.Event, now time.Time, decide func(Verdict)) {
	c := &j.about
	c.place, c.factors, c.fraud = Place{}, c.factors[:0], c.fraud[:0]
	if s := j.senses.Places; s != nil {
		c.place = s.Place(scoredAs(e.Addr))
	}
	if a := j.senses.Agents; a != nil && !e.Agent.Empty() {
		if agent, ok := a.Match(e.Agent.Raw()); ok {
			c.add("agent", "agent "+agent.Name+" ("+agent.Level+")", configs.Thousandths(j.senses.Levels.Of(agent.Level)))
		}
	}
	if s := j.senses.Feeds; s != nil {
		s.Listed(scoredAs(e.Addr), func(feed string, by int32) bool {
			c.add("feed", "feed "+feed, by)
			return len(c.factors) < maxFactors
		})
	}
	j.sense(e, now, decide)
}

// maxFactors bounds the feeds that one address can stand on.
const maxFactors = 8

func (c *circumstances) add(name, note string, by int32) {
	c.factors = append(c.factors, Factor{Name: name, Note: note, By: by})
}

// weigh makes an event's points in a jail and lists the factors that made them,
// which hold until the next call. No place, and no address that is only claimed,
// makes a single record a ban: it stays a hair below.
func (j *Judge) weigh(jail *Jail, e *parsers.Event, base parsers.Points) (parsers.Points, []Factor) {
	list, p := j.weights[:0], base
	put := func(f Factor) {
		if f.By != one {
			list, p = append(list, f), f.Of(p)
		}
	}
	put(Factor{Name: byEvidence, Note: evidenceNotes[e.Evidence], By: jail.worth[e.Evidence]})
	if e.Times > 1 && !e.Once {
		put(Factor{Name: "repeated", Note: "repeated", By: int32(e.Times) * one})
	}
	for _, f := range j.about.factors {
		put(f)
	}
	if jail.Fraud {
		for _, f := range j.about.fraud {
			put(f)
		}
	}
	limit := parsers.Points(jail.Maxretry)
	before := p
	for _, f := range jail.placed(j.about.place) {
		put(f)
	}
	switch {
	case jail.blocks(j.about.place):
		if p < limit {
			put(Factor{Name: "blocked country", Note: "blocked country " + j.about.place.Country, To: limit})
		}
	case before < limit && p >= limit:
		put(Factor{Name: placeAlone, To: limit - 1})
	}
	if e.Evidence == parsers.Claimed && p >= limit && base < limit {
		put(Factor{Name: claimAlone, To: limit - 1})
	}
	j.weights = list
	return p, list
}

var evidenceNotes = [...]string{"", "claimed evidence", "seen evidence", "proven evidence"}

// placed are the factors of a place: its country and its network.
func (j *Jail) placed(p Place) []Factor {
	var list [2]Factor
	n := 0
	if j.isElsewhere(p.Country) {
		list[n] = Factor{Name: "country", Note: "country " + p.Country, By: configs.Thousandths(j.places.Elsewhere)}
		n++
	}
	if by, ok := j.places.FactorOf(p.ASN); ok {
		list[n] = Factor{Name: "network", Note: "network AS" + strconv.FormatUint(uint64(p.ASN), 10), By: configs.Thousandths(by)}
		n++
	}
	return list[:n]
}

func (j *Jail) isElsewhere(country string) bool {
	return country != "" && len(j.places.Home) > 0 && j.places.Elsewhere > 0 && !slices.Contains(j.places.Home, country)
}

func (j *Jail) blocks(p Place) bool {
	return p.Country != "" && slices.Contains(j.places.Block, p.Country)
}

// where says what is known of the place of an address; the zero Place when nothing is.
func (j *Judge) where(a netip.Addr) Place {
	if j.senses.Places == nil {
		return Place{}
	}
	return j.senses.Places.Place(scoredAs(a))
}
