package jails

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/fraud"
	"pbxjail/parsers"
)

// grade is what the witnesses of packets say of a record.
type grade uint8

const (
	ungated grade = iota // they are not asked: there are none, or no guarded port belongs to the record
	unsure               // they cannot tell
	sent                 // the address sent packets
	seen                 // the wire saw what the record reports
	retold               // the wire saw it, and the same log has reported it already
	absent               // nothing came from the address, or not what the record reports
)

var gradeWords = [...]string{"", "cannot tell", "heard", "wire", "told before", "forged"}

// gate holds what the judge makes of its witnesses. Owned by one Judge; bounded.
type gate struct {
	heard     Heard // who knows who sent us packets; nil: no one does
	wire      Wire  // who reads them; nil: no one does
	sightings sightings
	ended     time.Time // of a replay: what comes later is in no trace; zero: there is no end
	doubts    doubts
	forged    uint64
	alarmed   time.Time // when forged records were last reported
	since     uint64    // how many there have been since then
	suspects  []netip.Addr
}

const (
	// forgedEvery is how far apart the alarms about forged records are.
	forgedEvery = time.Minute
	// mostSuspects bounds those that an alarm names.
	mostSuspects = 4
)

// SetWitnesses puts witnesses beside the logs in place of the old; each may be nil.
// Without any, a judge believes logs as far as logs can be believed.
func (j *Judge) SetWitnesses(heard Heard, wire Wire) { j.gate.heard, j.gate.wire = heard, wire }

// watched reports whether there is any witness of packets.
func (g *gate) watched() bool { return g.heard != nil || g.wire != nil }

// grade asks the witnesses about a record of a log at a time. What it answers may
// change for some seconds, because packets and records do not come in order.
func (j *Judge) grade(s *Source, e *parsers.Event, at time.Time) grade {
	g := &j.gate
	f := familyOf[e.Service]
	switch {
	case e.Channel == parsers.ChannelWire:
		return seen
	case s.text || !g.watched() || e.Pattern != nil || f == noFamily || !e.Addr.IsValid():
		return ungated
	case g.complete(e.Addr, e.Service, at):
		answer := absent
		switch {
		case e.Kind == parsers.Success && g.sightings.login(e.Addr, f, at):
			answer = seen
		case e.Kind == parsers.Success:
		case e.Result == parsers.Signal: // a challenge: the wire tells of those itself
			answer = seen
		default:
			answer = g.sightings.attempt(e, witness{s.id, e.Channel, e.Service}, at)
		}
		switch {
		case answer != absent || g.wire.Heard(e.Addr, e.Service, at) != parsers.Yes:
		case e.Kind == parsers.Success && !authenticated(e):
			return sent // it gains nothing
		case j.logsIn(e.Addr, at):
			return retold // the wire may leave out what such an address does besides; it counts for nobody
		}
		return answer
	}
	switch g.ask(e.Addr, e.Service, at) {
	case parsers.Yes:
		return sent
	case parsers.No:
		return absent
	}
	return unsure
}

// doors are the services on whose ports one is heard. AMI is spoken over HTTP too.
func doors(s parsers.Service) []parsers.Service {
	if s == parsers.AMI {
		return []parsers.Service{parsers.AMI, parsers.HTTP}
	}
	return []parsers.Service{s}
}

// ask asks all witnesses whether an address was heard: one that heard it is right, and
// one that knows that nothing came needs no other. So a sensor that lost packets in a flood
// takes nothing from the sets of the kernel.
func (g *gate) ask(a netip.Addr, s parsers.Service, at time.Time) parsers.Answer {
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
func (g *gate) over(at time.Time) bool { return !g.ended.IsZero() && at.After(g.ended) }

// complete reports whether the wire would have seen any attempt of an address.
func (g *gate) complete(a netip.Addr, s parsers.Service, at time.Time) bool {
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

// reads reports whether the wire reads what an address sends, so that it knows whether
// our challenges are answered there. It need not be complete: who floods its tables makes
// it incomplete for everybody, and must not gain by that.
func (g *gate) reads(a netip.Addr, s parsers.Service, at time.Time) bool {
	return g.complete(a, s, at) || g.wire != nil && !g.over(at) && g.wire.Heard(a, s, at) == parsers.Yes
}

// refute takes a record for forged: its address is neither charged nor protected.
// The admin is told, with those who were heard when it was written, but not for
// each of a flood.
func (j *Judge) refute(h *held, now time.Time, decide func(Verdict)) {
	g := &j.gate
	g.forged++
	g.since++
	if !g.alarmed.IsZero() && now.Sub(g.alarmed).Abs() < forgedEvery {
		return
	}
	e := &h.event
	what := "which sent no packet to " + e.Service.String() + ": the record is forged, or heard.ports lacks a port where Asterisk listens"
	if g.ask(e.Addr, e.Service, h.at) == parsers.Yes {
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
	list := j.suspects(e.Addr, at)
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

// suspects are the addresses that were heard on any service when a record was
// written, but for the one that it names. It holds until the next call.
func (j *Judge) suspects(named netip.Addr, at time.Time) []netip.Addr {
	g := &j.gate
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

// Forged is how many records reported what no packet did.
func (j *Judge) Forged() uint64 { return j.gate.forged }

// gradeSilence asks about an address that has not answered a challenge until now.
func (j *Judge) gradeSilence(a netip.Addr, now time.Time) grade {
	if !j.gate.watched() {
		return ungated
	}
	switch j.gate.ask(a, parsers.Other, now.Add(-fraud.SilentAfter)) {
	case parsers.Yes:
		return sent
	case parsers.No:
		return absent
	}
	return unsure
}
