package witness

import (
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails/jailstest"
	"pbxjail/parsers"
)

// sensor is a wire that gives one answer about every address.
type sensor struct {
	answer parsers.Answer
	whole  bool
}

func (s sensor) Heard(netip.Addr, parsers.Service, time.Time) parsers.Answer { return s.answer }
func (s sensor) Suspects(list []netip.Addr, _ parsers.Service, _ time.Time) []netip.Addr {
	return list
}
func (s sensor) Complete(netip.Addr, parsers.Service, time.Time) bool { return s.whole }

// TestGrade: what the wire saw is believed where it saw all; else it matters only whether
// anything came.
func TestGrade(t *testing.T) {
	at := jailstest.Start()
	attempt := func(e *parsers.Event) { e.Channel, e.Evidence = parsers.ChannelWire, parsers.Seen }
	for _, c := range []struct {
		name    string
		wire    Wire
		seen    int // attempts on the wire before the record
		records int
		atHome  bool
		text    bool
		want    Grade // of the last record
	}{
		{"no witness", nil, 0, 1, false, false, Ungated},
		{"a log that is believed by its text", sensor{parsers.No, true}, 0, 1, false, true, Ungated},
		{"the wire saw it", sensor{parsers.Yes, true}, 1, 1, false, false, Seen},
		{"the wire saw nothing", sensor{parsers.Yes, true}, 0, 1, false, false, Absent},
		{"the wire saw nothing where accounts are at home", sensor{parsers.Yes, true}, 0, 1, true, false, Retold},
		{"nothing came where accounts are at home", sensor{parsers.No, true}, 0, 1, true, false, Absent},
		{"more records than attempts", sensor{parsers.Yes, true}, 1, PerAttempt + 1, false, false, Retold},
		{"the wire lost packets, and something came", sensor{parsers.Yes, false}, 1, 1, false, false, Sent},
		{"the wire lost packets, and nothing came", sensor{parsers.No, false}, 1, 1, false, false, Absent},
		{"the wire cannot tell", sensor{parsers.CannotTell, false}, 1, 1, false, false, Unsure},
	} {
		g := NewGate()
		g.Set(nil, c.wire)
		for range c.seen {
			g.Note(jailstest.With(jailstest.Failure("203.0.113.9"), attempt), at)
		}
		var got Grade
		for range c.records {
			got = g.Grade(Record{Event: jailstest.Failure("203.0.113.9"), Log: 1, Text: c.text}, at.Add(time.Second), func() bool { return c.atHome })
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// What happened before the table of sightings made room is not known any more.
func TestGateForgets(t *testing.T) {
	g, at := NewGate(), jailstest.Start()
	g.Set(nil, sensor{parsers.Yes, true})
	if !g.Complete(jailstest.Addr("203.0.113.9"), parsers.PJSIP, at) {
		t.Fatal("got incomplete, though nothing was forgotten")
	}
	for i := range 3 * maxSightings {
		e := jailstest.Failure(jailstest.Numbered(i).String())
		e.Channel = parsers.ChannelWire
		g.Note(e, at.Add(time.Duration(i)*time.Millisecond))
	}
	if g.Complete(jailstest.Addr("203.0.113.9"), parsers.PJSIP, at) {
		t.Error("got complete, though what came at that time is forgotten")
	}
	if n := 2 * maxSightings; len(sightingsOf(g)) > n {
		t.Errorf("got %d sightings, want at most %d", len(sightingsOf(g)), n)
	}
}

// A record of an address that is known makes the table forget, too.
func TestSightingsForgetAtRecords(t *testing.T) {
	s, at, n := newSightings(), jailstest.Start(), 0
	for range 2 {
		e := jailstest.Failure("203.0.113.9")
		s.note(e, at)
		for ; !s.seen.Full(); n++ {
			s.note(jailstest.Failure(jailstest.Numbered(n).String()), at)
		}
		if got := s.attempt(e, Witness{}, at); got != Seen {
			t.Fatalf("got %q, want seen", got)
		}
	}
	if s.remembers(at) {
		t.Error("the sightings remember a time of which they forgot addresses")
	}
}

func sightingsOf(g Gate) map[sightingKey]bool {
	all := map[sightingKey]bool{}
	g.sightings.seen.Each(func(k sightingKey, _ sighting) bool { all[k] = true; return true })
	return all
}
