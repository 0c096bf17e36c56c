package jails

import (
	"fmt"
	"testing"
	"time"

	"pbxjail/parsers"
)

// TestBreaker: a broken database stops bans for failures until it works again.
func TestBreaker(t *testing.T) {
	j := homely(t)
	site := func(i int) (a, account string) { return fmt.Sprint("198.51.100.", i+1), fmt.Sprint(100 + i) }
	at := start
	for range 30 { // half an hour of all well
		for i := range 12 {
			a, account := site(i)
			hear(j, entered(a, account), at)
		}
		at = at.Add(time.Minute)
	}
	var reported []string
	play := func(minutes int, e func(a, account string) *parsers.Event) {
		for range minutes {
			for i := range 12 {
				a, account := site(i)
				for _, v := range hear(j, e(a, account), at.Add(time.Duration(i)*time.Second)) {
					switch {
					case v.Ban.Jail == "breaker":
						reported = append(reported, v.Ban.Reason)
					case v.Bans():
						t.Fatalf("got a ban: %s", v.Ban.Reason)
					}
				}
			}
			at = at.Add(time.Minute)
		}
	}
	play(300, func(a, account string) *parsers.Event { return of(failure(a), account) })
	if since, why := j.Home.Broken(); since.IsZero() || why != "log-ins fail at 12 of 12 addresses of known phones at the same time. Asterisk is probably the cause, not an attack. No address is banned for a wrong password until most of these phones can log in again" {
		t.Fatalf("got %v %q, want it to hold", since, why)
	}
	if banned, _, _ := failures(j, "203.0.113.7", "new", 50, time.Second, at); banned != 0 {
		t.Errorf("got a ban after %d failures while it holds", banned)
	}
	play(15, entered)
	if since, _ := j.Home.Broken(); !since.IsZero() {
		t.Error("it still holds, and all is well")
	}
	if banned, _, _ := failures(j, "203.0.113.8", "new", 50, time.Second, at); banned != 5 {
		t.Errorf("got a ban after %d failures, want 5", banned)
	}
	if len(reported) != 2 {
		t.Errorf("got %q, want its begin and its end", reported)
	}
}

// TestBreakerIsNotTripped: by what happens every day, or by an attacker.
func TestBreakerIsNotTripped(t *testing.T) {
	for _, c := range []struct {
		name     string
		sites    int
		accounts int // that they share
		fail     int // of the sites
		working  bool
		stranger bool // those who fail never logged in
	}{
		{"one account at many addresses", 50, 1, 50, false, false},
		{"four sites", 4, 4, 4, false, false},
		{"a few of many", 40, 40, 8, true, false},
		{"strangers", 50, 50, 50, false, true},
	} {
		j := homely(t)
		at := start
		tripped := false
		for minute := range 90 {
			for i := range c.sites {
				a, account := fmt.Sprint("198.51.100.", i+1), fmt.Sprint(100+i%c.accounts)
				e := entered(a, account)
				if minute >= 30 && i < c.fail {
					if c.stranger {
						a, account = fmt.Sprint("203.0.113.", i+1), fmt.Sprint("x", i)
					}
					e = of(failure(a), account)
				} else if minute >= 30 && !c.working && !c.stranger {
					continue
				}
				hear(j, e, at.Add(time.Duration(i)*time.Second))
				since, _ := j.Home.Broken()
				tripped = tripped || !since.IsZero()
			}
			at = at.Add(time.Minute)
		}
		if tripped {
			t.Errorf("%s: the breaker is tripped", c.name)
		}
	}
}

// TestAnOldPasswordTripsNothing: phones that fail for long, each at another site that is
// quiet otherwise, are no sign of anything.
func TestAnOldPasswordTripsNothing(t *testing.T) {
	j := homely(t)
	for i := range 8 {
		hear(j, entered(fmt.Sprint("198.51.100.", i+1), fmt.Sprint(100+i)), start)
	}
	for minute := range 600 {
		at := start.Add(time.Duration(minute) * time.Minute)
		for i := range 8 {
			if minute >= 75*i { // one after the other begins
				hear(j, of(failure(fmt.Sprint("198.51.100.", i+1)), fmt.Sprint(100+i)), at)
			}
		}
		if since, why := j.Home.Broken(); !since.IsZero() {
			t.Fatalf("after %d minutes: %s", minute, why)
		}
	}
}
