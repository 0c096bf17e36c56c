package jails

import (
	"fmt"
	"testing"
	"time"

	"pbxjail/parsers"
)

// TestTopTellsWhoIsCharged: what a jail counts, and nothing else.
func TestTopTellsWhoIsCharged(t *testing.T) {
	j := judgeOf(jailOf(t, "x", ""), jailOf(t, "y", "match: [{event: acl}]"))
	for i, e := range []*parsers.Event{
		failure("203.0.113.9"), failure("203.0.113.9"), failure("203.0.113.8"),
		with(failure("203.0.113.7"), func(e *parsers.Event) { e.Kind = parsers.Malformed }),
		with(failure("203.0.113.6"), func(e *parsers.Event) { e.Result = parsers.Ambiguous }),
		with(failure("203.0.113.5"), func(e *parsers.Event) { e.Evidence = parsers.Claimed }),
	} {
		e.Account = parsers.TextOf([]byte("101"))
		hear(j, e, start.Add(time.Duration(i)*time.Second))
	}
	tops := j.Top(10, start.Add(time.Minute))
	got := fmt.Sprint(tops.Jails, tops.Countries, tops.Accounts, tops.Addresses)
	if want := "[{x 3 3 3000 0}] [] [{101 3 3 3000 0}] [{203.0.113.9 2 2 2000 0} {203.0.113.8 1 1 1000 0}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
