package wire

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// flood plays packets of many strangers and one known address, evenly over a time,
// and returns how many of each passed.
func flood(a *admit, begin time.Time, length time.Duration, perSecond int) (strangers, known int, passed map[netip.Addr]int) {
	passed = map[netip.Addr]int{}
	n := int(length.Seconds() * float64(perSecond))
	for i := range n {
		at := begin.Add(length * time.Duration(i) / time.Duration(n))
		who := netip.AddrFrom4([4]byte{203, 0, 113, byte(i % 250)})
		if i%100 == 0 && a.pass(home, at) {
			known++
		}
		if a.pass(who, at) {
			strangers++
			passed[who]++
		}
	}
	return strangers, known, passed
}

var home = netip.MustParseAddr("192.0.2.50")

func TestAdmit(t *testing.T) {
	fresh := func() *admit { return &admit{limit: 1000, known: func(a netip.Addr) bool { return a == home }} }
	t.Run("below the limit all pass", func(t *testing.T) {
		if strangers, known, _ := flood(fresh(), noon, 10*time.Second, 900); strangers != 9000 || known != 90 {
			t.Errorf("got %d and %d, want all", strangers, known)
		}
	})
	t.Run("above it a share of the strangers, and all that is known", func(t *testing.T) {
		a := fresh()
		strangers, known, _ := flood(a, noon, 10*time.Second, 20_000)
		if strangers > 10*2*a.limit || strangers == 0 || known != 2000 {
			t.Errorf("got %d strangers and %d known, want at most %d and 2000", strangers, known, 10*2*a.limit)
		}
		if !a.sampling() {
			t.Error("it does not say that strangers are left out")
		}
		if strangers, _, _ := flood(a, noon.Add(time.Minute), 5*time.Second, 300); strangers < 1300 || a.sampling() {
			t.Errorf("after the flood: got %d of 1500, want nearly all", strangers)
		}
	})
	t.Run("a source passes wholly or not, and not always the same ones", func(t *testing.T) {
		a := fresh()
		flood(a, noon, time.Second, 4000)
		_, _, first := flood(a, noon.Add(time.Second), time.Second, 4000)
		for who, n := range first {
			if n > 16 {
				t.Errorf("%v passes %d times of 16", who, n)
			}
		}
		_, _, later := flood(a, noon.Add(2*time.Minute), 2*time.Second, 4000)
		hidden := 0
		for who := range later {
			if first[who] == 0 {
				hidden++
			}
		}
		if hidden == 0 {
			t.Error("a hidden source is hidden without end")
		}
	})
	t.Run("a clock that goes back", func(t *testing.T) {
		a := fresh()
		flood(a, noon, time.Second, 20_000)
		if strangers, _, _ := flood(a, noon.Add(-time.Hour), 10*time.Second, 100); strangers < 900 {
			t.Errorf("got %d of 1000", strangers)
		}
	})
}

func TestShut(t *testing.T) {
	banned := map[netip.Addr]bool{}
	s := &shut{banned: func(a netip.Addr) bool { return banned[a] }}
	one, two := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8::1")
	if s.holds(one, noon) {
		t.Error("an address is held that is not banned")
	}
	banned[one], banned[two] = true, true
	for range 3 {
		if !s.holds(one, noon) || !s.holds(two, noon) {
			t.Error("a banned address is not held")
		}
	}
	if list, ok := s.due(noon); !ok || !slices.Equal(list, []netip.Addr{two, one}) {
		t.Errorf("got %v, %t, want both, the latest first", list, ok)
	}
	if _, ok := s.due(noon.Add(time.Hour)); ok {
		t.Error("a filter is due, though nothing has changed")
	}
	delete(banned, one)
	s.review(noon.Add(time.Second))
	if list, ok := s.due(noon.Add(time.Second)); !ok || !slices.Equal(list, []netip.Addr{two}) {
		t.Errorf("got %v, %t, want without the one that was let out", list, ok)
	}
	s.review(noon.Add(shutAgain))
	if list, ok := s.due(noon.Add(shutAgain)); !ok || len(list) != 0 {
		t.Errorf("got %v, %t, want the other asked about again", list, ok)
	}
	for i := range 2 * maxShut {
		a := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		banned[a] = true
		s.holds(a, noon)
	}
	if len(s.list) != maxShut {
		t.Errorf("got %d, want at most %d", len(s.list), maxShut)
	}
}

func TestPace(t *testing.T) {
	run := func(p *pace, gap time.Duration, n, times int) {
		for range times {
			p.next(n, p.last.Add(gap))
		}
	}
	p := &pace{last: noon}
	if run(p, 5*time.Millisecond, 1, 1000); p.turns {
		t.Error("turns, though packets are far apart: each would wait")
	}
	if run(p, time.Millisecond/2, 1, maxScore); !p.turns {
		t.Error("no turns, though packets are close")
	}
	if run(p, time.Millisecond, 20, 1000); !p.turns {
		t.Error("turns end, though each is worth it")
	}
	if run(p, time.Millisecond, few, maxScore); p.turns {
		t.Error("turns without end, though few packets come")
	}
	if run(p, time.Second, many, 1); !p.turns {
		t.Error("no turns, though many packets were waiting")
	}
}
