package jails

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

func TestOrder(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Change(s.jails, NewGuard([]netip.Addr{addr("192.0.2.1")}, nil))
		for _, c := range []struct {
			order Order
			left  string // "": refused
			want  error
		}{
			{Order{Prefix: prefix("203.0.113.1/32")}, "1h", nil},
			{Order{Prefix: prefix("203.0.113.2/32"), For: new(5 * time.Minute)}, "5m", nil},
			{Order{Prefix: prefix("203.0.113.3/32"), For: new(Forever)}, "forever", nil},
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
			if !ok || configs.FormatDuration(left) != c.left {
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
			t.Errorf("got %q in the ledger, want who it was", s.ledger.lifted[0])
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
			t.Errorf("got %+v in the ledger, want what happened", rows)
		}
	})
}

// A full disk must not bring back whom the operator let out.
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
		if n != 1 || err == nil || err.Error() != "2 are still banned; the first: busy with 192.0.2.1/32" {
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
	s = &scene{t: t, kernel: newKernel(), ledger: l, journal: new(journal), guard: NewGuard(nil, nil), jails: []*Jail{jailOf(t, "a", "maxretry: 2")}}
	s.Warden = NewWarden(judgeOf(s.jails...), s.kernel, l, slog.New(s.journal))
	s.attack(nine, 2)
	flushed = make(chan error, 1)
	go func() { flushed <- s.flush() }()
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
	if err := s.flush(); err != nil {
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
	if err := errors.Join(<-flushed, <-done, s.flush()); err != nil {
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

func TestUnbanMany(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.ledger.failing(errDisk)
		var all []netip.Prefix
		for i := range 20_000 {
			b := Ban{Prefix: netip.PrefixFrom(numbered(i), 32), Jail: "a", Since: time.Now(), Until: time.Now().Add(time.Hour)}
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

// Whatever is asked of a warden, and whatever fails meanwhile, once kernel and
// disk are well again all three agree, and a restart changes nothing.
func TestBookKernelAndLedgerAgree(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) { stir(t, s, rand.New(rand.NewPCG(seed, 5))) },
				"maxretry: 2\nbantime: 3m\nbantime_growth: {factor: 2}", "maxretry: 3\nbantime: 10m", "maxretry: 2\nobserve: true")
		})
	}
}

func stir(t *testing.T, s *scene, r *rand.Rand) {
	one := func() netip.Addr { return numbered(r.IntN(6)) }
	some := func() netip.Prefix { p, _ := one().Prefix(32 - r.IntN(2)*3); return p }
	for range 300 {
		pass(time.Millisecond) // no two bans begin at the same moment
		switch r.IntN(14) {
		default:
			old := time.Duration(r.IntN(2)*r.IntN(400)) * time.Second
			s.Hear("/log", failure(one().String()), time.Now().Add(-old), time.Now())
		case 0:
			s.Order(Order{Prefix: some(), For: new(time.Duration(r.IntN(600)+60) * time.Second)}, time.Now())
		case 1:
			s.Order(Order{Prefix: some(), Jail: "b"}, time.Now())
		case 2:
			s.Unban([]netip.Prefix{some(), some()}, "root", time.Now())
		case 3:
			s.kernel.failing([]func(string, netip.Prefix) error{nil, refuse("ban"), refuse("ban", "unban"), refuse("each", "setup")}[r.IntN(4)])
		case 4:
			s.ledger.failing([]error{nil, errDisk}[r.IntN(2)])
		case 5:
			s.kernel.flush()
		case 6:
			pass(time.Duration(r.IntN(100_000)) * time.Millisecond)
		case 7:
			s.Change(s.jails, NewGuard([]netip.Addr{one()}, nil))
		case 8:
			if r.IntN(5) == 0 {
				s.stop() // what a full disk did not take is lost
				s.ledger.failing(nil)
				s.begin()
			}
		}
	}
	s.kernel.failing(nil)
	s.ledger.failing(nil)
	s.Change(s.jails, s.guard)
	pass(61 * time.Second) // the kernel is compared once a minute
	s.agree("when all is well")
	before := s.banned()
	s.restart(nil, nil)
	if got := s.banned(); got != before {
		t.Errorf("after a restart: got %q, want %q", got, before)
	}
	s.agree("after a restart")
	s.Unban(prefixes(s.Bans(time.Now())), "root", time.Now())
	pass(slack)
	s.expect("all let out", "", "", "")
}

func prefixes(bans []Ban) (list []netip.Prefix) {
	for _, b := range bans {
		list = append(list, b.Prefix)
	}
	return list
}

// agree compares what the three hold, but for the last moments of a ban: the
// kernel counts whole seconds.
func (s *scene) agree(when string) {
	s.t.Helper()
	now := time.Now()
	in := map[netip.Prefix]time.Duration{}
	s.kernel.Each(func(p netip.Prefix, left time.Duration, _, _ uint64) { in[p] = left })
	for _, b := range s.Bans(now) {
		left, _ := b.Left(now)
		if have, ok := in[b.Prefix]; left > slack && (!ok || !sameLeft(left, have)) {
			s.t.Errorf("%s: %s of %s: got %v, %t in the kernel, want %v", when, b.Prefix, b.Jail, have, ok, left)
		}
		delete(in, b.Prefix)
	}
	for p, left := range in {
		if left > slack {
			s.t.Errorf("%s: got %s in the kernel for %v, and in no book", when, p, left)
		}
	}
	if got, want := s.ledger.live(now), s.banned(); got != want {
		s.t.Errorf("%s: got %q in the ledger, want %q", when, got, want)
	}
	if r := s.Report(now); r.Pending != 0 || len(r.Problems) != 0 {
		s.t.Errorf("%s: got %d pending, %v", when, r.Pending, r.Problems)
	}
}

// All methods at once, for the race detector; and no goroutine is left.
func TestEverybodyAtOnce(t *testing.T) {
	k, l := newKernel(), new(ledger)
	w := NewWarden(judgeOf(jailOf(t, "a", "maxretry: 2\nmatch: [{event: bad-password}, {regex: '^<ADDR>$'}]")), k, l, slog.New(new(journal)))
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { w.Run(ctx) })
	var busy sync.WaitGroup
	for i, do := range []func(a netip.Addr, p netip.Prefix, now time.Time){
		func(a netip.Addr, p netip.Prefix, now time.Time) { w.Hear("/log", failure(a.String()), now, now) },
		func(a netip.Addr, p netip.Prefix, now time.Time) {
			w.Hear("/log", failure(a.String()), now.Add(-time.Hour), now)
		},
		func(a netip.Addr, p netip.Prefix, now time.Time) { w.Order(Order{Prefix: p}, now) },
		func(a netip.Addr, p netip.Prefix, now time.Time) { w.Unban([]netip.Prefix{p}, "root", now) },
		func(a netip.Addr, p netip.Prefix, now time.Time) { w.Why(a, now); w.Pending(p) },
		func(a netip.Addr, p netip.Prefix, now time.Time) { w.Bans(now); w.Report(now); w.Lines(1) },
		func(a netip.Addr, p netip.Prefix, now time.Time) {
			w.Change([]*Jail{jailOf(t, "a", "maxretry: 2")}, NewGuard([]netip.Addr{a}, nil))
			w.Patterns("/log")
		},
		func(a netip.Addr, p netip.Prefix, now time.Time) { w.retry(now); w.reconcile(now) },
		func(a netip.Addr, p netip.Prefix, now time.Time) { l.failing(errDisk); k.failing(refuse("ban")) },
		func(a netip.Addr, p netip.Prefix, now time.Time) { l.failing(nil); k.failing(nil) },
	} {
		busy.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 6))
			for range 300 {
				a := numbered(r.IntN(5))
				do(a, netip.PrefixFrom(a, 32), time.Now())
			}
		})
	}
	busy.Wait()
	cancel()
	all.Wait()
	l.failing(nil)
	k.failing(nil)
	w.reconcile(time.Now())
	s := &scene{t: t, Warden: w, kernel: k}
	if got, want := s.inKernel(), s.banned(); got != want {
		t.Errorf("got %q in the kernel, want %q", got, want)
	}
	if err := w.flush(); err != nil {
		t.Error(err)
	}
}
