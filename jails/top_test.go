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
	w := NewWarden(j, nil, nil, nil)
	for i, e := range []*parsers.Event{
		failure("203.0.113.9"), failure("203.0.113.9"), failure("203.0.113.8"),
		with(failure("203.0.113.7"), func(e *parsers.Event) { e.Kind = parsers.Malformed }),
		with(failure("203.0.113.6"), func(e *parsers.Event) { e.Result = parsers.Ambiguous }),
		with(failure("203.0.113.5"), func(e *parsers.Event) { e.Evidence = parsers.Claimed }),
	} {
		e.Account = parsers.TextOf([]byte("101"))
		hear(j, e, start.Add(time.Duration(i)*time.Second))
	}
	tops := w.Top(10, start.Add(time.Minute))
	got := fmt.Sprint(tops.Jails, tops.Countries, tops.Accounts, tops.Addresses)
	if want := "[{x 3 3 3000 0}] [] [{101 3 3 3000 0}] [{203.0.113.9 2 2 2000 0} {203.0.113.8 1 1 1000 0}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	j.book.Put(Ban{Prefix: prefix("203.0.113.0/24"), Since: start, Until: start.Add(time.Hour)})
	if a := addr("203.0.113.9"); !w.Holds(a, start) || w.Holds(a, start.Add(2*time.Hour)) || w.Holds(addr("203.0.114.9"), start) {
		t.Errorf("%s is not banned for exactly an hour, or another one is", a)
	}
}
