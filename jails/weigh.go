package jails

import (
	"slices"
	"strconv"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/jails/customer"
	"pbxjail/parsers"
)

// callerFacts is what is known of the caller of an event, the same for all jails. Owned by
// one Judge and used again for the next event.
type callerFacts struct {
	place   *book.Place
	factors []book.Factor // for every jail: feeds, agent
	fraud   []book.Factor // for jails with fraud: true
	placed  []book.Factor // for the present jail
	trap    string        // the trap that the event is caught in, for jails with fraud: true
}

// look collects the facts about the caller of an offence.
func (j *Judge) look(e *parsers.Event, now time.Time, decide func(Verdict)) {
	c := &j.caller
	c.place, c.factors, c.fraud = j.where(e.Addr), c.factors[:0], c.fraud[:0]
	c.trap = ""
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
	if !e.Service.Foreign() { // its accounts are none of Asterisk's
		j.sense(e, now, decide)
		j.trap(e, now)
	}
}

// maxFactors bounds the feeds that count for one address.
const maxFactors = 8

func (c *callerFacts) add(name, note string, by int32) {
	c.factors = append(c.factors, book.Factor{Name: name, Note: note, By: by})
}

// weigh returns the points of an event in a jail, and the factors that made them; the list
// is valid until the next call. The place alone never makes a ban of a single record, and
// neither does a claimed address: such a record stays just below maxretry.
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
	for _, f := range j.caller.factors {
		put(f)
	}
	if jail.Fraud {
		for _, f := range j.caller.fraud {
			put(f)
		}
	}
	limit := parsers.Points(jail.Maxretry)
	c := &j.caller
	if f, counts := c.trapped(e, p, limit); counts && jail.Fraud {
		put(f)
	}
	before := p
	c.placed = jail.placed(c.placed[:0], c.place)
	for _, f := range c.placed {
		put(f)
	}
	switch {
	case jail.blocks(j.caller.place):
		if p < limit {
			put(book.Factor{Name: "blocked country", Note: "blocked country " + j.caller.place.Country, To: limit})
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

// placed appends the factors of a place: of its country and its network.
func (j *Jail) placed(list []book.Factor, p *book.Place) []book.Factor {
	if j.isElsewhere(p.Country) {
		list = append(list, book.Factor{Name: "country", Note: "country " + p.Country, By: configs.Thousandths(j.places.Elsewhere)})
	}
	if by, ok := j.places.FactorOf(p.ASN); ok {
		list = append(list, book.Factor{Name: "network", Note: "network AS" + strconv.FormatUint(uint64(p.ASN), 10), By: configs.Thousandths(by)})
	}
	return list
}

func (j *Jail) isElsewhere(country string) bool {
	return country != "" && len(j.places.Home) > 0 && j.places.Elsewhere > 0 && !slices.Contains(j.places.Home, country)
}

func (j *Jail) blocks(p *book.Place) bool {
	return p.Country != "" && slices.Contains(j.places.Block, p.Country)
}
