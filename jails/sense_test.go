package jails

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

func sensible(t *testing.T, text string) *Judge {
	judge := judgeOf(jailOf(t, "x", text))
	judge.SetSenses(Senses{Numbers: configs.ShippedNumbers(), Fraud: defaultFraud()})
	return judge
}

// guest is a call of somebody without an account.
func guest(a, number string, evidence parsers.Evidence) *parsers.Event {
	return with(failure(a), func(e *parsers.Event) {
		e.Kind, e.Service, e.Channel, e.Evidence, e.Number = parsers.GuestCall, parsers.Dialplan, parsers.ChannelDialplan, evidence, parsers.TextOf([]byte(number))
	})
}

// Who dials one number under changing prefixes is banned on fewer calls than who
// misdials, and the ban says why.
func TestFraudWeighs(t *testing.T) {
	const text = "maxretry: 10\nmatch: [{event: guest-call}]"
	judge := sensible(t, text)
	var got []Verdict
	for i, number := range []string{"00972597562518", "000972597562518", "9011972597562518", "900972597562518", "81972597562518"} {
		got = append(got, hear(judge, guest("203.0.113.9", number, parsers.Seen), start.Add(time.Duration(i)*time.Second))...)
	}
	if len(got) != 1 || !strings.Contains(got[0].Ban.Reason, "same number under") || !strings.Contains(got[0].Ban.Reason, "international call of a guest: +972") {
		t.Fatalf("got %+v, want one ban that names the number and the country", got)
	}
	judge = sensible(t, text+"\nfraud: false")
	for i := range 5 {
		if got := hear(judge, guest("203.0.113.9", "00972597562518", parsers.Seen), start.Add(time.Duration(i)*time.Second)); got != nil {
			t.Errorf("a jail without it: got %s", words(got))
		}
	}
}

// What somebody writes of a victim weighs nothing on what the victim does itself.
func TestClaimsAreKeptApart(t *testing.T) {
	judge := sensible(t, "maxretry: 20\nevidence: {ban: claimed}\nmatch: [{event: guest-call}, {event: unknown-account}]")
	for i := range 30 {
		hear(judge, with(guest("203.0.113.9", fmt.Sprint(1000+i), parsers.Claimed), func(e *parsers.Event) { e.Account = e.Number }), start)
	}
	e := with(failure("203.0.113.9"), func(e *parsers.Event) { e.Kind, e.Account = parsers.UnknownAccount, parsers.TextOf([]byte("1031")) })
	judge.look(e, start, nil)
	if p, factors := judge.weigh(judge.jails[0], e, e.Points); p != parsers.Point {
		t.Errorf("got %s points by %v, want 1", p, factors)
	}
}

// One account tried from everywhere: one alarm, and each attempt weighs more.
func TestSiege(t *testing.T) {
	judge := sensible(t, "")
	var alarms []Verdict
	for i := range 20 {
		for _, v := range hear(judge, with(failure(numbered(i).String()), func(e *parsers.Event) { e.Account = parsers.TextOf([]byte("1001\x1b")) }), start) {
			if v.Alarm {
				alarms = append(alarms, v)
			}
		}
	}
	if len(alarms) != 1 || alarms[0].Ban.Reason != `one account from 8 addresses: 1001\x1b` {
		t.Errorf("got %+v, want one alarm, quoted", alarms)
	}
	if got, want := score(judge, 0, numbered(19).String(), start), 2*parsers.Point; got != want {
		t.Errorf("the last one: got %s points, want %s", got, want)
	}
}

func challenge(a, id string) *parsers.Event {
	return with(failure(a), func(e *parsers.Event) {
		e.Result, e.Kind, e.Channel, e.Account, e.Session = parsers.Signal, parsers.Challenge, parsers.ChannelSecurity, parsers.TextOf([]byte("1001")), parsers.TextOf([]byte(id))
	})
}

// Unanswered challenges are counted when their time is over: with the next event, or by
// a tick.
func TestUnanswered(t *testing.T) {
	const text = "maxretry: 5\nmatch: [{event: unanswered}]"
	ask := func(judge *Judge) {
		for i := range 5 {
			hear(judge, challenge("203.0.113.9", fmt.Sprint(i)), start.Add(time.Duration(i)*time.Second))
		}
	}
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tick := func(judge *Judge, s int) (got []Verdict) {
		judge.Tick(at(s), func(v Verdict) { got = append(got, v) })
		return got
	}
	judge := sensible(t, text)
	ask(judge)
	if got := tick(judge, 31); got != nil {
		t.Errorf("while there is time: got %s", words(got))
	}
	if got, want := words(tick(judge, 40)), "ban 203.0.113.9/32 by x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	judge = sensible(t, text)
	ask(judge)
	if got, want := words(hear(judge, challenge("198.51.100.7", "x"), at(40))), "ban 203.0.113.9/32 by x"; got != want {
		t.Errorf("by another record: got %q, want %q", got, want)
	}
	for name, answer := range map[string]*parsers.Event{
		"a login":          with(challenge("203.0.113.9", ""), func(e *parsers.Event) { e.Kind, e.Password = parsers.Success, true }),
		"a wrong password": failure("203.0.113.9"),
	} {
		judge := sensible(t, text)
		ask(judge)
		hear(judge, answer, at(6))
		if got := tick(judge, 100); got != nil {
			t.Errorf("%s: got %s", name, words(got))
		}
	}
	judge = sensible(t, text)
	ask(judge)
	judge.Forget(only("203.0.113.9"))
	if got := tick(judge, 100); got != nil {
		t.Errorf("let out: got %s", words(got))
	}
}
