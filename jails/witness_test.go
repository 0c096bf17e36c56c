package jails

import (
	"fmt"
	"testing"
	"time"

	"pbxjail/parsers"
)

// telling is one telling of an attempt.
type telling struct {
	file    string
	channel parsers.Channel
	service parsers.Service
}

func TestOneAttemptCountsOnce(t *testing.T) {
	const security, notice, acl = parsers.ChannelSecurity, parsers.ChannelNotice, parsers.ChannelACL
	for _, c := range []struct {
		name    string
		tellers []telling
		want    parsers.Points // of three attempts
	}{
		{"one log", []telling{{"/full", notice, parsers.PJSIP}}, 3},
		{"two channels in one log", []telling{{"/full", security, parsers.PJSIP}, {"/full", notice, parsers.PJSIP}}, 3},
		{"one channel in two logs", []telling{{"/full", notice, parsers.PJSIP}, {"/messages", notice, parsers.PJSIP}}, 3},
		{"everything in every log", []telling{
			{"/full", security, parsers.PJSIP}, {"/full", notice, parsers.PJSIP}, {"/full", acl, parsers.PJSIP},
			{"/messages", notice, parsers.PJSIP}, {"/messages", acl, parsers.PJSIP}, {"/security", security, parsers.PJSIP},
		}, 3},
		{"two services", []telling{{"/full", notice, parsers.PJSIP}, {"/full", notice, parsers.IAX2}}, 6},
		{"two services in two logs", []telling{
			{"/full", notice, parsers.PJSIP}, {"/full", notice, parsers.AMI}, {"/security", security, parsers.PJSIP}, {"/security", security, parsers.AMI},
		}, 6},
		{"the same line twice", []telling{{"/full", notice, parsers.PJSIP}, {"/full", notice, parsers.PJSIP}}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			judge := judgeOf(jailOf(t, "guessing", "maxretry: 100\nlogs: [/full, /messages, /security]"))
			at := start
			for range 3 {
				for _, w := range c.tellers {
					hearIn(judge, w.file, with(failure("203.0.113.9"), func(e *parsers.Event) { e.Channel, e.Service = w.channel, w.service }), at)
				}
				at = at.Add(time.Second)
			}
			if got, want := score(judge, 0, "203.0.113.9", at), c.want*parsers.Point; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// What one log misses, another reports: the witness that reports most is believed, not
// the mean and not the first.
func TestWitnessThatTellsMost(t *testing.T) {
	judge := judgeOf(jailOf(t, "guessing", "logs: [/full, /security]"))
	var got []Verdict
	for i := range 5 {
		at := start.Add(time.Duration(i) * time.Second)
		if i%2 == 0 {
			hearIn(judge, "/security", failure("203.0.113.9"), at)
		}
		got = append(got, hearIn(judge, "/full", failure("203.0.113.9"), at)...)
	}
	if got, want := words(got), "ban 203.0.113.9/32 by guessing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOnce(t *testing.T) {
	once := func(account string, channel parsers.Channel) *parsers.Event {
		return with(failure("203.0.113.9"), func(e *parsers.Event) {
			e.Once, e.Account, e.Channel = true, parsers.TextOf([]byte(account)), channel
		})
	}
	for _, c := range []struct {
		name string
		hear func(i int) *parsers.Event
		want parsers.Points // of four
	}{
		{"same account", func(int) *parsers.Event { return once("101", parsers.ChannelNotice) }, 1},
		{"no account", func(int) *parsers.Event { return once("", parsers.ChannelNotice) }, 1},
		{"other accounts", func(i int) *parsers.Event { return once(fmt.Sprint(i), parsers.ChannelNotice) }, 4},
		{"two witnesses of the same", func(i int) *parsers.Event { return once("101", parsers.Channel(i%2)) }, 1},
		{"attempts of their own", func(int) *parsers.Event { return with(once("101", 0), func(e *parsers.Event) { e.Once = false }) }, 4},
		{"after an attempt of its own", func(i int) *parsers.Event { return with(once("101", 0), func(e *parsers.Event) { e.Once = i > 0 }) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			judge := judgeOf(jailOf(t, "scanning", ""))
			for i := range 4 {
				hear(judge, c.hear(i), start.Add(time.Duration(i)*time.Minute))
			}
			if got, want := score(judge, 0, "203.0.113.9", start.Add(4*time.Minute)), c.want*parsers.Point; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// A monitor that checks every minute that an account is refused is no attacker, however
// long it does so.
func TestMonitorIsNeverBanned(t *testing.T) {
	judge := judgeOf(jailOf(t, "scanning", "findtime: 10m\nmatch: [{event: unknown-account, points: 4.9}]"))
	for i := range 10_000 {
		e := with(failure("203.0.113.9"), func(e *parsers.Event) {
			e.Kind, e.Once, e.Account = parsers.UnknownAccount, true, parsers.TextOf([]byte("monitor"))
		})
		if got := hear(judge, e, start.Add(time.Duration(i)*time.Minute)); got != nil {
			t.Fatalf("after %d minutes: got %s", i, words(got))
		}
	}
}

// A reload must not make another witness of a log, or the sums before and after
// would not meet.
func TestWitnessesOutliveReload(t *testing.T) {
	spec := "logs: [/full, /security]"
	judge := judgeOf(jailOf(t, "guessing", spec))
	for i := range 4 {
		hearIn(judge, "/full", failure("203.0.113.9"), start.Add(time.Duration(i)*time.Second))
		judge.SetJails([]*Jail{jailOf(t, "guessing", spec)})
		judge.Source([]string{"/security", "/full"}[i%2]) // each may be the first to come back
	}
	if got, want := score(judge, 0, "203.0.113.9", start.Add(4*time.Second)), 4*parsers.Point; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Logs with a date in their names come without end.
func TestSourcesAreBounded(t *testing.T) {
	judge := judgeOf(jailOf(t, "guessing", "maxretry: 100\nlogs: [/log*]"))
	ids := map[uint16]string{}
	for i := range 3 * maxSources {
		file := fmt.Sprint("/log", i)
		s := judge.Source(file)
		if other, taken := ids[s.id]; taken {
			t.Fatalf("%s: got the id of %s: what both report would count twice", file, other)
		}
		ids[s.id] = file
		if n := len(judge.sources); n > maxSources {
			t.Fatalf("got %d sources, want at most %d", n, maxSources)
		}
	}
}
