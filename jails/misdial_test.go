package jails

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

// TestMisdials: a phone of ours that dials numbers that do not exist is no guest. It
// raises an alarm when there are many, and is never banned; a caller without an account is.
func TestMisdials(t *testing.T) {
	const pjsip, sip = "res_pjsip_session.c: %s: Call (UDP:198.51.100.7:5060) to extension '0044%d' rejected because extension not found in context 'in'.",
		"chan_sip.c: Call from '%s' (198.51.100.7:5060) to extension '0044%d' rejected because extension not found in context 'in'."
	for _, c := range []struct {
		name, form, account string
		calls               int
		banned, reported    bool
	}{
		{"pjsip, a slip", pjsip, "101", 3, false, false},
		{"pjsip, many", pjsip, "101", 40, false, true},
		{"pjsip, a name with blanks", pjsip, "Front desk", 40, false, true},
		{"pjsip, a guest", pjsip, "anonymous", 40, true, false},
		{"pjsip, a guest of a domain", pjsip, "anonymous@pbx.example", 40, true, false},
		{"chan_sip, many", sip, "101", 40, false, true},
		{"chan_sip, a guest", sip, "", 40, true, false},
		{"chan_sip, an unknown name", sip, "unknown", 40, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			judge := shippedJudge(t)
			src := judge.Source("/var/log/asterisk/messages")
			p := parsers.New(parsers.Clock{})
			banned, reported := false, 0
			for i := range c.calls {
				line := fmt.Sprintf("[2026-03-02 10:00:00] NOTICE[1] "+c.form+"\n", c.account, 1620000000+i)
				p.Block([]byte(line), false, time.Time{}, func(e *parsers.Event) {
					judge.Hear(src, e, time.Date(2026, 3, 2, 10, 0, i, 0, time.UTC), func(v Verdict) {
						banned = banned || v.Bans()
						if v.Alarm && strings.Contains(v.Ban.Reason, "dials wrong numbers") {
							reported++
						}
					})
				})
			}
			if banned != c.banned || reported > 1 || (reported == 1) != c.reported {
				t.Errorf("got banned %v, %d alarms, want %v, %v", banned, reported, c.banned, c.reported)
			}
		})
	}
}
