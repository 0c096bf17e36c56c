package warden

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails"
	"pbxjail/jails/book"
)

// row is a ban that the ledger holds from an earlier run.
func row(p string, since, d time.Duration) book.Ban {
	at := time.Now().Add(since).Round(0)
	return book.Ban{Prefix: prefix(p), Jail: "a", Since: at, Until: book.EndOf(at, d), Strike: 3, By: "log"}
}

// restart ends the warden, changes what it finds, and begins another.
func (s *scene) restart(ledger []book.Ban, change func()) {
	s.t.Helper()
	s.stop()
	if err := s.ledger.Record(ledger); err != nil {
		s.t.Fatal(err)
	}
	if change != nil {
		change()
	}
	s.begin()
}

func TestRestore(t *testing.T) {
	for _, c := range []struct {
		name   string
		ledger func() []book.Ban
		kernel func(k *kernel)
		want   string        // in book, kernel and ledger
		left   time.Duration // of 192.0.2.1 in the kernel
	}{
		{"nothing", nil, nil, "", 0},
		{"lost by the kernel", func() []book.Ban { return []book.Ban{row("192.0.2.1/32", -20*time.Minute, time.Hour)} }, nil,
			"192.0.2.1/32", 40 * time.Minute},
		{"forever", func() []book.Ban { return []book.Ban{row("192.0.2.1/32", -20*time.Minute, book.Forever)} }, nil,
			"192.0.2.1/32", book.Forever},
		{"longer than the kernel can", func() []book.Ban { return []book.Ban{row("192.0.2.1/32", -time.Hour, 100*24*time.Hour)} }, nil,
			"192.0.2.1/32", kernelLimit},
		{"there", func() []book.Ban { return []book.Ban{row("192.0.2.1/32", -time.Minute, time.Hour)} },
			func(k *kernel) { k.put("192.0.2.1/32", 59*time.Minute) }, "192.0.2.1/32", 59 * time.Minute},
		{"there for too long", func() []book.Ban { return []book.Ban{row("192.0.2.1/32", -time.Minute, time.Hour)} },
			func(k *kernel) { k.put("192.0.2.1/32", 10*time.Hour) }, "192.0.2.1/32", 59 * time.Minute},
		{"there for too short", func() []book.Ban { return []book.Ban{row("192.0.2.1/32", -time.Minute, time.Hour)} },
			func(k *kernel) { k.put("192.0.2.1/32", time.Minute) }, "192.0.2.1/32", 59 * time.Minute},
		{"over", func() []book.Ban { return []book.Ban{row("192.0.2.1/32", -2*time.Hour, time.Hour)} }, nil, "", 0},
		{"unknown to the database", nil, func(k *kernel) { k.put("192.0.2.1/32", 30*time.Minute) },
			"192.0.2.1/32", 30 * time.Minute},
		{"unknown, IPv6 and a network", nil, func(k *kernel) { k.put("2001:db8::/64", time.Minute); k.put("192.0.2.0/24", time.Minute) },
			"192.0.2.0/24 2001:db8::/64", 0},
		{"both", func() []book.Ban { return []book.Ban{row("192.0.2.1/32", 0, time.Hour)} }, func(k *kernel) { k.put("192.0.2.2/32", time.Hour) },
			"192.0.2.1/32 192.0.2.2/32", time.Hour},
		{"by two jails", func() []book.Ban {
			b := row("192.0.2.1/32", 0, time.Hour)
			b.Jail = "b"
			return []book.Ban{row("192.0.2.1/32", -time.Hour, 61*time.Minute), b}
		}, nil, "192.0.2.1/32", time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				var rows []book.Ban
				if c.ledger != nil {
					rows = c.ledger()
				}
				s.restart(rows, func() {
					if c.kernel != nil {
						c.kernel(s.kernel)
					}
				})
				pass(0)
				s.expect("after the start", c.want, c.want, c.want)
				if left, _ := s.kernel.left(prefix("192.0.2.1/32")); left != c.left {
					t.Errorf("got %v left, want %v", left, c.left)
				}
				if got := s.Report(time.Now()); got.Pending != 0 || len(got.Problems) != 0 {
					t.Errorf("got %d pending, %v", got.Pending, got.Problems)
				}
			})
		})
	}
}

func TestRestoreAdopts(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.restart(nil, func() { s.kernel.put("192.0.2.1/32", time.Hour) })
		b := s.Bans(time.Now())[0]
		if b.Jail != "unknown" || b.By != "kernel" || b.Strike != 1 || b.Reason == "" || b.Until.Sub(b.Since) != time.Hour {
			t.Errorf("got %+v", b)
		}
		s.restart(nil, nil)
		if n := len(s.ledger.all()); n != 1 {
			t.Errorf("got %d rows after another start, want the one", n)
		}
	})
}

// A member in its last moments ends by itself.
func TestRestoreLetsEnd(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.restart(nil, func() { s.kernel.put("192.0.2.1/32", slack) })
		s.expect("after the start", "", "192.0.2.1/32", "")
		pass(slack)
		s.expect("then", "", "", "")
	})
}

func TestRestoreRefused(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		var rows []book.Ban
		for i := range 5000 {
			rows = append(rows, row(netip.PrefixFrom(numbered(i), 32).String(), 0, time.Hour))
		}
		s.ledger.rows, s.ledger.lifted = rows, make([]string, len(rows))
		s.restart(nil, func() { s.kernel.failing(refuse("ban")) })
		if got := s.Report(time.Now()).Pending; got != len(rows) {
			t.Errorf("got %d pending, want all %d", got, len(rows))
		}
		if got := s.kernel.called("ban"); got > 2*maxRefusals {
			t.Errorf("got %d tries, want %d at most: each may take long", got, 2*maxRefusals)
		}
		if got := s.journal.count("restore: 5000 bans are not in the firewall, so packets from these addresses pass: ban 10.0."); got != 1 {
			t.Errorf("got it logged %d times, want once, with how many there are", got)
		}
		s.kernel.failing(nil)
		pass(6 * time.Second)
		if got := s.Report(time.Now()).Pending; got != 0 || len(s.kernel.members) != len(rows) {
			t.Errorf("got %d pending, %d in the kernel, want %d in the kernel", got, len(s.kernel.members), len(rows))
		}
		if s.problem("enforcer") != "" {
			t.Errorf("got %q when all is well again", s.problem("enforcer"))
		}
	})
}

func TestRestoreCannotList(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.restart([]book.Ban{row("192.0.2.1/32", 0, time.Hour)}, func() { s.kernel.failing(refuse("each")) })
		if got := s.journal.count("restore: cannot list the bans in the firewall: each"); got != 1 {
			t.Errorf("got it logged %d times, want once", got)
		}
		s.kernel.failing(nil)
		pass(time.Minute)
		s.expect("then", "192.0.2.1/32", "192.0.2.1/32", "192.0.2.1/32")
	})
}

// Allow beats ban, whichever came first.
func TestRestoreSparesProtected(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		hand := row("198.51.100.0/24", 0, time.Hour)
		hand.Jail, hand.By = "manual", "uid 0 (root)"
		s.restart([]book.Ban{row("192.0.2.1/32", 0, time.Hour), row("192.0.2.3/32", 0, time.Hour), row("203.0.113.7/32", 0, time.Hour), hand}, func() {
			s.kernel.put("192.0.2.1/32", time.Hour)
			s.kernel.put("192.0.2.2/32", time.Hour)
			s.guard = jails.NewGuard([]netip.Addr{addr("192.0.2.1"), addr("192.0.2.2"), addr("198.51.100.1")}, nil)
			s.jails = []*jails.Jail{jailOf(t, "a", "ignoreip: [203.0.113.7]")}
		})
		pass(0)
		want := "192.0.2.3/32 198.51.100.0/24"
		s.expect("after the start", want, want, want)
	})
}

// A machine without a clock starts in the past: bans that are over look as if they
// were not. Once the clock is right they must go.
func TestRestoreInThePast(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		const ahead = 30 * 24 * time.Hour // the right time, as seen from here
		s.restart([]book.Ban{
			row("192.0.2.1/32", ahead-2*time.Hour, time.Hour),       // over
			row("192.0.2.2/32", ahead-10*time.Minute, time.Hour),    // not over
			row("192.0.2.3/32", ahead-10*time.Minute, book.Forever), //
			row("192.0.2.4/32", ahead-20*24*time.Hour, 2*ahead),     //
			row("192.0.2.5/32", ahead-40*time.Minute, time.Minute),  // over
		}, nil)
		for p, want := range map[string]time.Duration{"192.0.2.1/32": time.Hour, "192.0.2.2/32": time.Hour, "192.0.2.5/32": time.Minute, "192.0.2.3/32": book.Forever} {
			if left, ok := s.kernel.left(prefix(p)); !ok || left != want {
				t.Errorf("%s: got %v, %t, want no more than the %v it was given", p, left, ok, want)
			}
		}
		// ntp sets the clock: kernel timers know nothing of it.
		s.stop()
		now := time.Now().Add(ahead).Round(0)
		s.reconcile(t.Context(), now)
		want := "192.0.2.2/32 192.0.2.3/32 192.0.2.4/32"
		if got := prefixesOf(s.Bans(now)); got != want {
			t.Errorf("got %q in the book, want %q", got, want)
		}
		if got := s.inKernel(); got != want+" 192.0.2.5/32" { // it ends by itself within its minute
			if got != want {
				t.Errorf("got %q in the kernel, want %q", got, want)
			}
		}
		if left, _ := s.kernel.left(prefix("192.0.2.2/32")); left != 50*time.Minute {
			t.Errorf("got %v left, want 50m", left)
		}
		for _, b := range s.ledger.all() {
			if b.Jail != "a" {
				t.Errorf("got %+v adopted, which is over", b)
			}
		}
	})
}

// A ban that a clock in 2099 decided ends some day all the same.
func TestRestoreFromTheFuture(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.restart([]book.Ban{row("192.0.2.1/32", 73*365*24*time.Hour, time.Hour)}, nil)
		s.expect("after the start", "192.0.2.1/32", "192.0.2.1/32", "192.0.2.1/32")
		pass(30 * time.Minute)
		s.restart(nil, nil)
		s.expect("after another", "192.0.2.1/32", "192.0.2.1/32", "192.0.2.1/32")
		pass(time.Hour + time.Minute)
		s.expect("after its hour", "", "", "")
		s.restart(nil, nil)
		s.expect("after a third", "", "", "")
	})
}

func TestRestoreKeepsStrikes(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.restart([]book.Ban{row("192.0.2.1/32", 0, time.Minute)}, nil)
		pass(time.Minute)
		s.attack("192.0.2.1", 2)
		if b := s.Bans(time.Now()); len(b) != 1 || b[0].Strike != 4 {
			t.Errorf("got %+v, want strike 4", b)
		}
	})
}

// A ban put into the kernel just before a crash, which the ledger never heard of.
func TestCrash(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.ledger.failing(errDisk)
		s.attack(nine, 2)
		if err := s.stop(); !errors.Is(err, errDisk) {
			t.Errorf("got %v", err)
		}
		s.ledger.failing(nil)
		pass(10 * time.Minute)
		s.begin()
		pass(0)
		s.expect("after the start", nine1, nine1, nine1)
		if left, _ := s.kernel.left(prefix(nine1)); left != 50*time.Minute {
			t.Errorf("got %v left, want 50m", left)
		}
	})
}

func TestSameLeft(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		want, have time.Duration
		same       bool
	}{
		{book.Forever, book.Forever, true}, {book.Forever, time.Hour, false}, {time.Hour, book.Forever, false},
		{time.Hour, time.Hour - 3*time.Second, true}, {time.Hour, time.Hour + 3*time.Second, true},
		{time.Hour, time.Hour - 4*time.Second, false}, {time.Hour, time.Hour + 4*time.Second, false},
		{100 * day, kernelLimit, true}, {100 * day, 8 * day, true}, {100 * day, 7 * day, false}, {8 * day, 100 * day, false},
	} {
		if got := sameLeft(c.want, c.have); got != c.same {
			t.Errorf("want %v, have %v: got %t, want %t", c.want, c.have, got, c.same)
		}
	}
}

func TestRestoreMany(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		var rows []book.Ban
		for i := range 20_000 {
			rows = append(rows, row(fmt.Sprintf("%s/32", numbered(i)), -time.Minute, time.Hour))
			if i%2 == 0 {
				s.kernel.put(fmt.Sprintf("%s/32", numbered(i)), 59*time.Minute)
			}
		}
		s.ledger.rows, s.ledger.lifted = rows, make([]string, len(rows))
		s.restart(nil, nil)
		if n, calls := len(s.kernel.members), s.kernel.called("banall"); n != 20_000 || calls > 20 {
			t.Errorf("got %d in the kernel by %d calls, want 20000 by 20 at most", n, calls)
		}
	})
}

// An attacker who comes before the ledger is read gets the strike that he has.
func TestEarlyBanIsReconsidered(t *testing.T) {
	for _, c := range []struct {
		name   string
		rows   func() []book.Ban
		strike int
		left   time.Duration
	}{
		{"unknown", nil, 1, time.Hour},
		{"banned before", func() []book.Ban { return []book.Ban{row(nine1, -3*time.Hour, time.Hour)} }, 4, 8 * time.Hour},
		{"banned still", func() []book.Ban { return []book.Ban{row(nine1, -time.Minute, time.Hour)} }, 3, 59 * time.Minute},
		{"banned by another jail, for less", func() []book.Ban {
			b := row(nine1, -time.Minute, time.Hour)
			b.Jail = "b"
			return []book.Ban{b}
		}, 3, 4 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				s.stop()
				if c.rows != nil {
					rows := c.rows()
					if err := s.ledger.Record(rows); err != nil {
						t.Fatal(err)
					}
					for _, r := range rows {
						s.ledger.strikes = append(s.ledger.strikes, book.Strike{Prefix: r.Prefix, Count: r.Strike, Last: r.Until})
					}
				}
				s.late = true
				s.begin()
				s.attack(nine, 2)
				pass(time.Millisecond)
				if got := len(s.ledger.all()); c.rows != nil && got != 1 {
					t.Errorf("got %d rows, want the database left alone until it is read", got)
				}
				if err := s.Restore(context.Background(), time.Now()); err != nil {
					t.Fatal(err)
				}
				pass(2 * time.Second)
				got := s.ban(nine1)
				left, _ := s.kernel.left(prefix(nine1))
				if want := c.left - 2*time.Second; got.Strike != c.strike || time.Until(got.Until).Round(time.Second) != want || left.Round(time.Second) != want {
					t.Errorf("got strike %d, %v left, %v in the kernel, want %d, %v", got.Strike, time.Until(got.Until), left, c.strike, want)
				}
				if got := s.ledger.live(time.Now()); got != nine1 {
					t.Errorf("got %q live in the database", got)
				}
				if got, want := len(s.ledger.all()), 1; c.name == "banned still" && got != want {
					t.Errorf("got %d rows, want the one there was", got)
				}
			})
		})
	}
}

// Who is let out while the ledger is read stays out.
func TestUnbanBeforeTheLedgerIsRead(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.stop()
		if err := s.ledger.Record([]book.Ban{row(nine1, -time.Minute, time.Hour)}); err != nil {
			t.Fatal(err)
		}
		s.late = true
		s.begin()
		s.ledger.read = func() {
			if _, err := s.Unban([]netip.Prefix{prefix(nine1)}, "root", time.Now()); err != nil {
				t.Error(err)
			}
		}
		if err := s.Restore(context.Background(), time.Now()); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		s.expect("then", "", "", "")
	})
}

// A ledger that cannot be read is no empty one.
func TestRestoreCannotRead(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.stop()
		s.kernel.put(nine1, time.Hour)
		s.late = true
		s.begin()
		s.ledger.failing(errDisk)
		if err := s.Restore(context.Background(), time.Now()); !errors.Is(err, ErrLedger) || !errors.Is(err, errDisk) {
			t.Errorf("got error %v", err)
		}
		pass(2 * time.Minute)
		s.expect("then", "", nine1, "")
	})
}

// TestRestoreIsInterrupted: plain rules take a tenth of a second each, and a machine that
// goes down does not wait for thousands of them.
func TestRestoreIsInterrupted(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		var rows []book.Ban
		for i := range 3000 {
			rows = append(rows, row(netip.PrefixFrom(numbered(i), 32).String(), 0, time.Hour))
		}
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		s.late = true
		s.restart(rows, func() {
			s.kernel.failing(func(call string, _ netip.Prefix) error {
				if call == "ban" {
					if tries++; tries == 100 {
						cancel()
					}
				}
				return nil
			})
		})
		if err := s.Restore(ctx, time.Now()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the end of the context", err)
		}
		if tries > 300 {
			t.Errorf("got %d tries, want an end soon after the 100th", tries)
		}
		if got := len(s.ledger.all()); got != len(rows) {
			t.Errorf("got %d rows, want all %d that were there", got, len(rows))
		}
	})
}

// TestPushBeginsSmall: where each ban takes long, events wait for few of them at a time.
func TestPushBeginsSmall(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		var rows []book.Ban
		for i := range 3000 {
			rows = append(rows, row(netip.PrefixFrom(numbered(i), 32).String(), 0, time.Hour))
		}
		s.restart(rows, nil)
		if got := s.kernel.called("banall"); got < 12 || got > 40 {
			t.Errorf("got %d messages to the kernel, want few, and the first of them small", got)
		}
	})
}
