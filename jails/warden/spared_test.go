package warden

import (
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails"
	"pbxjail/jails/book"
)

// TestWhyShowsWhatWasSpared: the lines that would have led to a ban stay after the verdict
// that emptied the score.
func TestWhyShowsWhatWasSpared(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Change(s.jails, jails.NewGuard(nil, []netip.Prefix{prefix("10.0.0.0/8")}), jails.Senses{})
		if a := s.Why(addr("10.0.0.1"), time.Now()); a.Spared != nil {
			t.Errorf("got %+v before any line", a.Spared)
		}
		s.attack("10.0.0.1", 2) // two lines lead to a ban here
		a := s.Why(addr("10.0.0.1"), time.Now())
		if a.Spared == nil || a.Spared.Why != "ignoreip 10.0.0.0/8" || len(a.Spared.Ban.Lines) != 2 {
			t.Fatalf("got %+v, want two lines and the protection", a.Spared)
		}
		if other := s.Why(addr("10.0.0.2"), time.Now()); other.Spared != nil {
			t.Errorf("got %+v for another address", other.Spared)
		}
		for i := range 2 * maxSpared { // forged packets name any number of addresses
			s.attack(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String(), 2)
		}
		if n := len(s.spared); n > maxSpared {
			t.Errorf("%d are kept, want at most %d", n, maxSpared)
		}
		if last := s.Why(addr("10.1.1.255"), time.Now()); last.Spared == nil {
			t.Error("the newest is not kept")
		}
		pass(sparedFor + time.Second)
		if last := s.Why(addr("10.1.1.255"), time.Now()); last.Spared != nil {
			t.Errorf("got %+v after %v", last.Spared, sparedFor)
		}
	})
}

func TestSparedMakesRoomWithTheOldest(t *testing.T) {
	s, start := spared{}, time.Unix(1000, 0)
	for i := range maxSpared + 10 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
		s.keep(book.Ban{Prefix: p}, "x", start.Add(time.Duration(i)*time.Second))
	}
	if len(s) != maxSpared {
		t.Errorf("%d are kept, want %d", len(s), maxSpared)
	}
	if _, kept := s[prefix("10.0.0.9/32")]; kept {
		t.Error("the tenth is kept, and was to make room")
	}
	if _, kept := s[prefix("10.0.0.10/32")]; !kept {
		t.Error("the eleventh is gone")
	}
}
