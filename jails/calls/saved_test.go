package calls

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"
)

// again is an engine after a restart: it knows what the one before has saved.
func again(t *testing.T, e *Engine, now time.Time) *Engine {
	t.Helper()
	saved := e.TakeCounts(now)
	next := New(germany(), e.born)
	if err := next.Restore(saved, now); err != nil {
		t.Fatal(err)
	}
	return next
}

// A thief does not get a whole limit again with each restart: minutes, calls at night, calls in a
// row and calls within a minute count on.
func TestRestart(t *testing.T) {
	night := time.Date(2026, 3, 10, 23, 0, 0, 0, berlin)
	for _, tt := range []struct {
		kind   Kind
		number func(n int) string
		every  time.Duration
		talk   time.Duration
	}{
		{Minutes, func(n int) string { return fmt.Sprintf("00435551%04d", n) }, 40 * time.Minute, 30 * time.Minute},
		{Night, func(n int) string { return fmt.Sprintf("00435551%04d", n) }, 5 * time.Minute, time.Second},
		{Sequential, func(int) string { return "0043555123456" }, 20 * time.Minute, time.Second},
		{PerMinute, func(n int) string { return fmt.Sprintf("00435551%04d", n) }, 5 * time.Second, time.Second},
	} {
		count := func(restart bool) (calls int, kind string) {
			now := night
			if tt.kind == Minutes || tt.kind == Sequential {
				now = night.Add(-14 * time.Hour)
			}
			e := New(germany(), now)
			for calls = 1; calls < 100; calls++ {
				e.Past(Call{Channel: fmt.Sprint(calls), Account: "201", Number: tt.number(calls), Began: now, Ended: now.Add(tt.talk), Talk: tt.talk}, now.Add(tt.talk))
				if now = now.Add(tt.every); e.Open("201") != nil {
					return calls, e.Open("201").Kind
				}
				if restart && calls%3 == 0 {
					e = again(t, e, now)
				}
			}
			return calls, ""
		}
		calls, kind := count(false)
		if kind != tt.kind.String() {
			t.Fatalf("got %s after %d calls, want %s", kind, calls, tt.kind)
		}
		if got, kind := count(true); got != calls || kind != tt.kind.String() {
			t.Errorf("%s: with restarts %s after %d calls, want after %d", tt.kind, kind, got, calls)
		}
	}
}

// A call that goes on after a restart counts once, with all its minutes, and no matter what reports it then.
func TestRestartInCall(t *testing.T) {
	const channel = "PJSIP/201-00000001"
	began := time.Date(2026, 3, 10, 12, 0, 0, 0, berlin)
	stop, start, ended := began.Add(10*time.Minute), began.Add(11*time.Minute), began.Add(20*time.Minute)
	record := Call{Channel: channel, Account: "201", Number: "0043555123456", Began: began, Ended: ended, Talk: 20 * time.Minute}
	for _, tt := range []struct {
		name    string
		then    func(e *Engine)
		minutes int64
		calls   int
	}{
		{"AMI", func(e *Engine) { e.Keep([]string{channel}, start, start); e.End(channel, ended); e.Past(record, ended) }, 20, 1},
		{"AMI, and the call is over", func(e *Engine) { e.Keep(nil, start, start); e.Past(record, ended) }, 10, 1},
		{"records alone", func(e *Engine) { e.Past(record, ended) }, 20, 1},
		{"nothing", func(e *Engine) { e.Tick(ended) }, 10, 1},
		{"another call with its name", func(e *Engine) {
			e.Begin(Call{Channel: channel, Account: "201", Number: "0043555999999"}, start)
			e.End(channel, ended)
		}, 10, 2},
		{"a record of another call with its name", func(e *Engine) {
			r := record
			r.Number, r.Began, r.Talk = "0043555999999", start, time.Minute
			e.Past(r, ended)
		}, 11, 2},
	} {
		e := New(germany(), began)
		e.Begin(Call{Channel: channel, Account: "201", Number: record.Number, Began: began}, began)
		e.Answer(channel, began)
		e.Tick(stop)
		e = again(t, e, stop)
		if a := e.Accounts("201", start); a[0].Running != 0 {
			t.Errorf("%s: got %d calls that run, before anyone says so", tt.name, a[0].Running)
		}
		tt.then(e)
		a := e.Accounts("201", ended)[0]
		if c := a.Counts[0]; c.Seconds != 60*tt.minutes || c.Calls != tt.calls || a.Running != 0 || c.Running != 0 {
			t.Errorf("%s: got %d seconds of %d calls, %d run, want %d of %d", tt.name, c.Seconds, c.Calls, a.Running, 60*tt.minutes, tt.calls)
		}
	}
}

// What is saved names no number of a call that is over, and of an account that was forgotten nothing.
func TestSavedNumbers(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, berlin)
	e := New(germany(), now)
	e.Past(Call{Channel: "a", Account: "201", Number: "0043555123456", Began: now, Ended: now, Talk: time.Second}, now)
	saved := e.TakeCounts(now)
	if len(saved) != 1 || bytes.Contains(saved[0].Data, []byte("555123456")) {
		t.Errorf("got %s", saved)
	}
	if again := e.TakeCounts(now); len(again) > 0 {
		t.Errorf("what has not changed is saved again: %s", again)
	}
	e.Past(Call{Channel: "b", Account: "201", Number: "0043555123456", Began: now, Ended: now, Talk: time.Second}, now)
	e.Forget("201")
	if got := e.TakeCounts(now); len(got) > 0 {
		t.Errorf("got %s of an account that was forgotten", got)
	}
}

// Restore reads whatever is in the database.
func FuzzRestore(f *testing.F) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, berlin)
	e := New(germany(), now)
	e.Begin(Call{Channel: "a", Account: "201", Number: "0043555123456", Began: now}, now)
	e.Answer("a", now)
	f.Add(e.TakeCounts(now.Add(time.Second))[0].Data)
	f.Add([]byte(`{"buckets":[{"name":"43","hours":[{"hour":-1},{"hour":9223372036854775807}],"recent":[[1,0]]}],"calls":[{"channel":"x","number":"0043555123456"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e := New(germany(), now)
		_ = e.Restore([]Saved{{"201", now, data}}, now)
		e.Keep([]string{"a"}, now, now)
		e.Begin(Call{Channel: "b", Account: "201", Number: "0043555123456", Began: now}, now)
		e.Tick(now.Add(time.Minute))
		if list := e.Accounts("201", now); len(list) != 1 || len(list[0].Counts) > maxBuckets || slices.Contains(e.Channels("201"), "x") {
			t.Errorf("got %+v", list)
		}
		e.TakeCounts(now)
	})
}
