package jails

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/fraud"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// forgery keeps the records that packets do not confirm. Owned by one Judge; bounded.
type forgery struct {
	doubts  doubts
	forged  uint64
	alarmed time.Time // when forged records were last reported
	since   uint64    // how many came since then
}

const (
	// forgedEvery is the shortest time between two alarms about forged records.
	forgedEvery = time.Minute
	// mostSuspects bounds the addresses that an alarm names.
	mostSuspects = 4
)

// SetWitnesses replaces the witnesses of packets; each may be nil. Without any, the judge
// has only the logs.
func (j *Judge) SetWitnesses(heard witness.Heard, wire witness.Wire) { j.gate.Set(heard, wire) }

// grade asks the witnesses about a record of a log at a time.
func (j *Judge) grade(s *Source, e *parsers.Event, at time.Time) witness.Grade {
	if !j.gate.Watched() && e.Channel != parsers.ChannelWire {
		return witness.Ungated // many machines have no witness: save the call
	}
	return j.gate.Grade(witness.Record{Event: e, Log: s.id, Text: s.text}, at, func() bool { return j.Home.LogsIn(e.Addr, at) })
}

// refute takes a record as forged: its address is neither charged nor protected. An alarm
// names the addresses that sent packets when it was written. There is at most one alarm
// within forgedEvery.
func (j *Judge) refute(h *held, now time.Time, decide func(Verdict)) {
	g := &j.forgery
	g.forged++
	g.since++
	if !g.alarmed.IsZero() && now.Sub(g.alarmed).Abs() < forgedEvery {
		return
	}
	e := &h.event
	what := "sent no packet to " + e.Service.String() + " (or else a port of Asterisk is missing in heard.ports of the main file)"
	if j.gate.Ask(e.Addr, e.Service, h.at) == parsers.Yes {
		what = "sent other packets"
	}
	reason := fmt.Sprintf("forged record? %s reports %s from %s, but %s %s. %s is not banned for this record", h.src.file, e.Kind, e.Addr, e.Addr, what, e.Addr)
	if g.since > 1 {
		reason += fmt.Sprintf(". There are %d more such records", g.since-1)
	}
	reason += ". " + j.suspected(e, h.at)
	g.alarmed, g.since = now, 0
	p := netip.PrefixFrom(e.Addr, e.Addr.BitLen())
	decide(Verdict{Ban: book.Ban{Prefix: p, Jail: "forged", Since: now.UTC(), Reason: reason}, Alarm: true})
}

// suspected names the addresses that sent packets when a forged record was written.
func (j *Judge) suspected(e *parsers.Event, at time.Time) string {
	list := j.gate.SuspectsOf(e.Addr, at)
	if len(list) == 0 {
		return "pbxjail does not know who sent packets at that time"
	}
	more := ""
	if len(list) > mostSuspects {
		more = fmt.Sprintf(" and %d more", len(list)-mostSuspects)
		list = list[:mostSuspects]
	}
	var names []string
	for _, a := range list {
		names = append(names, a.String())
	}
	return "At that time, packets came from " + strings.Join(names, ", ") + more + ". They are not banned for this: one of them may have forged the record"
}

// Forged is how many records reported something that no packet did.
func (j *Judge) Forged() uint64 { return j.forgery.forged }

// gradeSilence asks the witnesses about an address that has not answered a challenge.
func (j *Judge) gradeSilence(a netip.Addr, now time.Time) witness.Grade {
	return j.gate.GradeAddr(a, parsers.Other, now.Add(-fraud.SilentAfter))
}
