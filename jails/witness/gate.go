package witness

import (
	"net/netip"
	"slices"
	"time"

	"pbxjail/parsers"
)

// Gate asks the witnesses of packets about the records of logs. Without any witness, only
// the evidence of the log counts. Owned by one Judge; bounded.
type Gate struct {
	heard     Heard // knows which addresses sent packets; nil: there is none
	wire      Wire  // reads the packets; nil: there is none
	sightings sightings
	ended     time.Time // of a replay: what comes later is in no trace; zero: there is no end
	suspects  []netip.Addr
}

// NewGate makes a Gate without witnesses; Set gives it some.
func NewGate() Gate { return Gate{sightings: newSightings()} }

// Set puts witnesses in place of the old; each may be nil.
func (g *Gate) Set(heard Heard, wire Wire) { g.heard, g.wire = heard, wire }

// End says that the traces of a replay end at a time: later, no witness is asked.
func (g *Gate) End(at time.Time) { g.ended = at }

// Note remembers an event of the wire.
func (g *Gate) Note(e *parsers.Event, at time.Time) { g.sightings.note(e, at) }

// Watched reports whether there is any witness of packets.
func (g *Gate) Watched() bool { return g.heard != nil || g.wire != nil }

// Record is what a log reports, and which log that is.
type Record struct {
	*parsers.Event
	Log  uint16 // the number of its source
	Text bool   // the log is believed by its text alone
}

// Grade asks the witnesses about a record at a time. What it answers may change for some
// seconds, because packets and records do not come in order. atHome reports whether an
// account is at home at its address.
func (g *Gate) Grade(r Record, at time.Time, atHome func() bool) Grade {
	f := FamilyOf(r.Service)
	switch {
	case r.Channel == parsers.ChannelWire:
		return Seen
	case r.Text || !g.Watched() || r.Pattern != nil || f == NoFamily || !r.Addr.IsValid():
		return Ungated
	case g.Complete(r.Addr, r.Service, at):
		answer := g.sighted(r, f, at)
		switch {
		case answer != Absent || g.wire.Heard(r.Addr, r.Service, at) != parsers.Yes:
		case r.Kind == parsers.Success && !r.Authenticated():
			return Sent // it gains nothing
		case atHome():
			return Retold // the wire may leave out other packets of such an address; it counts for no one
		}
		return answer
	}
	return graded(g.Ask(r.Addr, r.Service, at))
}

// sighted says what the wire saw of a record, where it would have seen it.
func (g *Gate) sighted(r Record, f Family, at time.Time) Grade {
	switch {
	case r.Kind == parsers.Success && g.sightings.login(r.Addr, f, at):
		return Seen
	case r.Kind == parsers.Success:
		return Absent
	case r.Result == parsers.Signal: // a challenge: the wire tells of those itself
		return Seen
	}
	return g.sightings.attempt(r.Event, Witness{r.Log, r.Channel, r.Service}, at)
}

// GradeAddr asks whether an address was heard on a service; on none: ungated.
func (g *Gate) GradeAddr(a netip.Addr, s parsers.Service, at time.Time) Grade {
	if !g.Watched() {
		return Ungated
	}
	return graded(g.Ask(a, s, at))
}

// graded is the Grade of an answer.
func graded(a parsers.Answer) Grade {
	switch a {
	case parsers.Yes:
		return Sent
	case parsers.No:
		return Absent
	}
	return Unsure
}

// Ask asks all witnesses whether an address was heard: one that heard it is right, and
// one that knows that nothing came needs no other. So a sensor that lost packets in a flood
// takes nothing from the sets of the kernel.
func (g *Gate) Ask(a netip.Addr, s parsers.Service, at time.Time) parsers.Answer {
	if g.over(at) {
		return parsers.CannotTell
	}
	answer := parsers.CannotTell
	for _, w := range []Heard{g.heard, g.wire} {
		if w == nil {
			continue
		}
		one := parsers.No
		for _, on := range doors(s) {
			switch w.Heard(a, on, at) {
			case parsers.Yes:
				return parsers.Yes
			case parsers.CannotTell:
				one = parsers.CannotTell
			}
		}
		if one == parsers.No {
			answer = parsers.No
		}
	}
	return answer
}

// over reports whether the traces of a replay ended before a time.
func (g *Gate) over(at time.Time) bool { return !g.ended.IsZero() && at.After(g.ended) }

// Complete reports whether the wire would have seen any attempt of an address.
func (g *Gate) Complete(a netip.Addr, s parsers.Service, at time.Time) bool {
	if g.wire == nil || g.over(at) || !g.sightings.remembers(at) {
		return false
	}
	for _, on := range doors(s) {
		if !g.wire.Complete(a, on, at) {
			return false
		}
	}
	return true
}

// Reads reports whether the wire reads what an address sends, so that it knows whether our
// challenges are answered there. It need not be complete: an attacker that floods its
// tables makes it incomplete for all addresses, and must gain nothing by that.
func (g *Gate) Reads(a netip.Addr, s parsers.Service, at time.Time) bool {
	return g.Complete(a, s, at) || g.wire != nil && !g.over(at) && g.wire.Heard(a, s, at) == parsers.Yes
}

// SuspectsOf are the addresses that were heard on any service when a record was
// written, but for the one that it names. It holds until the next call.
func (g *Gate) SuspectsOf(named netip.Addr, at time.Time) []netip.Addr {
	g.suspects = g.suspects[:0]
	for _, w := range []Heard{g.heard, g.wire} {
		if w != nil {
			g.suspects = w.Suspects(g.suspects, parsers.Other, at)
		}
	}
	slices.SortFunc(g.suspects, netip.Addr.Compare)
	g.suspects = slices.Compact(g.suspects)
	g.suspects = slices.DeleteFunc(g.suspects, func(a netip.Addr) bool { return a == named })
	return g.suspects
}
