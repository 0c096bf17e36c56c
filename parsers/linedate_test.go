package parsers

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLineDates: a line of any program has a date at or near its start.
func TestLineDates(t *testing.T) {
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		line string
		frac time.Duration
	}{
		{"Jan  2 03:04:05 pbx sshd[100]: Failed password", 0},
		{"Jan 2 03:04:05 pbx sshd[100]: Failed password", 0},
		{"<38>Jan  2 03:04:05 pbx sshd[100]: Failed password", 0},
		{"2026-01-02T03:04:05.123456+00:00 pbx sshd[100]: Failed password", 123456 * time.Microsecond},
		{"2026-01-02T04:04:05+01:00 pbx sshd[100]: Failed password", 0},
		{"<38>1 2026-01-02T03:04:05.5Z pbx sshd 100 - - Failed password", 500 * time.Millisecond},
		{"2026-01-02T03:04:05.123456789Z stdout F Failed password", 123456789},
		{`{"log":"Failed password\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}`, 0},
		{"Fri Jan  2 03:04:05 2026 authpriv.info dropbear[100]: Bad password", 0},
		{`203.0.113.5 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 401 0`, 0},
		{`203.0.113.5 - a [b] [02/Jan/2026:04:04:05 +0100] "GET / HTTP/1.1" 401 0`, 0},
		{"[Fri Jan 02 03:04:05.123456 2026] [auth_basic:error] [pid 1] [client 203.0.113.5:1] user x", 123456 * time.Microsecond},
		{"2026/01/02 03:04:05 [error] 1#1: *1 user \"x\": password mismatch", 0},
		{"2026-01-02 03:04:05,123 fail [x] 203.0.113.5", 123 * time.Millisecond},
		{"2026-01-02 03:04:05 UTC [100] FATAL: x", 0},
		{"2026-01-02 03:04:05 +0000: x", 0},
		{"1767323045.5 login failed", 500 * time.Millisecond},
		{"[1767323045] login failed", 0},
		{"[2026-01-02 03:04:05] login failed", 0},
		{"02-Jan-2026 03:04:05.250 x", 250 * time.Millisecond},
		{`{"level":"warn","ts":"2026-01-02T03:04:05Z","addr":"203.0.113.5"}`, 0},
		{"login: 2026-01-02T03:04:05Z x", 0},
	} {
		clock := Clock{Until: want.AddDate(0, 0, 1)}
		if got := clock.OfLine([]byte(c.line)); !got.Equal(want.Add(c.frac)) {
			t.Errorf("%q: got %v, want %v", c.line, got, want.Add(c.frac))
		}
	}
	for _, line := range []string{"", "x", "login failed from 203.0.113.5", "[x] [y] [z]", "2026-13-02 03:04:05 x", "12 x", "[", strings.Repeat("x", 300) + " 2026-01-02T03:04:05Z"} {
		clock := Clock{Until: want}
		if got := clock.OfLine([]byte(line)); !got.IsZero() {
			t.Errorf("%q: got %v, want no time", line, got)
		}
	}
}

// TestTimeOfNeighbours: a line without a date was written when its neighbours were.
func TestTimeOfNeighbours(t *testing.T) {
	pattern, err := NewPattern(`^refused <ADDR>$`)
	if err != nil {
		t.Fatal(err)
	}
	const dated, bare, other = "2026-01-02 03:04:%02d started\n", "refused 203.0.113.5\n", "no date here\n"
	at := func(s int) time.Time { return time.Date(2026, 1, 2, 3, 4, s, 0, time.UTC) }
	for _, c := range []struct {
		name   string
		blocks []string
		want   time.Time
	}{
		{"the line before", []string{fmt.Sprintf(dated, 1) + bare}, at(1)},
		{"further before", []string{fmt.Sprintf(dated, 1) + strings.Repeat(other, 9) + bare}, at(1)},
		{"the nearest", []string{fmt.Sprintf(dated, 1) + fmt.Sprintf(dated, 2) + bare + fmt.Sprintf(dated, 3)}, at(2)},
		{"behind", []string{bare + other + fmt.Sprintf(dated, 4)}, at(4)},
		{"too far", []string{fmt.Sprintf(dated, 1) + strings.Repeat(other, 200) + bare}, time.Time{}},
		{"none", []string{other + bare + other}, time.Time{}},
		{"the block before", []string{fmt.Sprintf(dated, 1) + bare, other + bare}, at(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := New(Clock{}, pattern)
			var got *Event
			for _, b := range c.blocks {
				p.Block([]byte(b), false, time.Time{}, func(e *Event) { keep := *e; got = &keep })
			}
			if got == nil || !got.Time.Equal(c.want) {
				t.Errorf("got %+v, want an event at %v", got, c.want)
			}
		})
	}
}

// FuzzLineDate: no line panics, and none makes a later date than there can be.
func FuzzLineDate(f *testing.F) {
	for _, s := range []string{
		"Jan  2 03:04:05 pbx sshd[1]: x", "2026-01-02T03:04:05.1+01:00 x", `1 - - [02/Jan/2026:03:04:05 +0000] "x"`, "[Fri Jan 02 03:04:05.1 2026] x",
		"2026/01/02 03:04:05 [error]", "1767323045.5 x", "02-Jan-2026 03:04:05 x", `{"ts":"2026-01-02T03:04:05Z"}`, "2026-01-02 03:04:05 -07:0", "[[[[[", "<1>Feb 29 10:00:00 x y: z",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		clock := Clock{Until: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)}
		first := clock.OfLine(line)
		if again := clock.OfLine(line); !again.Equal(first) {
			t.Errorf("%q: got %v the second time, want %v", line, again, first)
		}
	})
}
