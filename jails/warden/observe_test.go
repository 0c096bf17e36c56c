package warden

import (
	"strings"
	"testing"
	"time"

	"pbxjail/jails/book"
)

// What is decided while nothing is dropped is marked, and is gone when that ends. The bans
// from before are there again, with the time they have left.
func TestObserveAndEnforce(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 2)
		pass(time.Second)
		s.Observe()
		s.kernel.flush() // as switching off does
		s.attack("192.0.2.1", 2)
		s.attack(nine, 5)
		if b := s.ban("192.0.2.1/32"); !b.Observed {
			t.Errorf("got %+v, want it marked", b)
		}
		if b := s.ban(nine1); b.Observed || b.Strike != 1 {
			t.Errorf("got %+v, want the ban from before", b)
		}
		if _, err := s.Order(Order{Prefix: prefix(nine1), For: new(book.Forever)}, time.Now()); err == nil {
			t.Error("got a ban by hand in place of one that will hold again")
		}
		if b, err := s.Order(Order{Prefix: prefix("192.0.2.2/32")}, time.Now()); err != nil || !b.Observed {
			t.Errorf("got %+v, %v, want it marked", b, err)
		}
		pass(time.Minute)
		if got := s.journal.count("would ban: pbxjail only observes, so nothing is dropped"); got != 2 {
			t.Errorf("got it reported %d times, want twice", got)
		}
		s.kernel.flush()
		s.Enforce()
		pass(time.Second)
		if got := s.inKernel(); got != nine1 {
			t.Errorf("got %q in the kernel, want %q", got, nine1)
		}
		if left, _ := s.kernel.left(prefix(nine1)); left > 59*time.Minute {
			t.Errorf("got %v left, want its clock to have run on", left)
		}
		s.attack("192.0.2.1", 2)
		if b := s.ban("192.0.2.1/32"); b.Observed || b.Strike != 1 {
			t.Errorf("got %+v, want a first ban", b)
		}
	})
}

// A start that enforces takes nothing over that was only observed.
func TestObservedIsNotRestored(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Observe()
		s.attack(nine, 2)
		pass(time.Second)
		s.restart(nil, func() { s.late = true })
		s.Observe()
		if err := s.Restore(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := s.banned(); !strings.Contains(got, nine1) {
			t.Errorf("observing again: got %q, want it shown", got)
		}
		s.restart(nil, func() { s.kernel.flush() })
		if err := s.Restore(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		s.expect("enforcing", "", "", nine1)
	})
}
