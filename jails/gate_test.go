package jails

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/jails/jailstest"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// packets is a witness that knows who was heard, whenever and on whatever service.
type packets struct {
	heard map[string]parsers.Answer // No for those that are not in it
	blind bool                      // it cannot answer for any address
	dark  bool                      // it cannot read what they say
}

func (p packets) Heard(a netip.Addr, _ parsers.Service, _ time.Time) parsers.Answer {
	if p.blind {
		return parsers.CannotTell
	}
	return max(p.heard[a.String()], parsers.No)
}

func (p packets) Suspects(list []netip.Addr, _ parsers.Service, _ time.Time) []netip.Addr {
	for a, answer := range p.heard {
		if answer == parsers.Yes {
			list = append(list, addr(a))
		}
	}
	return list
}

func (p packets) Complete(netip.Addr, parsers.Service, time.Time) bool { return !p.blind && !p.dark }

func from(list ...string) map[string]parsers.Answer {
	m := map[string]parsers.Answer{}
	for _, a := range list {
		m[a] = parsers.Yes
	}
	return m
}

// wired is an event as the sensor on the wire reports it.
func wired(kind parsers.Kind, a string, evidence parsers.Evidence, account string) *parsers.Event {
	return with(failure(a), func(e *parsers.Event) {
		e.Kind, e.Channel, e.Evidence, e.Rule, e.Account = kind, parsers.ChannelWire, evidence, "wire", parsers.TextOf([]byte(account))
		if kind == parsers.Success || kind == parsers.Challenge {
			e.Result, e.Password = parsers.Signal, kind == parsers.Success
		}
	})
}

func hearWire(j *Judge, e *parsers.Event, at time.Time) (list []Verdict) {
	j.Hear(j.Wire(), e, at, func(v Verdict) {
		if v.Bans() {
			j.book.Put(v.Ban)
		}
		list = append(list, v)
	})
	return list
}

// outcome lists the bans with their lengths, and the alarms, in the order of time.
func outcome(list []Verdict) string {
	var out []string
	for _, v := range list {
		switch {
		case v.Alarm:
			out = append(out, "alarm "+v.Ban.Prefix.Addr().String())
		case v.Protected != "":
			out = append(out, "protected "+v.Ban.Prefix.Addr().String())
		default:
			out = append(out, fmt.Sprintf("ban %s %s", v.Ban.Prefix.Addr(), show.Duration(v.Ban.Until.Sub(v.Ban.Since))))
		}
	}
	return strings.Join(out, "; ")
}

const guessing = "maxretry: 3\nbantime: 1h\nlogs: [/log, /security, /messages]\nmatch: [{event: bad-password}, {event: guest-call}, {event: unanswered}, {event: unknown-account}]"

// TestRecordNeedsPackets: three records of an address, and what the witnesses say.
func TestRecordNeedsPackets(t *testing.T) {
	record := func(change func(e *parsers.Event)) func(i int) *parsers.Event {
		return func(int) *parsers.Event { return with(failure("203.0.113.9"), change) }
	}
	same := func(*parsers.Event) {}
	for _, c := range []struct {
		name        string
		heard, wire *packets
		event       func(i int) *parsers.Event
		jail        string
		want        string
	}{
		{"no witness", nil, nil, record(same), "", "ban 203.0.113.9 1h"},
		{"the kernel heard it", &packets{heard: from("203.0.113.9")}, nil, record(same), "", "ban 203.0.113.9 15m"},
		{"the kernel heard it, over TCP", &packets{heard: from("203.0.113.9")}, nil, record(func(e *parsers.Event) { e.Evidence = parsers.Proven }), "", "ban 203.0.113.9 1h"},
		{"the kernel heard another one", &packets{heard: from("198.51.100.7")}, nil, record(same), "", "alarm 203.0.113.9"},
		{"the kernel does not know", &packets{blind: true}, nil, record(same), "", "ban 203.0.113.9 15m"},
		{"the wire heard nothing", nil, &packets{}, record(same), "", "alarm 203.0.113.9"},
		{"the wire saw no attempt", nil, &packets{heard: from("203.0.113.9")}, record(same), "", "alarm 203.0.113.9"},
		{"the wire saw no attempt, whatever the kernel heard", &packets{heard: from("203.0.113.9")}, &packets{heard: from("203.0.113.9")}, record(same), "", "alarm 203.0.113.9"},
		{"the wire cannot read it", nil, &packets{heard: from("203.0.113.9"), dark: true}, record(same), "", "ban 203.0.113.9 15m"},
		{"the wire is blind, the kernel heard it", &packets{heard: from("203.0.113.9")}, &packets{blind: true}, record(same), "", "ban 203.0.113.9 15m"},
		{"logs of another host", &packets{}, &packets{}, record(same), "heard: false\n", "ban 203.0.113.9 1h"},
		{"an own pattern", &packets{}, nil, record(func(e *parsers.Event) {
			e.Kind, e.Service, e.Pattern = parsers.Custom, parsers.Other, ownPattern(t)
		}), "", "ban 203.0.113.9 1h"},
		{"a call that the dialplan reports", &packets{}, nil, record(func(e *parsers.Event) {
			e.Kind, e.Service, e.Channel = parsers.GuestCall, parsers.Dialplan, parsers.ChannelDialplan
		}), "", "alarm 203.0.113.9"},
		{"AMI over HTTP", nil, &packets{}, record(func(e *parsers.Event) { e.Service = parsers.AMI }), "", "alarm 203.0.113.9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.jail + guessing + "\n"
			if strings.Contains(c.name, "own pattern") {
				text = strings.Replace(text, "match: [", "match: [{regex: '^<ADDR>$'}, ", 1)
			}
			judge := judgeOf(jailOf(t, "x", text))
			var heard witness.Heard
			var wire witness.Wire
			if c.heard != nil {
				heard = *c.heard
			}
			if c.wire != nil {
				wire = *c.wire
			}
			judge.SetWitnesses(heard, wire)
			var got []Verdict
			for i := range 3 {
				got = append(got, hear(judge, c.event(i), start.Add(time.Duration(i)*time.Second))...)
			}
			judge.Tick(start.Add(time.Minute), func(v Verdict) { got = append(got, v) })
			if outcome(got) != c.want {
				t.Errorf("got %q, want %q", outcome(got), c.want)
			}
		})
	}
}

func ownPattern(t *testing.T) *parsers.Pattern {
	p, err := parsers.NewPattern("^<ADDR>$")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestWitnessesAgree: one that heard is right, and one that knows of silence needs no other.
func TestWitnessesAgree(t *testing.T) {
	const a = "203.0.113.9"
	came, silent, blind := packets{heard: from(a)}, packets{}, packets{blind: true}
	for _, test := range []struct {
		heard, wire packets
		want        parsers.Answer
	}{
		{came, came, parsers.Yes},
		{came, silent, parsers.Yes},
		{silent, came, parsers.Yes},
		{came, blind, parsers.Yes},
		{blind, came, parsers.Yes},
		{silent, silent, parsers.No},
		{silent, blind, parsers.No},
		{blind, silent, parsers.No},
		{blind, blind, parsers.CannotTell},
	} {
		for _, service := range []parsers.Service{parsers.PJSIP, parsers.AMI} {
			g := witness.NewGate()
			g.Set(test.heard, test.wire)
			if got := g.Ask(addr(a), service, time.Now()); got != test.want {
				t.Errorf("%+v and %+v, %s: got %s, want %s", test.heard, test.wire, service, got, test.want)
			}
		}
	}
}

// TestForgedIsReported: the admin learns which log names which address, and which addresses
// sent packets then; a
// flood is one alarm a minute.
func TestForgedIsReported(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", guessing))
	judge.SetWitnesses(packets{heard: from("198.51.100.7", "198.51.100.8")}, nil)
	var got []string
	for i := range 400 {
		at := start.Add(time.Duration(i) * time.Second / 2)
		for _, v := range hear(judge, failure(numbered(i).String()), at) {
			got = append(got, v.Ban.Reason)
		}
	}
	want := "forged record? /log reports bad-password from 10.0.0.0, but 10.0.0.0 sent no packet to pjsip (or else a port of Asterisk is missing in heard.ports of the main file). 10.0.0.0 is not banned for this record. At that time, packets came from 198.51.100.7, 198.51.100.8. They are not banned for this: one of them may have forged the record"
	if len(got) != 4 || got[0] != want || !strings.Contains(got[1], "more such records") {
		t.Errorf("got %q, want %q and three more", got, want)
	}
	if judge.Forged() < 390 || len(judge.forgery.doubts.list) > 10 {
		t.Errorf("got %d forged, %d waiting", judge.Forged(), len(judge.forgery.doubts.list))
	}
}

// TestPacketsMayComeLater: the date of a record has no fraction, so its packets may
// seem younger. What comes too late, or of another address, is no packet of it.
func TestPacketsMayComeLater(t *testing.T) {
	for _, c := range []struct {
		name string
		addr string
		late time.Duration
		want string
	}{
		{"in the same second", "203.0.113.9", 900 * time.Millisecond, "ban 203.0.113.9 1h"},
		{"two seconds later", "203.0.113.9", 2 * time.Second, "ban 203.0.113.9 1h"},
		{"too late", "203.0.113.9", 20 * time.Second, "alarm 203.0.113.9"},
		{"of another", "203.0.113.8", 900 * time.Millisecond, "alarm 203.0.113.9"},
	} {
		judge := judgeOf(jailOf(t, "x", "maxretry: 1\nbantime: 1h\nmatch: [{event: bad-password}]"))
		judge.SetWitnesses(nil, packets{heard: from("203.0.113.8", "203.0.113.9")})
		got := hear(judge, failure("203.0.113.9"), start)
		// It is no offence by itself, so that the record alone decides.
		note := with(wired(parsers.Challenge, c.addr, parsers.Proven, "1001"), func(*parsers.Event) {})
		got = append(got, hearWire(judge, note, start.Add(c.late))...)
		judge.Tick(start.Add(time.Minute), func(v Verdict) { got = append(got, v) })
		if outcome(got) != c.want {
			t.Errorf("%s: got %q, want %q", c.name, outcome(got), c.want)
		}
	}
}

// TestAttemptOfManyWitnessesCountsOnce: security, notice and wire report the same.
func TestAttemptOfManyWitnessesCountsOnce(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", "maxretry: 100\nlogs: [/log, /security, /messages]"))
	judge.SetWitnesses(nil, packets{heard: from("203.0.113.9")})
	for i := range 6 {
		at := start.Add(time.Duration(i) * 10 * time.Second)
		service := []parsers.Service{parsers.PJSIP, parsers.SIP}[i%2]
		hearWire(judge, wired(parsers.BadPassword, "203.0.113.9", parsers.Proven, "1001"), at)
		for _, w := range []telling{{"/security", parsers.ChannelSecurity, service}, {"/log", parsers.ChannelNotice, service}, {"/messages", parsers.ChannelNotice, service}} {
			hearIn(judge, w.file, with(failure("203.0.113.9"), func(e *parsers.Event) { e.Channel, e.Service = w.channel, w.service }), at)
		}
	}
	if got := score(judge, 0, "203.0.113.9", start.Add(time.Minute)); got != 6*parsers.Point {
		t.Errorf("got %s points of six attempts, want 6", got)
	}
	if n := judge.Forged(); n != 0 {
		t.Errorf("got %d records forged", n)
	}
}

// TestNoWitnessReportsMoreThanThereWas: who fails now and then is no cover for forged
// records that name it.
func TestNoWitnessReportsMoreThanThereWas(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", "maxretry: 5\nbantime: 1h\nmatch: [{event: bad-password}]"))
	judge.SetWitnesses(nil, packets{heard: from("203.0.113.9")})
	hearWire(judge, wired(parsers.BadPassword, "203.0.113.9", parsers.Proven, "1001"), start)
	var got []Verdict
	for range 1000 {
		got = append(got, hear(judge, failure("203.0.113.9"), start.Add(time.Second))...)
	}
	judge.Tick(start.Add(time.Minute), func(v Verdict) { got = append(got, v) })
	if points := score(judge, 0, "203.0.113.9", start.Add(time.Minute)); len(got) > 0 || points > witness.PerAttempt*parsers.Point {
		t.Errorf("got %q, %s points, want no more than for one attempt", outcome(got), points)
	}
}

// TestWireIsTheTwin: a notice without its security event is believed when the wire saw
// the attempt; a security event that the wire contradicts is not.
func TestWireIsTheTwin(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", guessing))
	judge.SetWitnesses(nil, packets{heard: from("203.0.113.8", "203.0.113.9")})
	notice := func() *parsers.Event {
		return with(failure("203.0.113.9"), func(e *parsers.Event) { e.Twin = true })
	}
	security := func(a string) *parsers.Event {
		return with(failure(a), func(e *parsers.Event) { e.Channel = parsers.ChannelSecurity })
	}
	hearWire(judge, wired(parsers.BadPassword, "203.0.113.7", parsers.Proven, ""), start)
	hearIn(judge, "/security", security("203.0.113.7"), start) // from now on notices have twins
	var got []Verdict
	for i := range 3 {
		at := start.Add(time.Duration(i) * time.Second)
		got = append(got, hearIn(judge, "/security", security("203.0.113.8"), at)...)
		got = append(got, hearWire(judge, wired(parsers.Challenge, "203.0.113.9", parsers.Seen, ""), at)...)
		got = append(got, hear(judge, notice(), at)...)
	}
	got = append(got, hearWire(judge, wired(parsers.Challenge, "203.0.113.9", parsers.Proven, ""), start.Add(3*time.Second))...)
	judge.Tick(start.Add(time.Minute), func(v Verdict) { got = append(got, v) })
	if want := "ban 203.0.113.9 15m; alarm 203.0.113.8"; outcome(got) != want {
		t.Errorf("got %q, want %q", outcome(got), want)
	}
}

// TestLogInNeedsPackets: a log-in protects only where the packets do not contradict
// its record, and one on the wire does without any record.
func TestLogInNeedsPackets(t *testing.T) {
	login := with(failure(victim), func(e *parsers.Event) {
		e.Result, e.Kind, e.Password, e.Channel = parsers.Signal, parsers.Success, true, parsers.ChannelSecurity
	})
	for _, c := range []struct {
		name        string
		heard, wire *packets
		seen        *parsers.Event // on the wire, before the record
		record      *parsers.Event
		want        bool
	}{
		{"no witness", nil, nil, nil, login, true},
		{"heard", &packets{heard: from(victim)}, nil, nil, login, true},
		{"not heard", &packets{}, nil, nil, login, false},
		{"does not know", &packets{blind: true}, nil, nil, login, true},
		{"the wire saw it", nil, &packets{heard: from(victim)}, wired(parsers.Success, victim, parsers.Proven, "1001"), login, true},
		{"the wire saw it, and there is no record", nil, &packets{heard: from(victim)}, wired(parsers.Success, victim, parsers.Proven, "1001"), nil, true},
		{"the wire saw another thing", nil, &packets{heard: from(victim)}, wired(parsers.BadPassword, victim, parsers.Proven, "1001"), login, false},
	} {
		judge := judgeOf(jailOf(t, "x", guessing))
		judge.Home.ProtectLogins = time.Hour
		var heard witness.Heard
		var wire witness.Wire
		if c.heard != nil {
			heard = *c.heard
		}
		if c.wire != nil {
			wire = *c.wire
		}
		judge.SetWitnesses(heard, wire)
		if c.seen != nil {
			hearWire(judge, c.seen, start)
		}
		if c.record != nil {
			hear(judge, c.record, start)
		}
		judge.Tick(start.Add(time.Minute), func(Verdict) {})
		if got := judge.Home.LogsIn(addr(victim), start.Add(time.Minute)); got != c.want {
			t.Errorf("%s: got protected %t, want %t", c.name, got, c.want)
		}
	}
}

// TestNoPacketsNoBan: whatever all logs report together, with whatever evidence, and
// with no rule of the text left (each record is believed, and no twin is asked for):
// who sent no packet is neither banned nor protected, and nor is who sent packets that
// were let in.
func TestNoPacketsNoBan(t *testing.T) {
	decided := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 6))
		w := packets{heard: map[string]parsers.Answer{}}
		for i := range 6 {
			w.heard[fmt.Sprintf("203.0.113.%d", i)] = parsers.Yes
		}
		judge := NewJudge([]*Jail{randomJail(t, r, "a"), randomJail(t, r, "b")}, NewGuard(nil, nil), book.NewBook(nil, nil), 1000, false)
		for _, jail := range judge.jails {
			jail.Widen.Members = 0
		}
		judge.Home.ProtectLogins = book.Forever
		judge.SetSenses(everything())
		wire := seed%2 == 0
		if wire {
			judge.SetWitnesses(w, w)
		} else {
			judge.SetWitnesses(w, nil)
		}
		// Of the six that send, the last three do nothing wrong.
		attacks := func(a netip.Addr) bool { return a.Is4() && a.As4()[3] < 3 }
		at := start
		for range 3000 {
			at = at.Add(time.Duration(jailstest.Leap(r, 2000)) * time.Millisecond)
			clear(judge.twins.alive[:])
			src, e := judge.Source([]string{"/log", "/other"}[r.IntN(2)]), anything(r)
			if e.Result == parsers.Ambiguous {
				e.Result = parsers.Offence
			}
			if e.Service = []parsers.Service{parsers.PJSIP, parsers.SIP, parsers.IAX2, parsers.AMI, parsers.HTTP, parsers.Dialplan}[r.IntN(6)]; wire && w.heard[e.Addr.String()] == parsers.Yes && r.IntN(3) == 0 {
				src, e.Channel = judge.Wire(), parsers.ChannelWire
				if e.Result == parsers.Offence && !attacks(e.Addr) {
					continue
				}
				if e.Kind == parsers.Challenge && !attacks(e.Addr) {
					continue // it would be answered at once
				}
			}
			judge.Hear(src, e, at, func(v Verdict) {
				a := v.Ban.Prefix.Addr()
				switch {
				case v.Alarm || v.Protected != "" || v.Observe:
				case w.heard[a.String()] != parsers.Yes:
					t.Fatalf("seed %d: got a ban of %s, which sent nothing: %s", seed, a, v.Ban.Reason)
				case wire && !attacks(a):
					t.Fatalf("seed %d: got a ban of %s, which was always let in: %s", seed, a, v.Ban.Reason)
				default:
					decided++
				}
			})
		}
		for _, h := range judge.Home.Homes() {
			if a := h.Latest; w.heard[a.String()] != parsers.Yes {
				t.Fatalf("seed %d: %s is protected by a log-in, and sent nothing", seed, a)
			}
		}
		if n := judge.Forged(); n < 100 {
			t.Errorf("seed %d: got %d records forged: the test tests too little", seed, n)
		}
	}
	if decided < 100 {
		t.Errorf("got %d bans of those who attack: the test tests too little", decided)
	}
}

// TestTraceEnds: what a log reports after the end of the trace is in no packet, and
// that proves nothing.
func TestTraceEnds(t *testing.T) {
	judge := NewJudge([]*Jail{jailOf(t, "x", guessing)}, NewGuard(nil, nil), book.NewBook(nil, nil), 1000, true)
	judge.SetWitnesses(nil, packets{})
	line := "[2026-03-05 06:00:%02d] NOTICE[1] chan_sip.c: Registration from '<sip:301@pbx.example>' failed for '%s:5060' - Wrong password\n"
	var text strings.Builder
	for i := range 3 {
		fmt.Fprintf(&text, line, i, "203.0.113.8")
	}
	for i := range 3 {
		fmt.Fprintf(&text, line, 20+i, "203.0.113.9")
	}
	r := Replay{Judge: judge, Traces: []Trace{&silentTrace{at: start}}}
	var got []Verdict
	if err := r.Run([]Log{{Name: "/log", Text: strings.NewReader(text.String()), Until: start.Add(time.Hour)}}, func(v Verdict) { got = append(got, v) }); err != nil {
		t.Fatal(err)
	}
	if want := "alarm 203.0.113.8; ban 203.0.113.9 15m"; outcome(got) != want {
		t.Errorf("got %q, want %q", outcome(got), want)
	}
}

// silentTrace has a packet a second, for ten seconds, of which nothing follows.
type silentTrace struct{ at time.Time }

func (s *silentTrace) Next() (time.Time, error) {
	if s.at = s.at.Add(time.Second); s.at.After(start.Add(10 * time.Second)) {
		return time.Time{}, io.EOF
	}
	return s.at, nil
}

func (s *silentTrace) Play(func(*parsers.Event)) {}

// TestSlowOnTheWire: the long window counts where the wire would have seen a log-in,
// and more is allowed where an account is at home.
func TestSlowOnTheWire(t *testing.T) {
	for _, c := range []struct {
		name    string
		witness packets
		login   bool
		want    string
	}{
		{"on the wire", packets{heard: from("203.0.113.9")}, false, "ban 203.0.113.9 1h"},
		{"encrypted", packets{heard: from("203.0.113.9"), dark: true}, false, ""},
		{"with a log-in", packets{heard: from("203.0.113.9")}, true, ""},
	} {
		judge := judgeOf(jailOf(t, "x", "maxretry: 5\nfindtime: 10m\nbantime: 1h\nslow: {maxretry: 10, findtime: 3d}\nmatch: [{event: bad-password}]"))
		judge.SetWitnesses(nil, c.witness)
		judge.Allowance = 3
		var got []Verdict
		for i := range 12 {
			at := start.Add(time.Duration(i) * time.Hour)
			got = append(got, hearWire(judge, wired(parsers.BadPassword, "203.0.113.9", parsers.Proven, fmt.Sprint(i)), at)...)
			if c.login && i == 6 {
				hearWire(judge, wired(parsers.Success, "203.0.113.9", parsers.Proven, "1001"), at.Add(30*time.Minute))
			}
		}
		if outcome(got) != c.want {
			t.Errorf("%s: got %q, want %q", c.name, outcome(got), c.want)
		}
	}
}

// TestWhatTheWireSawMustFit: what an address did on the wire is no cover for a record
// that reports another thing of it.
func TestWhatTheWireSawMustFit(t *testing.T) {
	call := func() *parsers.Event {
		return with(wired(parsers.GuestCall, "192.0.2.200", parsers.Seen, ""), func(e *parsers.Event) { e.Result = parsers.Signal })
	}
	login := func() *parsers.Event { return wired(parsers.Success, "192.0.2.200", parsers.Proven, "1001") }
	challenge := func() *parsers.Event { return wired(parsers.Challenge, "192.0.2.200", parsers.Seen, "1001") }
	for _, c := range []struct {
		name   string
		wire   []func() *parsers.Event
		record parsers.Kind
		want   witness.Grade
	}{
		{"a provider's call", []func() *parsers.Event{call}, parsers.BadPassword, witness.Absent},
		{"a call", []func() *parsers.Event{call}, parsers.GuestCall, witness.Seen},
		{"a challenge, and the log-in after it", []func() *parsers.Event{challenge, login}, parsers.BadPassword, witness.Absent},
		{"a challenge", []func() *parsers.Event{challenge}, parsers.UnknownAccount, witness.Seen},
		{"a log-in", []func() *parsers.Event{login}, parsers.Malformed, witness.Absent},
	} {
		judge := judgeOf(jailOf(t, "x", guessing))
		judge.Home.ProtectLogins = time.Millisecond
		judge.SetWitnesses(nil, packets{heard: from("192.0.2.200")})
		for _, e := range c.wire {
			hearWire(judge, e(), start)
		}
		record := with(failure("192.0.2.200"), func(e *parsers.Event) { e.Kind = c.record })
		if got := judge.grade(judge.Source("/log"), record, start.Add(time.Second)); got != c.want {
			t.Errorf("%s, and a record of %s: got %q, want %q", c.name, c.record, got, c.want)
		}
	}
}
