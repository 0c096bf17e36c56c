package kernel

import (
	"testing"
	"time"

	"pbxjail/configs/hint"
)

// TestEars: since when no sender was missed, with changes of ports, of room and with failures.
func TestEars(t *testing.T) {
	start := time.Date(2024, 3, 5, 6, 7, 8, 0, time.UTC)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	var e Coverage
	since := func(name string, want time.Time) {
		t.Helper()
		if h := e.Hearing("sip", false); h.Blind != "" || !h.Since.Equal(want) {
			t.Errorf("%s: got %+v, want since %s", name, h, want)
		}
	}
	if h := e.Hearing("sip", false); h.Blind == "" {
		t.Errorf("got %+v of what is not watched", h)
	}
	e.Open("sip", false, false, false, at(0))
	since("found whole", at(0).Add(-Memory))
	e.Open("sip", false, false, true, at(1))
	since("made", at(1))
	e.Keep([]string{"sip", "iax"})
	e.Open("sip", false, false, false, at(10))
	since("other ports of another service", at(1))
	e.Sampled("sip", false, true, at(20))
	since("full", at(20))
	if h := e.Hearing("sip", false); !h.Full {
		t.Error("it is not full")
	}
	e.Sampled("sip", false, false, at(30))
	since("no longer full", at(20))
	e.SetBlind("sip", false, "no table")
	if h := e.Hearing("sip", false); h.Blind != "no table" || !h.Since.IsZero() {
		t.Errorf("got %+v, want that it hears nothing", h)
	}
	e.Open("sip", false, true, false, at(40))
	since("well again", at(20))
	if h := e.Hearing("sip", true); h.Blind == "" {
		t.Error("the other family is heard too")
	}
	if e.Stale("sip", false, at(30).Add(sampleEvery)) || !e.Stale("sip", false, at(31)) {
		t.Error("a sample is stale too soon, or never")
	}
	e.Keep(nil)
	if h := e.Hearing("sip", false); h.Blind == "" {
		t.Errorf("got %+v of what is not watched any more", h)
	}
}

// TestEarsCount: few senders are counted rarely. What came between two counts may have filled
// a set, even if fewer are left.
func TestEarsCount(t *testing.T) {
	const full = 1000
	start := time.Date(2024, 3, 5, 6, 7, 8, 0, time.UTC)
	for name, c := range map[string]struct {
		before, now int // senders
		after       time.Duration
		due, full   bool
	}{
		"few":            {10, 10, time.Second, false, false},
		"few, long ago":  {10, 10, countEvery, true, false},
		"many":           {300, 300, time.Second, true, false},
		"many more":      {300, 900, time.Second, true, false},
		"full":           {300, 1001, time.Second, true, true},
		"maybe full":     {10, 501, countEvery, true, true},
		"the clock jump": {10, 10, -time.Hour, true, false},
	} {
		var e Coverage
		e.Open("sip", false, false, true, start)
		if !e.Due("sip", false, full, start) {
			t.Errorf("%s: senders that were never counted are not due", name)
		}
		e.Counted("sip", false, c.before, full, start)
		at := start.Add(c.after)
		if got := e.Due("sip", false, full, at); got != c.due {
			t.Errorf("%s: due: got %v, want %v", name, got, c.due)
		}
		e.Counted("sip", false, c.now, full, at)
		if got := e.Hearing("sip", false); got.Full != c.full || c.full && !got.Since.Equal(at) {
			t.Errorf("%s: got %+v, want full %v", name, got, c.full)
		}
	}
}

func TestCheckPorts(t *testing.T) {
	for _, p := range []Port{{"sip", "udp", 5060, 5060}, {"a234567", "tcp", 1, 65535}} {
		if err := CheckPorts([]Port{p}); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
	for _, p := range []Port{{"", "udp", 1, 1}, {"a2345678", "udp", 1, 1}, {"Sip", "udp", 1, 1}, {"a-b", "udp", 1, 1}, {"sip", "sctp", 1, 1}, {"sip", "udp", 0, 1}, {"sip", "udp", 2, 1}} {
		if err := CheckPorts([]Port{p}); err == nil || hint.Of(err) == "" {
			t.Errorf("%v: got error %v, want one with a hint", p, err)
		}
	}
	if err := CheckPorts(make([]Port, maxPorts+1)); err == nil {
		t.Error("too many ports were taken")
	}
}
