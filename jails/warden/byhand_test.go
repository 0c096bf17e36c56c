package warden

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs/show"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

func TestOrder(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Change(s.jails, jails.NewGuard([]netip.Addr{addr("192.0.2.1")}, nil), jails.Senses{})
		for _, c := range []struct {
			order Order
			left  string // "": refused
			want  error
		}{
			{Order{Prefix: prefix("203.0.113.1/32")}, "1h", nil},
			{Order{Prefix: prefix("203.0.113.2/32"), For: new(5 * time.Minute)}, "5m", nil},
			{Order{Prefix: prefix("203.0.113.3/32"), For: new(book.Forever)}, "forever", nil},
			{Order{Prefix: prefix("203.0.113.4/32"), Jail: "b"}, "2d", nil}, // no evidence limits a ban by hand
			{Order{Prefix: prefix("203.0.113.5/32"), Jail: "b", For: new(5 * time.Minute)}, "5m", nil},
			{Order{Prefix: prefix("203.0.113.6/32"), Jail: "nosuch"}, "", ErrNoJail},
			{Order{Prefix: prefix("192.0.2.1/32")}, "", ErrProtected},
			{Order{Prefix: prefix("192.0.0.0/8")}, "", ErrProtected},
			{Order{Prefix: prefix("192.0.2.1/32"), Jail: "b", Force: true}, "2d", nil},
			{Order{Prefix: prefix("2001:db8::/32")}, "1h", nil},
			{Order{Prefix: prefix("127.0.0.0/8")}, "", ErrProtected},
			{Order{Prefix: netip.Prefix{}}, "", ErrProtected},
		} {
			c.order.By = "uid 0 (root)"
			b, err := s.Order(c.order, time.Now())
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%+v: got %v, want %v", c.order, err, c.want)
				continue
			}
			held := s.ban(c.order.Prefix.String())
			if (held.Jail != "") != (c.left != "") {
				t.Errorf("%+v: got %+v", c.order, held)
			}
			if err != nil {
				continue
			}
			left, ok := s.kernel.left(c.order.Prefix)
			if !ok || show.Duration(left) != c.left {
				t.Errorf("%+v: got %v, %t in the kernel, want %s", c.order, left, ok, c.left)
			}
			if held.By != c.order.By || b.Prefix != c.order.Prefix || held.Strike != 1 || held.Evidence != parsers.NoEvidence {
				t.Errorf("%+v: got %+v", c.order, held)
			}
		}
		all := s.banned()
		pass(time.Minute)
		s.expect("later", all, all, all) // the forced one too
	}, "maxretry: 2", "maxretry: 2\nbantime: 2d\nevidence: {max_bantime: {seen: 1h, proven: 1h}}")
}

func TestOrderRefusedByKernel(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.kernel.failing(refuse("ban"))
		if b, err := s.Order(Order{Prefix: prefix(nine1)}, time.Now()); err == nil || b.Prefix != prefix(nine1) {
			t.Errorf("got %+v, %v, want the ban and why it is not enforced", b, err)
		}
		s.kernel.failing(nil)
		pass(time.Second)
		s.expect("then", nine1, nine1, nine1)
	})
}

// What is ordered last holds, and nothing that it replaced comes back.
func TestOrderReplaces(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 2) // for an hour
		s.Order(Order{Prefix: prefix(nine1), For: new(5 * time.Minute)}, time.Now())
		if left, _ := s.kernel.left(prefix(nine1)); left != 5*time.Minute {
			t.Errorf("got %v left, want 5m", left)
		}
		pass(time.Minute)
		s.restart(nil, nil)
		if left, _ := s.kernel.left(prefix(nine1)); left != 4*time.Minute {
			t.Errorf("after a restart: got %v left, want 4m", left)
		}
		pass(4 * time.Minute)
		s.restart(nil, nil)
		s.expect("after it is over", "", "", "")
	})
}

// A ban by hand does not wipe out what its address did before.
func TestOrderCountsStrikes(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for want := 1; want <= 3; want++ {
			s.attack(nine, 2)
			if b := s.ban(nine1); b.Strike != want {
				t.Fatalf("got %+v, want strike %d", b, want)
			}
			pass(5 * time.Hour)
		}
		if b, _ := s.Order(Order{Prefix: prefix(nine1)}, time.Now()); b.Strike != 4 {
			t.Errorf("got %+v, want strike 4", b)
		}
		pass(time.Hour)
		s.attack(nine, 2)
		if b := s.ban(nine1); b.Strike != 5 {
			t.Errorf("got %+v, want strike 5", b)
		}
	})
}

func TestUnban(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 2)
		s.attack("203.0.113.8", 2)
		pass(time.Second)
		s.attack(nine, 1) // a line that was on its way
		n, err := s.Unban([]netip.Prefix{prefix(nine1), prefix("198.51.100.1/32")}, "uid 0 (root)", time.Now())
		if n != 1 || err != nil {
			t.Errorf("got %d, %v, want 1", n, err)
		}
		rest := "203.0.113.8/32"
		s.expect("at once", rest, rest, rest)
		if s.ledger.lifted[0] != "uid 0 (root)" {
			t.Errorf("got %q in the database, want who it was", s.ledger.lifted[0])
		}
		s.attack(nine, 1)
		s.expect("one failure later", rest, rest, rest)
		s.attack(nine, 1)
		if b := s.ban(nine1); b.Strike != 1 {
			t.Errorf("got %+v, want a ban that is the first again", b)
		}
		s.Unban([]netip.Prefix{prefix(nine1)}, "root", time.Now())
		pass(2 * time.Minute)
		s.restart(nil, nil)
		s.expect("after a restart", rest, rest, rest)
	})
}

// Unban before the ledger heard of the ban: it may remember it, as one that is over.
func TestUnbanUnwritten(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.ledger.failing(errDisk)
		s.attack(nine, 2)
		pass(10 * time.Second)
		n, err := s.Unban([]netip.Prefix{prefix(nine1)}, "root", time.Now())
		if n != 1 || !errors.Is(err, errDisk) {
			t.Errorf("got %d, %v, want 1 and why it is not noted", n, err)
		}
		s.expect("at once", "", "", "")
		s.ledger.failing(nil)
		pass(time.Second)
		s.restart(nil, nil)
		s.expect("after a restart", "", "", "")
		if rows := s.ledger.all(); len(rows) != 1 || len(rows[0].Lines) != 2 || rows[0].Until.Sub(rows[0].Since) != 10*time.Second {
			t.Errorf("got %+v in the database, want what happened", rows)
		}
	})
}

// A full disk must not bring back a ban that the operator ended.
func TestUnbanNotNoted(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 2)
		s.attack("203.0.113.8", 2)
		synctest.Wait()
		s.ledger.failing(errDisk)
		if _, err := s.Unban([]netip.Prefix{prefix(nine1)}, "root", time.Now()); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want %v", err, errDisk)
		}
		if s.problem("ledger") == "" {
			t.Error("got no problem shown")
		}
		s.ledger.failing(nil)
		pass(time.Second)
		if s.problem("ledger") != "" {
			t.Errorf("got problem %q when all is well again", s.problem("ledger"))
		}
		s.restart(nil, nil)
		s.expect("after a restart", "203.0.113.8/32", "203.0.113.8/32", "203.0.113.8/32")
	})
}

// An unban without a ban leaves nothing to write later.
func TestUnbanWithoutBanNotNoted(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.ledger.failing(errDisk)
		if n, err := s.Unban([]netip.Prefix{prefix(nine1)}, "root", time.Now()); n != 0 || !errors.Is(err, errDisk) {
			t.Errorf("got %d, %v, want %v", n, err, errDisk)
		}
		s.ledger.failing(nil)
		pass(time.Minute)
		if got := s.problem("ledger"); got != "" {
			t.Errorf("got problem %q, want none after a minute", got)
		}
	})
}

func TestUnbanRefusedByKernel(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for i := range 3 {
			s.attack(fmt.Sprintf("192.0.2.%d", i), 2)
		}
		pass(time.Second)
		s.kernel.failing(func(call string, p netip.Prefix) error {
			if call == "unban" && p != prefix("192.0.2.0/32") {
				return fmt.Errorf("busy with %s", p)
			}
			return nil
		})
		n, err := s.Unban([]netip.Prefix{prefix("192.0.2.0/32"), prefix("192.0.2.1/32"), prefix("192.0.2.2/32")}, "root", time.Now())
		if n != 1 || err == nil || err.Error() != "2 bans cannot be removed from the firewall, so their packets are still dropped. The first error: busy with 192.0.2.1/32" {
			t.Errorf("got %d, %v", n, err)
		}
		some := "192.0.2.1/32 192.0.2.2/32"
		s.expect("what is refused", some, some, some) // all three agree
	})
}

// What waits for the kernel is not in it: it can be let out however ill that is.
func TestUnbanPending(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.kernel.failing(refuse("ban", "unban"))
		s.attack(nine, 2)
		if n, err := s.Unban([]netip.Prefix{prefix(nine1)}, "root", time.Now()); n != 1 || err != nil {
			t.Errorf("got %d, %v, want 1", n, err)
		}
		s.kernel.failing(nil)
		pass(2 * time.Minute)
		s.expect("then", "", "", "")
		if r := s.Report(time.Now()); r.Pending != 0 || len(r.Problems) != 0 {
			t.Errorf("got %d pending, %v", r.Pending, r.Problems)
		}
	})
}

// hang is a warden without a bubble, whose disk hangs with a ban of nine in hand.
func hang(t *testing.T) (s *scene, flushed chan error) {
	entered := make(chan struct{})
	l := &ledger{gate: make(chan struct{}), entered: entered}
	s = &scene{t: t, kernel: newKernel(), ledger: l, journal: new(journal), guard: jails.NewGuard(nil, nil), jails: []*jails.Jail{jailOf(t, "a", "maxretry: 2")}}
	s.Warden = New(judgeOf(s.jails...), s.kernel, l, slog.New(s.journal))
	s.attack(nine, 2)
	flushed = make(chan error, 1)
	go func() { flushed <- s.Flush() }()
	<-entered
	return s, flushed
}

// unbanHanging lets nine out, and returns when its packets pass.
func (s *scene) unbanHanging() (done chan error) {
	done = make(chan error, 1)
	go func() {
		_, err := s.Unban([]netip.Prefix{prefix(nine1)}, "root", time.Now())
		done <- err
	}()
	deadline := time.NewTimer(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if _, in := s.kernel.left(prefix(nine1)); !in {
			return done
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			s.t.Fatal("got it still in the kernel while the disk hangs")
		}
	}
}

// A disk that answers nothing holds up no packet.
func TestUnbanWhileDiskHangs(t *testing.T) {
	s, flushed := hang(t)
	done := s.unbanHanging()
	s.ledger.failing(errDisk) // what was in hand is not written either
	close(s.ledger.gate)
	if err := <-flushed; !errors.Is(err, errDisk) {
		t.Errorf("got %v from flush, want %v", err, errDisk)
	}
	if err := <-done; !errors.Is(err, errDisk) {
		t.Errorf("got %v, want %v", err, errDisk)
	}
	s.ledger.failing(nil)
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	s.expect("then", "", "", "")
}

// A ban that falls while an unban of the same address is being noted is a new one.
func TestBanDuringUnban(t *testing.T) {
	s, flushed := hang(t)
	done := s.unbanHanging()
	s.attack(nine, 2)
	close(s.ledger.gate)
	if err := errors.Join(<-flushed, <-done, s.Flush()); err != nil {
		t.Fatal(err)
	}
	s.expect("then", nine1, nine1, nine1)
	if n := len(s.ledger.all()); n != 2 {
		t.Errorf("got %d rows, want the ban that was lifted and the new one", n)
	}
}

func TestUnbanInsideWiderBan(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Order(Order{Prefix: prefix("203.0.113.0/24")}, time.Now())
		pass(time.Second)
		if n, err := s.Unban([]netip.Prefix{prefix(nine1)}, "root", time.Now()); n != 0 || err != nil {
			t.Errorf("got %d, %v, want 0: it has no ban of its own", n, err)
		}
		wide := "203.0.113.0/24"
		s.expect("the wider one", wide, wide, wide)
		if got := s.Why(addr(nine), time.Now()).Banned; got == nil || got.Prefix != prefix(wide) {
			t.Errorf("got %+v, want why to name the wider one", got)
		}
	})
}

func TestUnbanNetworkForgetsItsAddresses(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for _, a := range []string{nine, "203.0.114.9", "2001:db8::1", "2001:db9::1"} {
			s.attack(a, 1)
		}
		s.Order(Order{Prefix: prefix("203.0.113.0/24")}, time.Now())
		s.Order(Order{Prefix: prefix("2001:db8::/64")}, time.Now())
		s.Unban([]netip.Prefix{prefix("203.0.113.0/24"), prefix("2001:db8::/64")}, "root", time.Now())
		for a, want := range map[string]int{nine: 0, "203.0.114.9": 1, "2001:db8::1": 0, "2001:db9::1": 1} {
			if got := len(s.Why(addr(a), time.Now()).Jails); got != want {
				t.Errorf("%s: got %d jails that hold something against it, want %d", a, got, want)
			}
		}
	})
}

func TestHolds(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		if _, err := s.Order(Order{Prefix: prefix("203.0.113.0/24")}, time.Now()); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if !s.Holds(addr(nine), now) || s.Holds(addr(nine), now.Add(2*time.Hour)) || s.Holds(addr("203.0.114.9"), now) {
			t.Errorf("%s is not banned for exactly an hour, or another one is", nine)
		}
	})
}

func TestUnbanMany(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.ledger.failing(errDisk)
		var all []netip.Prefix
		for i := range 20_000 {
			b := book.Ban{Prefix: netip.PrefixFrom(numbered(i), 32), Jail: "a", Since: time.Now(), Until: time.Now().Add(time.Hour)}
			s.mu.Lock()
			s.enter(b, time.Now())
			s.mu.Unlock()
			all = append(all, b.Prefix)
		}
		if n, _ := s.Unban(all, "root", time.Now()); n != len(all) {
			t.Errorf("got %d, want %d", n, len(all))
		}
		s.expect("all", "", "", "")
	})
}
