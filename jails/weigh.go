package jails

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/jails/customer"
	"pbxjail/parsers"
)

// circumstances are what is known of an event's caller, whatever jail asks. Owned
// by one Judge and used again for the next event.
type circumstances struct {
	place   book.Place
	factors []book.Factor // that hold in every jail: feeds, agent
	fraud   []book.Factor // that hold where the jail lets them
}

// look finds out about the caller of an offence.
func (j *Judge) look(e *parsers.Event, now time.Time, decide func(Verdict)) {
	c := &j.about
	c.place, c.factors, c.fraud = book.Place{}, c.factors[:0], c.fraud[:0]
	if s := j.senses.Places; s != nil {
		c.place = s.Place(customer.Scored(e.Addr))
	}
	if a := j.senses.Agents; a != nil && !e.Agent.Empty() {
		if agent, ok := a.Match(e.Agent.Raw()); ok {
			c.add("agent", "agent "+agent.Name+" ("+agent.Level+")", configs.Thousandths(j.senses.Levels.Of(agent.Level)))
		}
	}
	if s := j.senses.Feeds; s != nil {
		s.Listed(customer.Scored(e.Addr), func(feed string, by int32) bool {
			c.add("feed", "feed "+feed, by)
			return len(c.factors) < maxFactors
		})
	}
	j.sense(e, now, decide)
}

// maxFactors bounds the feeds that one address can stand on.
const maxFactors = 8

func (c *circumstances) add(name, note string, by int32) {
	c.factors = append(c.factors, book.Factor{Name: name, Note: note, By: by})
}

// weigh makes an event's points in a jail and lists the factors that made them,
// which hold until the next call. No place, and no address that is only claimed,
// makes a single record a ban: it stays a hair below.
func (j *Judge) weigh(jail *Jail, e *parsers.Event, base parsers.Points) (parsers.Points, []book.Factor) {
	list, p := j.weights[:0], base
	put := func(f book.Factor) {
		if f.By != book.One {
			list, p = append(list, f), f.Of(p)
		}
	}
	put(book.Factor{Name: book.ByEvidence, Note: evidenceNotes[e.Evidence], By: jail.worth[e.Evidence]})
	if e.Times > 1 && !e.Once {
		put(book.Factor{Name: "repeated", Note: "repeated", By: int32(e.Times) * book.One})
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
			put(book.Factor{Name: "blocked country", Note: "blocked country " + j.about.place.Country, To: limit})
		}
	case before < limit && p >= limit:
		put(book.Factor{Name: book.PlaceAlone, To: limit - 1})
	}
	if e.Evidence == parsers.Claimed && p >= limit && base < limit {
		put(book.Factor{Name: book.ClaimAlone, To: limit - 1})
	}
	j.weights = list
	return p, list
}

var evidenceNotes = [...]string{"", "claimed evidence", "seen evidence", "proven evidence"}

// placed are the factors of a place: its country and its network.
func (j *Jail) placed(p book.Place) []book.Factor {
	var list [2]book.Factor
	n := 0
	if j.isElsewhere(p.Country) {
		list[n] = book.Factor{Name: "country", Note: "country " + p.Country, By: configs.Thousandths(j.places.Elsewhere)}
		n++
	}
	if by, ok := j.places.FactorOf(p.ASN); ok {
		list[n] = book.Factor{Name: "network", Note: "network AS" + strconv.FormatUint(uint64(p.ASN), 10), By: configs.Thousandths(by)}
		n++
	}
	return list[:n]
}

func (j *Jail) isElsewhere(country string) bool {
	return country != "" && len(j.places.Home) > 0 && j.places.Elsewhere > 0 && !slices.Contains(j.places.Home, country)
}

func (j *Jail) blocks(p book.Place) bool {
	return p.Country != "" && slices.Contains(j.places.Block, p.Country)
}

// where says what is known of the place of an address; the zero Place when nothing is.
func (j *Judge) where(a netip.Addr) book.Place {
	if j.senses.Places == nil {
		return book.Place{}
	}
	return j.senses.Places.Place(customer.Scored(a))
}
