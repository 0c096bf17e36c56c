package jails

import (
	"testing"
	"time"

	"pbxjail/jails/jailstest"
	"pbxjail/parsers"
)

// TestAMICountsOnce: what the security log and the manager interface both report counts once,
// and either of them alone counts too.
func TestAMICountsOnce(t *testing.T) {
	for _, c := range []struct {
		name     string
		log, ami int // failures that each reports
		bans     bool
	}{
		{"both report four of five", 4, 4, false},
		{"both report five", 5, 5, true},
		{"the log alone", 5, 0, true},
		{"the manager interface alone", 0, 5, true},
		{"three and two", 3, 2, false},
		{"the log loses one", 4, 5, true},
	} {
		j := judgeOf(jailOf(t, "x", "maxretry: 5\nlogs: [/log]\nmatch: [{event: bad-password}]"))
		at, bans := jailstest.Start(), 0
		count := func(v Verdict) {
			if v.Bans() {
				bans++
			}
		}
		failure := func(n int) *parsers.Event {
			return jailstest.With(jailstest.Failure("203.0.113.9"), func(e *parsers.Event) { e.Channel = parsers.ChannelSecurity })
		}
		for i := range max(c.log, c.ami) {
			at = at.Add(time.Second)
			if i < c.log {
				j.Hear(j.Source("/log"), failure(i), at, count)
			}
			if i < c.ami {
				j.Hear(j.AMI(), failure(i), at.Add(time.Millisecond), count)
			}
		}
		if (bans > 0) != c.bans {
			t.Errorf("%s: got %d bans", c.name, bans)
		}
	}
}

// TestAMIIsNoText: jails with heard: false believe logs of other hosts, and hear no AMI.
func TestAMIIsNoText(t *testing.T) {
	j := judgeOf(jailOf(t, "x", "maxretry: 1\nheard: false\nlogs: [/log]\nmatch: [{event: bad-password}]"))
	bans := 0
	j.Hear(j.AMI(), jailstest.Failure("203.0.113.9"), jailstest.Start(), func(v Verdict) { bans++ })
	if bans > 0 {
		t.Error("a jail with heard: false heard an event of the manager interface")
	}
}
