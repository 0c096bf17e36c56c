package warden

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pbxjail/configs/ports"
	"pbxjail/jails"
	"pbxjail/jails/book"
)

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
			s.Order(Order{Prefix: some(), Jail: "b", Ports: []ports.Set{ports.All, "ami,sip", "22/tcp"}[r.IntN(3)]}, time.Now())
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
			s.Change(s.jails, jails.NewGuard([]netip.Addr{one()}, nil), jails.Senses{})
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
	s.Change(s.jails, s.guard, jails.Senses{})
	pass(61 * time.Second) // the kernel is compared once a minute
	s.agree("when all is well")
	before := s.closed()
	s.restart(nil, nil)
	if got := s.closed(); got != before {
		t.Errorf("after a restart: got %q, want %q", got, before)
	}
	s.agree("after a restart")
	s.Unban(prefixes(s.Bans(time.Now())), "root", time.Now())
	pass(slack)
	s.expect("all let out", "", "", "")
}

// closed are the bans of the book with what each closes.
func (s *scene) closed() string {
	var list []string
	for _, b := range s.Bans(time.Now()) {
		list = append(list, b.Prefix.String()+" "+b.Ports.String())
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func prefixes(bans []book.Ban) (list []netip.Prefix) {
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
	s.kernel.Each(func(h ports.Held) { in[h.Prefix] = h.Left })
	for _, b := range s.Bans(now) {
		left, _ := b.Left(now)
		if have, ok := in[b.Prefix]; left > slack && (!ok || !sameLeft(left, have)) {
			s.t.Errorf("%s: %s of %s: got %v, %t in the kernel, want %v", when, b.Prefix, b.Jail, have, ok, left)
		}
		if s.kernel.closed[b.Prefix] != b.Ports {
			s.t.Errorf("%s: %s: got %s closed in the kernel, want %s", when, b.Prefix, s.kernel.closed[b.Prefix], b.Ports)
		}
		delete(in, b.Prefix)
	}
	for p, left := range in {
		if left > slack {
			s.t.Errorf("%s: got %s in the kernel for %v, and in no book", when, p, left)
		}
	}
	if got, want := s.ledger.live(now), s.banned(); got != want {
		s.t.Errorf("%s: got %q in the database, want %q", when, got, want)
	}
	if r := s.Report(now); r.Pending != 0 || len(r.Problems) != 0 {
		s.t.Errorf("%s: got %d pending, %v", when, r.Pending, r.Problems)
	}
}

// All methods at once, for the race detector; and no goroutine is left.
func TestEverybodyAtOnce(t *testing.T) {
	k, l := newKernel(), new(ledger)
	w := New(judgeOf(jailOf(t, "a", "maxretry: 2\nmatch: [{event: bad-password}, {regex: '^<ADDR>$'}]")), k, l, slog.New(new(journal)))
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
			w.Change([]*jails.Jail{jailOf(t, "a", "maxretry: 2")}, jails.NewGuard([]netip.Addr{a}, nil), jails.Senses{})
			w.Patterns("/log")
		},
		func(a netip.Addr, p netip.Prefix, now time.Time) {
			w.retry(context.Background(), now)
			w.reconcile(context.Background(), now)
		},
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
	w.reconcile(context.Background(), time.Now())
	s := &scene{t: t, Warden: w, kernel: k}
	if got, want := s.inKernel(), s.banned(); got != want {
		t.Errorf("got %q in the kernel, want %q", got, want)
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
}
