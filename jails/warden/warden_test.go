package warden

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/show"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

const (
	nine  = "203.0.113.9"
	nine1 = "203.0.113.9/32"
)

var errDisk = errors.New("no space left on device")

func TestHearBansBeforeItReturns(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.ledger.gate = make(chan struct{}) // the disk takes its time
		s.attack(nine, 1)
		s.expect("one failure", "", "", "")
		s.attack(nine, 1)
		if left, ok := s.kernel.left(prefix(nine1)); !ok || left != time.Hour {
			t.Errorf("got %v, %t in the kernel, want 1h", left, ok)
		}
		s.attack("203.0.113.8", 2)
		s.expect("while the disk is busy", "203.0.113.8/32 203.0.113.9/32", "203.0.113.8/32 203.0.113.9/32", "")
		close(s.ledger.gate)
		synctest.Wait()
		s.expect("then", "203.0.113.8/32 203.0.113.9/32", "203.0.113.8/32 203.0.113.9/32", "203.0.113.8/32 203.0.113.9/32")
		if b := s.ledger.all()[0]; len(b.Lines) != 2 || b.Jail != "a" || b.By != "log" || b.Strike != 1 || b.Evidence != parsers.Seen {
			t.Errorf("got %+v in the database, want the ban with its two lines", b)
		}
		if b := s.Bans(time.Now())[0]; b.Lines != nil {
			t.Errorf("got %d lines in memory, want them in the database only", len(b.Lines))
		}
	})
}

func TestCounts(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Lines(7)
		s.attack(nine, 5)
		s.attack("203.0.113.8", 1)
		s.Hear("/log", with(failure(nine), func(e *parsers.Event) { e.Result = parsers.Ambiguous }), time.Now(), time.Now())
		s.Hear("/log", with(failure(nine), func(e *parsers.Event) { e.Result = parsers.Signal }), time.Now(), time.Now())
		s.Order(Order{Prefix: prefix("192.0.2.0/24")}, time.Now())
		s.Unban([]netip.Prefix{prefix("192.0.2.0/24"), prefix("192.0.3.0/24")}, "root", time.Now())
		r := s.Report(time.Now())
		if want := (jails.Counts{Lines: 7, Matched: 7, Ambiguous: 1, Signals: 1, Bans: 2}); r.Counts != want {
			t.Errorf("got %+v, want %+v", r.Counts, want)
		}
		if r.Unbans != 1 || r.Pending != 0 || len(r.Problems) != 0 {
			t.Errorf("got %d unbans, %d pending, %v", r.Unbans, r.Pending, r.Problems)
		}
		if j := r.Jails[0]; j.Events != 6 || j.Tracked != 2 || j.Banned != 1 {
			t.Errorf("got %d events, %d tracked, %d banned, want 6, 2, 1", j.Events, j.Tracked, j.Banned)
		}
	})
}

func TestLedgerFails(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.ledger.failing(errDisk)
		s.attack(nine, 2)
		pass(90 * time.Second)
		s.expect("disk full", nine1, nine1, "")
		if got := s.problem("ledger"); got != errDisk.Error() {
			t.Errorf("got problem %q, want %q", got, errDisk)
		}
		if got := s.journal.count("pbxjail cannot write to the database"); got != 1 {
			t.Errorf("got it logged %d times, want once", got)
		}
		before := s.ledger.records
		for i := range 100 { // a flood is no reason to try a full disk more often
			s.attack(fmt.Sprintf("192.0.2.%d", i), 2)
			synctest.Wait()
		}
		if got := s.ledger.records - before; got != 0 {
			t.Errorf("got %d tries at once, want them once a second", got)
		}
		s.ledger.failing(nil)
		pass(time.Second)
		if rows := s.ledger.all(); len(rows) != 101 || rows[0].Prefix != prefix(nine1) || len(rows[0].Lines) != 2 {
			t.Errorf("got %d rows, want 101, the first of %s with its lines", len(rows), nine1)
		}
		if got := s.problem("ledger"); got != "" || s.journal.count("pbxjail can write to the database again") != 1 {
			t.Errorf("got problem %q when all is well again", got)
		}
	})
}

// What a disk refuses waits in front of what came meanwhile: of two rows that
// change the same ban the last one holds.
func TestUnwrittenKeepsItsOrder(t *testing.T) {
	s, flushed := hang(t)
	if _, err := s.Order(Order{Prefix: prefix(nine1), For: new(time.Minute)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	s.ledger.failing(errDisk)
	close(s.ledger.gate)
	if err := <-flushed; !errors.Is(err, errDisk) {
		t.Errorf("got %v, want %v", err, errDisk)
	}
	s.ledger.failing(nil)
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	s.expect("then", nine1, nine1, nine1)
	if got := s.ledger.all(); len(got) != 2 || got[0].Until.After(time.Now()) {
		t.Errorf("got %+v, want the ban that was replaced to be over", got)
	}
}

// What waits for a dead disk is bounded: first the lines go, then the bans.
func TestUnwrittenIsBounded(t *testing.T) {
	w := New(judgeOf(), newKernel(), new(ledger), nil)
	b := ban("192.0.2.1/32", time.Hour)
	b.Lines = []book.Line{lineOf("x")}
	for range maxUnwritten + 1 {
		w.write(b)
	}
	if w.unwritten[maxUnwritten-1].Lines == nil || w.unwritten[maxUnwritten].Lines != nil {
		t.Errorf("got lines beyond the first %d bans, or none before", maxUnwritten)
	}
	w.unwritten = make([]book.Ban, book.MaxBans-1, book.MaxBans)
	for range 10 {
		w.write(b)
	}
	if n := len(w.unwritten); n != book.MaxBans {
		t.Errorf("got %d waiting, want %d", n, book.MaxBans)
	}
}

func TestEnforcerFails(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.kernel.failing(refuse("ban"))
		s.attack(nine, 2)
		s.attack(nine, 20) // what comes on is no second ban
		synctest.Wait()
		s.expect("refused", nine1, "", nine1)
		if !s.Pending(prefix(nine1)) || s.Report(time.Now()).Pending != 1 {
			t.Error("got it not pending")
		}
		if got, want := s.problem("enforcer"), "ban 203.0.113.9/32: operation not permitted"; got != want {
			t.Errorf("got problem %q, want %q", got, want)
		}
		if got := s.journal.count("ban is not in the firewall yet"); got != 1 {
			t.Errorf("got it logged %d times, want once", got)
		}
		before := s.kernel.called("ban")
		pass(10 * time.Second)
		if got := s.kernel.called("ban") - before; got != 10 {
			t.Errorf("got %d tries in 10 s, want 10", got)
		}
		s.kernel.failing(nil)
		pass(time.Second)
		s.expect("then", nine1, nine1, nine1)
		if left, _ := s.kernel.left(prefix(nine1)); left != time.Hour-11*time.Second {
			t.Errorf("got %v left, want what the ban has: 59m49s", left)
		}
		if s.Pending(prefix(nine1)) || s.problem("enforcer") != "" {
			t.Errorf("got pending %t, problem %q when all is well again", s.Pending(prefix(nine1)), s.problem("enforcer"))
		}
	})
}

// A ban that the kernel will never take, such as IPv6 where there is none, holds
// up no other, and shows for as long as it lasts.
func TestOneRefusedAmongMany(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.kernel.failing(func(call string, p netip.Prefix) error {
			if call == "ban" && p.Addr().Is6() {
				return errors.New("no IPv6 here")
			}
			return nil
		})
		for i := range 100 {
			s.attack(fmt.Sprintf("2001:db8:0:%x::1", i+1), 2)
		}
		s.attack(nine, 2)
		if got := s.problem("enforcer"); got != "no IPv6 here" {
			t.Errorf("got problem %q: a ban that went well hides those that did not", got)
		}
		before := s.kernel.called("ban")
		pass(time.Second)
		if got := s.kernel.called("ban") - before; got != maxRefusals {
			t.Errorf("got %d tries in a second, want %d: each may take long", got, maxRefusals)
		}
		pass(2 * time.Minute)
		if got := s.problem("enforcer"); got == "" {
			t.Error("got no problem after the kernel was compared")
		}
		pass(time.Hour)
		if r := s.Report(time.Now()); r.Pending != 0 || len(r.Problems) != 0 {
			t.Errorf("got %d pending, %v after all are over", r.Pending, r.Problems)
		}
	})
}

func TestSetupFails(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.kernel.failing(refuse("setup"))
		pass(time.Minute)
		if got := s.problem("enforcer"); !strings.Contains(got, "setup") {
			t.Errorf("got problem %q", got)
		}
		s.attack(nine, 2) // the set takes it, and nothing calls the chain
		if got := s.problem("enforcer"); !strings.Contains(got, "setup") {
			t.Errorf("got problem %q: a ban hides that it is not enforced", got)
		}
		s.kernel.failing(nil)
		pass(time.Minute)
		if got := s.problem("enforcer"); got != "" {
			t.Errorf("got problem %q when all is well again", got)
		}
	})
}

// What somebody else flushes comes back.
func TestReconcile(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 2)
		s.Order(Order{Prefix: prefix("192.0.2.0/24"), For: new(book.Forever)}, time.Now())
		pass(10 * time.Second)
		s.kernel.flush()
		s.kernel.put("198.51.100.7/32", time.Minute)
		pass(time.Minute - 10*time.Second)
		all := "192.0.2.0/24 198.51.100.7/32 203.0.113.9/32"
		s.expect("after a flush", all, all, all)
		if left, _ := s.kernel.left(prefix(nine1)); left != 59*time.Minute {
			t.Errorf("got %v left, want 59m", left)
		}
		s.kernel.put(nine1, 24*time.Hour)
		pass(time.Minute)
		if left, _ := s.kernel.left(prefix(nine1)); left != 58*time.Minute {
			t.Errorf("got %v left, want 58m", left)
		}
		before := s.kernel.called("ban")
		pass(10 * time.Minute)
		if got := s.kernel.called("ban"); got != before {
			t.Errorf("got %d bans renewed though nothing differed", got-before)
		}
	})
}

// The kernel holds no more than 24 days at once.
func TestLongBansAreRenewed(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		const day = 24 * time.Hour
		s.Order(Order{Prefix: prefix("192.0.2.1/32"), For: new(100 * day)}, time.Now())
		s.stop() // its ticks of a hundred days would take long
		for range 100*24 - 1 {
			pass(time.Hour)
			s.reconcile(t.Context(), time.Now())
			if left, ok := s.kernel.left(prefix("192.0.2.1/32")); !ok || left < time.Hour {
				t.Fatalf("got %v, %t left in the kernel, long before its end", left, ok)
			}
		}
		if got := s.kernel.called("ban"); got > 7 {
			t.Errorf("got %d bans, want a renewal every 17 days and no more", got)
		}
		pass(time.Hour)
		s.expect("at its end", "", "", "")
	})
}

// A ban in its last second is no stranger.
func TestEndIsNotAdopted(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		pass(300 * time.Millisecond)
		for range 3 { // bans that end in every part of a minute
			for i := range 60 {
				for range 2 { // of half a second ago: the kernel rounds up what is left
					s.Hear("/log", failure(numbered(i).String()), time.Now().Add(-time.Second/2), time.Now())
				}
				pass(997 * time.Millisecond)
			}
		}
		pass(2 * time.Minute)
		for _, b := range s.ledger.all() {
			if b.Jail != "a" {
				t.Fatalf("got %+v", b)
			}
		}
	}, "maxretry: 2\nbantime: 61s")
}

func TestBanEnds(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 2)
		pass(time.Hour)
		s.expect("over", "", "", "")
		s.attack(nine, 2)
		if b := s.Bans(time.Now()); len(b) != 1 || b[0].Strike != 2 || b[0].Until.Sub(b[0].Since) != 2*time.Hour {
			t.Errorf("got %+v, want the second strike for 2h", b)
		}
	})
}

func TestJailProlongsAnothersBan(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 3)
		synctest.Wait()
		s.expect("both", nine1, nine1, nine1)
		if left, _ := s.kernel.left(prefix(nine1)); left != 24*time.Hour {
			t.Errorf("got %v left, want 1d", left)
		}
		if b := s.Bans(time.Now())[0]; b.Jail != "b" || b.Strike != 1 {
			t.Errorf("got %+v, want the ban by b", b)
		}
	}, "maxretry: 2\nbantime: 1h", "maxretry: 3\nbantime: 1d")
}

// Lines that were written while no one read them: what happened then is judged
// then, and enforced for what is left.
func TestOldLines(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		ago := func(d time.Duration, n int) {
			for range n {
				s.Hear("/log", failure(nine), time.Now().Add(-d), time.Now())
			}
		}
		ago(5*time.Hour, 20)
		synctest.Wait()
		s.expect("over long ago", "", "", "")
		if rows := s.ledger.all(); len(rows) != 1 || rows[0].Strike != 1 || len(rows[0].Lines) != 2 {
			t.Errorf("got %+v in the database, want it once", rows)
		}
		if got := s.kernel.called("ban"); got != 0 {
			t.Errorf("got %d bans in the kernel", got)
		}
		ago(30*time.Minute, 2)
		if left, ok := s.kernel.left(prefix(nine1)); !ok || left != 90*time.Minute {
			t.Errorf("got %v, %t in the kernel, want the rest of 2h: a second strike", left, ok)
		}
	})
}

func TestObserveEnforcesNothing(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 100)
		pass(time.Minute)
		s.expect("observed", "", "", "")
		if got := s.kernel.called("ban"); got != 0 {
			t.Errorf("got %d bans in the kernel", got)
		}
		rows := s.ledger.all()
		if len(rows) != 1 || rows[0].By != "observe" || rows[0].Strike != 0 || !rows[0].Until.Equal(rows[0].Since) || len(rows[0].Lines) != 2 {
			t.Errorf("got %+v in the database, want it once, as no strike", rows)
		}
		if got := s.journal.count("would ban"); got != 1 {
			t.Errorf("got it logged %d times, want once", got)
		}
	}, "maxretry: 2\nobserve: true")
}

func TestBookFull(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.mu.Lock()
		fillBook(s.book, book.MaxBans-1, time.Now().Add(24*time.Hour)) // ordered by hand: these make no room
		s.mu.Unlock()
		s.Order(Order{Prefix: prefix("192.0.2.1/32"), For: new(2 * time.Second)}, time.Now())
		s.attack(nine, 2)
		s.attack("203.0.113.8", 2)
		if _, err := s.Order(Order{Prefix: prefix("203.0.113.7/32")}, time.Now()); err == nil || err.Error() != s.errFull().Error() {
			t.Errorf("got %v, want %v", err, s.errFull())
		}
		if h, ok := errors.AsType[interface {
			error
			Hint() string
		}](s.Report(time.Now()).Problems["book"]); !ok || h.Hint() == "" {
			t.Errorf("got %v, want a problem with a hint", s.Report(time.Now()).Problems)
		}
		if got := s.journal.count("ban is not in the firewall yet"); got != 1 {
			t.Errorf("got it logged %d times, want once", got)
		}
		if got := s.Report(time.Now()).Counts.Bans; got != 1 {
			t.Errorf("got %d bans counted, want one", got)
		}
		pass(3 * time.Second)
		if got := s.problem("book"); got != "" {
			t.Errorf("got %q though there is room again", got)
		}
		s.attack(nine, 2)
		if _, ok := s.kernel.left(prefix(nine1)); !ok {
			t.Error("got no ban though there is room again")
		}
	})
}

// Run writes what waits before it ends, and says what it could not write.
func TestRunEnds(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.ledger.failing(errDisk)
		s.attack(nine, 2)
		synctest.Wait()
		s.ledger.failing(nil)
		if err := s.stop(); err != nil {
			t.Errorf("got %v", err)
		}
		s.expect("after the end", nine1, nine1, nine1)
		s.begin()
		s.ledger.failing(errDisk)
		s.attack("192.0.2.1", 2)
		if err := s.stop(); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want %v", err, errDisk)
		}
	})
}

func TestWhy(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Change(s.jails, jails.NewGuard(nil, []netip.Prefix{prefix("192.0.2.0/24")}), jails.Senses{})
		s.attack(nine, 1)
		s.attack("192.0.2.1", 1)
		s.Order(Order{Prefix: prefix("203.0.113.0/24"), By: "uid 0 (root)"}, time.Now())
		got := s.Why(addr(nine), time.Now())
		if got.Banned == nil || got.Banned.Prefix != prefix("203.0.113.0/24") || got.Protected != "" {
			t.Errorf("got %+v, want the ban of its network", got)
		}
		if len(got.Jails) != 1 || got.Jails[0].Jail.Name != "a" || got.Jails[0].Sum.Score != parsers.Point || len(got.Jails[0].Lines) != 1 {
			t.Errorf("got %+v, want a point and its line", got.Jails)
		}
		if got := s.Why(addr("192.0.2.1"), time.Now()); got.Protected != "ignoreip 192.0.2.0/24" || got.Banned != nil {
			t.Errorf("got %+v, want it protected", got)
		}
		pass(10 * time.Minute)
		if got := s.Why(addr(nine), time.Now()); got.Jails != nil {
			t.Errorf("got %+v after findtime", got.Jails)
		}
		if got := s.Why(addr("198.51.100.1"), time.Now()); got.Banned != nil || got.Protected != "" || got.Jails != nil {
			t.Errorf("got %+v of an unknown address", got)
		}
	})
}

func TestPatterns(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		if got := s.Patterns("/log"); len(got) != 1 || got[0].String() != "^<ADDR>$" {
			t.Errorf("got %v", got)
		}
		s.Change([]*jails.Jail{jailOf(t, "a", "match: [{regex: '^new <ADDR>$'}]")}, s.guard, jails.Senses{})
		if got := s.Patterns("/log"); len(got) != 1 || got[0].String() != "^new <ADDR>$" {
			t.Errorf("after a change: got %v", got)
		}
		if got := s.Patterns("/other"); got != nil {
			t.Errorf("another log: got %v", got)
		}
	}, "match: [{regex: '^<ADDR>$'}]")
}

func TestForWords(t *testing.T) {
	for want, d := range map[string]time.Duration{"forever": book.Forever, "1h": time.Hour, "1h30m": 90 * time.Minute, "1s": time.Second - time.Nanosecond} {
		if got := forWords(book.Ban{Since: start, Until: book.EndOf(start, d)}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if _, err := configs.ParseDuration(forWords(ban("192.0.2.1/32", time.Hour))); err != nil {
		t.Error(err)
	}
}

// What is flushed is back within two seconds, by the number of members alone.
func TestFlushIsRepaired(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 2)
		s.Order(Order{Prefix: prefix("192.0.2.0/24"), For: new(book.Forever)}, time.Now())
		pass(10 * time.Second)
		s.kernel.flush()
		pass(1100 * time.Millisecond)
		all := "192.0.2.0/24 203.0.113.9/32"
		s.expect("after a flush", all, all, all)
		if got := s.Report(time.Now()).Repairs; got != (Repairs{PutBack: 2}) {
			t.Errorf("got %+v, want two put back", got)
		}
		before := s.kernel.called("each")
		pass(30 * time.Second)
		if got := s.kernel.called("each"); got != before {
			t.Errorf("got %d listings of all members though nothing differed", got-before)
		}
	})
}

// Rules that are removed are put back. Where that happens again and again, the warden
// pauses, reports it, and forgets it when the other program stops.
func TestFightLeadsToPauses(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Neighbours = func() []string { return []string{"the FreePBX firewall"} }
		remove := func() {
			s.kernel.mu.Lock()
			defer s.kernel.mu.Unlock()
			s.kernel.broken = []string{"the jump from raw PREROUTING"}
		}
		intact := func() bool { ok, _, _ := s.kernel.Check(); return ok }
		for i := range fightRepairs {
			remove()
			s.Wake("iptables")
			pass(quietFor + 100*time.Millisecond)
			if !intact() {
				t.Fatalf("repair %d did not come", i+1)
			}
		}
		if got := s.problem("firewall"); !strings.Contains(got, "another program removed the firewall rules of pbxjail 5 times within 10m0s, and packets of banned addresses passed. The last time it was iptables; other firewalls on this machine: the FreePBX firewall; pbxjail repairs its rules again in 10s") {
			t.Errorf("got problem %q", got)
		}
		remove()
		pass(8 * time.Second)
		if intact() {
			t.Error("got a repair within the pause")
		}
		pass(4 * time.Second)
		if !intact() {
			t.Error("got no repair after the pause")
		}
		remove()
		pass(15 * time.Second)
		if intact() {
			t.Error("got the second pause no longer than the first")
		}
		pass(20 * time.Minute)
		if got := s.problem("firewall"); !intact() || got != "" {
			t.Errorf("got problem %q after the fight, intact %t", got, intact())
		}
		if got := s.Report(time.Now()).Repairs.Rules; got != fightRepairs+2 {
			t.Errorf("got %d repairs counted, want %d", got, fightRepairs+2)
		}
	})
}

// A change by others is looked at once they are done.
func TestWakeWaitsUntilOthersAreDone(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		pass(10 * time.Millisecond) // off the second
		s.kernel.broken = []string{"chain"}
		before := s.kernel.called("setup")
		for range 5 {
			s.Wake("iptables")
			pass(150 * time.Millisecond)
		}
		if got := s.kernel.called("setup"); got != before {
			t.Error("got a repair in the middle of their commands")
		}
		pass(quietFor)
		if got := s.kernel.called("setup"); got != before+1 {
			t.Errorf("got %d repairs, want 1", got-before)
		}
		for range 20 { // a program that never stops does not prevent the repair
			s.kernel.mu.Lock()
			s.kernel.broken = []string{"chain"}
			s.kernel.mu.Unlock()
			s.Wake("iptables")
			pass(150 * time.Millisecond)
		}
		if got := s.kernel.called("setup"); got < before+2 {
			t.Error("got no repair while others go on")
		}
	})
}

// Who is let out while the kernel is listed is not taken for a stranger.
func TestUnbanDuringAComparison(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.attack(nine, 2)
		pass(time.Second)
		s.kernel.listed = func() { s.Unban([]netip.Prefix{prefix(nine1)}, "root", time.Now()) }
		s.reconcile(t.Context(), time.Now())
		s.expect("then", "", "", "")
	})
}

func TestStubborn(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Stubborn = 1000
		s.attack(nine, 2)
		s.Order(Order{Prefix: prefix("192.0.2.1/32")}, time.Now())
		pass(30 * time.Minute)
		if got := s.ban(nine1); time.Until(got.Until) != 30*time.Minute {
			t.Fatalf("got %v left, want 30m: it sent little", time.Until(got.Until))
		}
		s.kernel.mu.Lock()
		s.kernel.packets = 1000
		s.kernel.mu.Unlock()
		pass(time.Minute)
		s.kernel.mu.Lock()
		s.kernel.packets = 0
		s.kernel.mu.Unlock()
		left, _ := s.kernel.left(prefix(nine1))
		if got := time.Until(s.ban(nine1).Until); got < 59*time.Minute || got != left {
			t.Errorf("got %v left, %v in the kernel, want the whole hour again", got, left)
		}
		if got := time.Until(s.ban("192.0.2.1/32").Until); got != 29*time.Minute {
			t.Errorf("got %v left of a ban by hand, want 29m", got)
		}
		if rows := s.ledger.all(); len(rows) != 2 {
			t.Errorf("got %d rows, want the two", len(rows))
		}
	})
}

// The main file's settings for log-ins and for stubborn addresses hold from a reload on.
func TestTune(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for _, d := range []time.Duration{10 * time.Minute, 2 * time.Hour} {
			s.Tune(d, 3, 0)
			want := "addresses where an account logged in within " + show.Duration(d)
			if got := s.Why(netip.MustParseAddr("192.0.2.77"), time.Now()).Consulted; !slices.Contains(got, want) {
				t.Errorf("got %q, want %q among them", got, want)
			}
		}
		s.attack(nine, 2)
		pass(30 * time.Minute)
		s.Tune(time.Hour, 3, 1000)
		s.kernel.mu.Lock()
		s.kernel.packets = 1000
		s.kernel.mu.Unlock()
		pass(time.Minute)
		if got := time.Until(s.ban(nine1).Until); got < 59*time.Minute {
			t.Errorf("got %v left, want the whole hour again", got)
		}
	})
}

// blind is a witness that cannot tell.
type blind struct{}

func (blind) Heard(netip.Addr, parsers.Service, time.Time) parsers.Answer { return parsers.CannotTell }
func (blind) Suspects(list []netip.Addr, _ parsers.Service, _ time.Time) []netip.Addr {
	return list
}

// A ban that is short because its packets prove nothing stays short: for who sends on
// into it, and after a restart.
func TestShortBanStaysShort(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.judge.SetWitnesses(blind{}, nil)
		s.Stubborn = 1000
		s.attack(nine, 2)
		s.kernel.mu.Lock()
		s.kernel.packets = 1000
		s.kernel.mu.Unlock()
		for range 10 {
			pass(time.Minute)
			if left := time.Until(s.ban(nine1).Until); left > 15*time.Minute {
				t.Fatalf("got %v left, want 15m at most", left)
			}
		}
		pass(time.Second)
		s.restart(nil, func() { s.late = true })
		s.judge.SetWitnesses(blind{}, nil)
		s.attack(nine, 2)
		if err := s.Restore(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if left := time.Until(s.ban(nine1).Until); left > 15*time.Minute || left <= 0 {
			t.Errorf("after a restart: got %v left, want 15m at most", left)
		}
	})
}

// What cannot be enforced is reported for as long as that is so, and no longer. While all can
// be enforced and nothing looks changed, that is found out rarely.
func TestDegradedIsUpdated(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for i, want := range []string{"IPv6: not enforced", "", "IPv4: the jump is rule 2"} {
			s.kernel.mu.Lock()
			if s.kernel.degraded = nil; want != "" {
				s.kernel.degraded = []string{want}
			}
			s.kernel.mu.Unlock()
			pass(time.Minute + time.Second)
			if i == 2 {
				pass(setupEvery)
			}
			if got := strings.Join(s.Report(time.Now()).Degraded, "; "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}

// An unanswered challenge is charged although no further record comes.
func TestUnansweredInSilence(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for i := range 2 {
			e := with(failure(nine), func(e *parsers.Event) {
				e.Result, e.Kind, e.Channel = parsers.Signal, parsers.Challenge, parsers.ChannelSecurity
				e.Account, e.Session = parsers.TextOf([]byte("1001")), parsers.TextOf([]byte(fmt.Sprint(i)))
			})
			s.Hear("/log", e, time.Now(), time.Now())
		}
		pass(30 * time.Second)
		s.expect("while there is time", "", "", "")
		pass(5 * time.Second)
		s.expect("after", nine1, nine1, nine1)
	}, "maxretry: 2\nmatch: [{event: unanswered}]")
}

// A full book is no shelter: the weakest ban makes room for a new attacker, in the
// kernel and in the ledger too, and its strike is kept.
func TestWeakestMakesRoom(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.stop()
		fillBook(s.book, book.MaxBans-2, time.Now().Add(24*time.Hour))
		s.attack("203.0.113.7", 2)
		pass(time.Minute)
		s.attack("203.0.113.8", 2)
		s.attack(nine, 2)
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		for p, want := range map[string]bool{"203.0.113.7/32": false, "203.0.113.8/32": true, nine1: true} {
			if _, ok := s.kernel.left(prefix(p)); ok != want {
				t.Errorf("%s: got %t in the kernel, want %t", p, ok, want)
			}
		}
		r := s.Report(time.Now())
		if got := s.ledger.live(time.Now()); got != "203.0.113.8/32 203.0.113.9/32" || r.Displaced != 1 || r.Problems["book"] == nil {
			t.Errorf("got %q in the database, %d displaced, %v", got, r.Displaced, r.Problems)
		}
		if s, ok := s.book.History(prefix("203.0.113.7/32")); !ok || s.Count != 1 {
			t.Errorf("got history %+v, %t, want its strike", s, ok)
		}
	})
}
