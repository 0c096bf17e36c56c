package jails

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

// TestThief: who has an account of his own and guesses the passwords of others is
// banned all the same. Wrong passwords of accounts that log in there never count for
// that, however many they are, nor do a few of a new phone.
func TestThief(t *testing.T) {
	const addr = "203.0.113.91"
	for _, c := range []struct {
		name     string
		guesses  int
		every    time.Duration
		accounts string // whose passwords are wrong
		want     bool
	}{
		{"fast", 80, time.Millisecond, "1002", true},
		{"some each minute", 200, 10 * time.Second, "1002", true},
		{"a new phone with a wrong password", 500, time.Minute, "1002", false},
		{"a few", 15, time.Second, "1002", false},
		{"his own account", 500, time.Second, "1001", false},
	} {
		judge := judgeOf(jailOf(t, "x", "maxretry: 5\nbantime: 1h\nmatch: [{event: bad-password}]"))
		judge.ProtectLogins = Forever
		judge.SetWitnesses(nil, packets{heard: from(addr)})
		at, banned, told := start, 0, 0
		for i := range c.guesses {
			list := []*parsers.Event{wired(parsers.BadPassword, addr, parsers.Proven, c.accounts)}
			if i%4 == 0 {
				list = append([]*parsers.Event{wired(parsers.Success, addr, parsers.Proven, "1001")}, list...)
			}
			for _, e := range list {
				for _, v := range hearWire(judge, e, at) {
					if v.Bans() && banned == 0 {
						banned = i + 1
					}
					if v.Alarm && strings.Contains(v.Ban.Reason, "guesses passwords of other accounts, 1002 the last") {
						told++
					}
				}
			}
			at = at.Add(c.every)
		}
		if (banned > 0) != c.want || banned > 60 || told != map[bool]int{true: 1}[c.want] {
			t.Errorf("%s: got banned after %d guesses, told %d times, want %t", c.name, banned, told, c.want)
		}
	}
}

// TestHouseholdIsBounded: an attacker with many accounts forgets the first of them.
func TestHouseholdIsBounded(t *testing.T) {
	var h household
	for i := range uint32(1000) {
		if !h.add(i+1) || h.add(i+1) || !h.has(i+1) {
			t.Fatalf("account %d is not added once", i)
		}
	}
	if h.has(1) || h.has(0) {
		t.Error("got an account that is long gone, or none at all")
	}
}

// TestVictimOfForgedPackets: an address that never answered a challenge is banned for
// a quarter of an hour at most, by whatever jail; one that did is banned in full.
func TestVictimOfForgedPackets(t *testing.T) {
	for _, c := range []struct {
		name   string
		proven int // of the ten events
		want   string
	}{
		{"never answered", 0, "ban 203.0.113.150 15m"},
		{"answered once", 1, "ban 203.0.113.150 1h"},
		{"always answered", 10, "ban 203.0.113.150 1h"},
	} {
		judge := judgeOf(jailOf(t, "x", "maxretry: 10\nbantime: 1h\nmatch: [{event: guest-call}]"))
		judge.SetWitnesses(nil, packets{heard: from("203.0.113.150")})
		var got []Verdict
		for i := range 10 {
			evidence := parsers.Seen
			if i < c.proven {
				evidence = parsers.Proven
			}
			got = append(got, hearWire(judge, wired(parsers.GuestCall, "203.0.113.150", evidence, fmt.Sprint(i)), start.Add(time.Duration(i)*time.Second))...)
		}
		if outcome(got) != c.want {
			t.Errorf("%s: got %q, want %q", c.name, outcome(got), c.want)
		}
		if len(got) == 1 && (got[0].Ban.Most > 0) != strings.Contains(got[0].Ban.Reason, "never answered a challenge") {
			t.Errorf("%s: got %q for a ban of at most %v", c.name, got[0].Ban.Reason, got[0].Ban.Most)
		}
	}
}
