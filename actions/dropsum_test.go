package actions

import (
	"errors"
	"testing"
)

// counting is an enforcer whose counters a test sets.
type counting struct {
	Enforcer
	chains map[string]Dropped
	err    error
}

func (c *counting) Dropped() (map[string]Dropped, error) { return c.chains, c.err }

// dropped are packets of 100 bytes each.
func dropped(packets uint64) Dropped { return Dropped{Packets: packets, Bytes: 100 * packets} }

// The sum survives repairs of a chain, errors, and a time in which pbxjail is off.
func TestSwitchDropped(t *testing.T) {
	s := NewSwitch(Options{}, nil)
	want := func(total Dropped, known, fails bool) {
		t.Helper()
		if got, knows, err := s.Dropped(); got != total || knows != known || (err != nil) != fails {
			t.Errorf("got %+v, %t, %v, want %+v, %t", got, knows, err, total, known)
		}
	}
	want(Dropped{}, false, false) // off
	off := s.Kind()
	one := &counting{Enforcer: off, chains: map[string]Dropped{"4": dropped(10), "6": dropped(5)}}
	s.take(one, true)
	want(dropped(15), true, false)
	one.chains = map[string]Dropped{"4": dropped(2), "6": dropped(6)} // the chain of IPv4 was made again
	want(dropped(18), true, false)
	want(dropped(18), true, false)
	one.err = errors.New("no answer")
	want(dropped(18), true, true)
	s.take(off, false)
	want(dropped(18), true, false)
	s.take(&counting{Enforcer: off, chains: map[string]Dropped{"4": dropped(1), "6": dropped(7)}}, true)
	want(dropped(20), true, false)
}
