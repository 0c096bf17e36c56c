package jails

import (
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// trapFactor multiplies the points of a try whose evidence is too weak to ban at once.
const trapFactor = 3 * book.One

// byTrap is the name of the factor.
const byTrap = "trap"

// traps are the accounts and the numbers that no honest caller tries. Nil maps have none.
type traps struct {
	accounts, numbers map[string]struct{}
}

func newTraps(c configs.Traps) traps {
	set := func(names []configs.TrapName) map[string]struct{} {
		m := make(map[string]struct{}, len(names))
		for _, name := range names {
			m[string(name)] = struct{}{}
		}
		return m
	}
	return traps{set(c.Accounts), set(c.Numbers)}
}

// sprung is the trap that an event is caught in, for people; "" is none. The text comes from
// the configuration, not from the event.
func (t traps) sprung(e *parsers.Event) string {
	if _, yes := t.accounts[string(e.Account.Raw())]; yes {
		return "trap account " + string(e.Account.Raw())
	}
	if _, yes := t.numbers[string(e.Number.Raw())]; yes {
		return "trap number " + string(e.Number.Raw())
	}
	return ""
}

// trap looks whether the caller of an offence is in a trap. People mistype where accounts
// are at home: a trap does not count there.
func (j *Judge) trap(e *parsers.Event, now time.Time) {
	if note := j.traps.sprung(e); note != "" && !j.Home.LogsIn(e.Addr, now) {
		j.caller.trap = note
	}
}

// trapped is the factor of a trap: a proven try is enough for a ban, any other weighs more.
func (c *callerFacts) trapped(e *parsers.Event, so, limit parsers.Points) (f book.Factor, counts bool) {
	switch {
	case c.trap == "":
		return f, false
	case e.Evidence == parsers.Proven:
		return book.Factor{Name: byTrap, Note: c.trap, To: limit}, so < limit
	}
	return book.Factor{Name: byTrap, Note: c.trap, By: trapFactor}, true
}
