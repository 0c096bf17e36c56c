package jails

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

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
