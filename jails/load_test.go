package jails

import (
	"net/netip"
	"testing"
	"time"
)

// TestHeardBeforeTheLedgerIsRead: a log is judged while the book is empty. The kernel
// holds at once, and what the ledger knows is made up for.
func TestHeardBeforeTheLedgerIsRead(t *testing.T) {
	const single, network = "192.0.2.1/32", "192.0.2.0/24"
	for what, c := range map[string]struct {
		rows    func() []Ban
		strikes []Strike
		holds   string // the ban at the end, here and everywhere
		left    time.Duration
		strike  int
	}{
		"a stranger": {rows: func() []Ban { return nil }, holds: single, left: time.Hour, strike: 1},
		"who was banned twice": {rows: func() []Ban { return nil }, strikes: []Strike{{Prefix: prefix(single), Count: 2}},
			holds: single, left: 4 * time.Hour, strike: 3},
		"who is banned": {rows: func() []Ban { return []Ban{row(single, -10*time.Minute, 40*time.Minute)} },
			holds: single, left: 30 * time.Minute, strike: 3},
		"one of a banned network": {rows: func() []Ban { return []Ban{row(network, -10*time.Minute, 40*time.Minute)} },
			holds: network, left: 30 * time.Minute, strike: 3},
	} {
		t.Run(what, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				s.stop()
				now := time.Now()
				if err := s.ledger.Record(c.rows()); err != nil {
					t.Fatal(err)
				}
				for i := range c.strikes {
					c.strikes[i].Last = now.Add(-time.Hour)
				}
				s.ledger.strikes = c.strikes
				s.unread()
				s.attack("192.0.2.1", 2)
				if got := s.inKernel(); got != single {
					t.Errorf("got %q in the kernel when it was heard, want %s", got, single)
				}
				if err := s.Load(now); err != nil {
					t.Fatal(err)
				}
				if err := s.Restore(now); err != nil {
					t.Fatal(err)
				}
				s.Warden.flush()
				s.expect("all is read", c.holds, c.holds, c.holds)
				if b := s.ban(c.holds); b.Strike != c.strike || b.Until.Sub(now) != c.left {
					t.Errorf("got %+v, want strike %d and %s", b, c.strike, c.left)
				}
				if left, _ := s.kernel.left(prefix(c.holds)); left != c.left {
					t.Errorf("got %s left in the kernel, want %s", left, c.left)
				}
				if got := len(s.ledger.all()); got != 1 {
					t.Errorf("got %d bans in the ledger, want no second one", got)
				}
			})
		})
	}
}

// TestLoadSparesTheProtected: what Restore will lift is not put in before.
func TestLoadSparesTheProtected(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.stop()
		if err := s.ledger.Record([]Ban{row("192.0.2.1/32", 0, time.Hour), row("192.0.2.2/32", 0, time.Hour)}); err != nil {
			t.Fatal(err)
		}
		s.guard = NewGuard(nil, []netip.Prefix{prefix("192.0.2.1/32")})
		s.unread()
		if err := s.Load(time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := s.inKernel(); got != "192.0.2.2/32" {
			t.Errorf("got %q in the kernel, want 192.0.2.2/32 alone", got)
		}
	})
}
