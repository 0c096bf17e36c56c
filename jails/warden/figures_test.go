package warden

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"time"

	"pbxjail/parsers"
)

func TestFigures(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 2)
		s.attack("203.0.113.8", 1)
		s.Hear("/log", with(failure(nine), func(e *parsers.Event) { e.Result, e.Kind = parsers.Signal, parsers.Success }), time.Now(), time.Now())
		s.Hear("/log", with(failure(nine), func(e *parsers.Event) { e.Result = parsers.Ambiguous }), time.Now(), time.Now())
		s.HearWire(with(failure("203.0.113.7"), func(e *parsers.Event) { e.Channel = parsers.ChannelWire }), time.Now())
		s.Order(Order{Prefix: prefix("192.0.2.0/24")}, time.Now())
		f := s.Figures()
		channel := failure(nine).Channel
		var want Events
		want[parsers.BadPassword][channel], want[parsers.Success][channel], want[parsers.BadPassword][parsers.ChannelWire] = 3, 1, 1
		if f.Events != want {
			t.Errorf("got events %v, want %v", f.Events, want)
		}
		if !maps.Equal(f.BansBy, map[string]uint64{"a": 1, "manual": 1}) || !maps.Equal(f.ActiveBy, map[string]int{"a": 1, "manual": 1}) {
			t.Errorf("got bans %v, active %v", f.BansBy, f.ActiveBy)
		}
		if f.Counts.Bans != 2 || f.Counts.Ambiguous != 1 || f.Pending != 0 {
			t.Errorf("got %+v", f)
		}
		if f.Latency.Buckets[0] != 1 || f.Latency.Sum != 0 { // no time passes in the bubble
			t.Errorf("got latency %+v, want one ban in the first bucket, and none by hand", f.Latency)
		}
		s.Unban([]netip.Prefix{prefix("192.0.2.0/24")}, "root", time.Now())
		pass(2 * time.Hour) // the ban of the jail is over
		if f := s.Figures(); len(f.ActiveBy) != 0 || f.Bans != 0 || f.Unbans != 1 {
			t.Errorf("got active %v, %d unbans after the end of all bans", f.ActiveBy, f.Unbans)
		}
	})
}

func TestLatency(t *testing.T) {
	var l Latency
	for _, d := range []time.Duration{-time.Hour, 0, time.Millisecond, time.Millisecond + 1, 20 * time.Millisecond, time.Minute} {
		l.take(d)
	}
	want := Latency{Sum: 2*time.Millisecond + 1 + 20*time.Millisecond + time.Minute}
	want.Buckets[0], want.Buckets[1], want.Buckets[4], want.Buckets[len(LatencyBounds)] = 3, 1, 1, 1
	if l != want {
		t.Errorf("got %+v, want %+v", l, want)
	}
}

// Any user can start a program of any name.
func TestRepairersAreBounded(t *testing.T) {
	var f figures
	for i := range 1000 {
		f.repairedAfter(fmt.Sprint("program", i))
		f.repairedAfter("program0")
	}
	if len(f.repairs) != maxRepairers+1 || f.repairs["program0"] != 1001 || f.repairs[OtherPrograms] != 1000-maxRepairers {
		t.Errorf("got %d names, %v", len(f.repairs), f.repairs)
	}
}
