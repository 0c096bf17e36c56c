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

// forgery is what the judge holds of records that packets do not bear out. Owned by one
// Judge; bounded.
type forgery struct {
	doubts  doubts
	forged  uint64
	alarmed time.Time // when forged records were last reported
	since   uint64    // how many there have been since then
}

const (
	// forgedEvery is how far apart the alarms about forged records are.
	forgedEvery = time.Minute
	// mostSuspects bounds those that an alarm names.
	mostSuspects = 4
)

// SetWitnesses puts witnesses beside the logs in place of the old; each may be nil.
// Without any, a judge believes logs as far as logs can be believed.
func (j *Judge) SetWitnesses(heard witness.Heard, wire witness.Wire) { j.gate.Set(heard, wire) }

// grade asks the witnesses about a record of a log at a time.
func (j *Judge) grade(s *Source, e *parsers.Event, at time.Time) witness.Grade {
	if !j.gate.Watched() && e.Channel != parsers.ChannelWire {
		return witness.Ungated // most machines have no witness: no call, then
	}
	return j.gate.Grade(witness.Record{Event: e, Log: s.id, Text: s.text}, at, func() bool { return j.Home.LogsIn(e.Addr, at) })
}

// refute takes a record for forged: its address is neither charged nor protected.
// The admin is told, with those who were heard when it was written, but not for
// each of a flood.
func (j *Judge) refute(h *held, now time.Time, decide func(Verdict)) {
	g := &j.forgery
	g.forged++
	g.since++
	if !g.alarmed.IsZero() && now.Sub(g.alarmed).Abs() < forgedEvery {
		return
	}
	e := &h.event
	what := "which sent no packet to " + e.Service.String() + ": the record is forged, or heard.ports lacks a port where Asterisk listens"
	if j.gate.Ask(e.Addr, e.Service, h.at) == parsers.Yes {
		what = "whose packets show nothing of the kind: it is not charged"
	}
	reason := fmt.Sprintf("a record of %s reports %s of %s, %s", h.src.file, e.Kind, e.Addr, what)
	if g.since > 1 {
		reason += fmt.Sprintf("; %d more are like it", g.since-1)
	}
	reason += "; " + j.suspected(e, h.at)
	g.alarmed, g.since = now, 0
	p := netip.PrefixFrom(e.Addr, e.Addr.BitLen())
	decide(Verdict{Ban: book.Ban{Prefix: p, Jail: "forged", Since: now.UTC(), Reason: reason}, Alarm: true})
}

// suspected names those who were heard when a forged record was written.
func (j *Judge) suspected(e *parsers.Event, at time.Time) string {
	list := j.gate.SuspectsOf(e.Addr, at)
	if len(list) == 0 {
		return "it is not known who sent packets then"
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
	return "packets came then from " + strings.Join(names, ", ") + more
}

// Forged is how many records reported what no packet did.
func (j *Judge) Forged() uint64 { return j.forgery.forged }

// gradeSilence asks about an address that has not answered a challenge until now.
func (j *Judge) gradeSilence(a netip.Addr, now time.Time) witness.Grade {
	return j.gate.GradeAddr(a, parsers.Other, now.Add(-fraud.SilentAfter))
}
