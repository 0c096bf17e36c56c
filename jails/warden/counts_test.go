package warden

import (
	"log/slog"
	"testing"
	"time"
)

// TestRestartGoesOnCounting: two attempts make a ban, and a restart comes after the first.
func TestRestartGoesOnCounting(t *testing.T) {
	for _, c := range []struct {
		name string
		keep func(s *scene) error // at the stop
		want string
	}{
		{"a clean stop", func(s *scene) error { return s.KeepCounts(time.Now()) }, "192.0.2.1/32"},
		{"a crash", func(*scene) error { return nil }, ""},
	} {
		play(t, func(t *testing.T, s *scene) {
			s.attack("192.0.2.1", 1)
			if err := c.keep(s); err != nil {
				t.Fatal(err)
			}
			s.restart(nil, nil)
			s.attack("192.0.2.1", 1)
			if got := s.banned(); got != c.want {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
		})
	}
}

// TestCountsAreTakenOnce: after a crash, the counts of the run before the last one would
// come back, although a log-in may have forgiven them.
func TestCountsAreTakenOnce(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack("192.0.2.1", 1)
		if err := s.KeepCounts(time.Now()); err != nil {
			t.Fatal(err)
		}
		s.restart(nil, nil)
		s.restart(nil, nil) // this one kept nothing
		s.attack("192.0.2.1", 1)
		if got := s.banned(); got != "" {
			t.Errorf("got %q, want none", got)
		}
	})
}

// TestStopBeforeCountsAreLoaded: a start that is stopped at once leaves in the ledger what
// the run before kept.
func TestStopBeforeCountsAreLoaded(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack("192.0.2.1", 1)
		if err := s.KeepCounts(time.Now()); err != nil {
			t.Fatal(err)
		}
		kept := string(s.ledger.counts)
		early := New(judgeOf(s.jails...), s.kernel, s.ledger, slog.New(s.journal))
		if err := early.KeepCounts(time.Now()); err != nil {
			t.Fatal(err)
		}
		if string(s.ledger.counts) != kept || kept == "" {
			t.Errorf("got %q, want %q", s.ledger.counts, kept)
		}
	})
}
