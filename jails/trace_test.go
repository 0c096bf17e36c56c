package jails

import (
	"io"
	"slices"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// tape is a trace of times, which notes when each is played.
type tape struct {
	at   []time.Duration
	next int
	note func(string)
}

func (p *tape) Next() (time.Time, error) {
	if p.next == len(p.at) {
		return time.Time{}, io.EOF
	}
	p.next++
	return start.Add(p.at[p.next-1]), nil
}

func (p *tape) Play(func(*parsers.Event)) { p.note("packet " + p.at[p.next-1].String()) }

// TestRecordsComeAfterThePacketsOfTheirSecond: a date in a log has whole seconds, and
// the packets that the record is about come before it.
func TestRecordsComeAfterThePacketsOfTheirSecond(t *testing.T) {
	jail := jailOf(t, "x", "maxretry: 1\nfindtime: 1m\nlogs: [/full]")
	var order []string
	note := func(s string) { order = append(order, s) }
	r := &Replay{
		Judge:  NewJudge([]*Jail{jail}, NewGuard(nil, nil), book.NewBook(nil, nil), 1000, true),
		Traces: []Trace{&tape{at: []time.Duration{0, 900 * time.Millisecond, 1100 * time.Millisecond, 2 * time.Second}, note: note}},
	}
	log := logOf("full", sipLine(after(0), "203.0.113.9")+sipLine(after(time.Second), "203.0.113.8"))
	if err := r.Run([]Log{log}, func(v Verdict) { note("ban " + v.Ban.Prefix.Addr().String()) }); err != nil {
		t.Fatal(err)
	}
	want := []string{"packet 0s", "packet 900ms", "ban 203.0.113.9", "packet 1.1s", "packet 2s", "ban 203.0.113.8"}
	slices.Sort(order[len(order)-2:]) // what falls on the same moment has no order
	slices.Sort(want[len(want)-2:])
	if !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}
