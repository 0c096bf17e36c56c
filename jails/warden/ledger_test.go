package warden_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/ports"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/jails/store"
	"pbxjail/jails/warden"
	"pbxjail/parsers"
)

// nowhere is an enforcer that takes everything and holds nothing.
type nowhere struct{}

func (nowhere) Setup() (made, degraded []string, err error)      { return nil, nil, nil }
func (nowhere) Check() (intact bool, members int, err error)     { return true, 0, nil }
func (nowhere) BanAll(iter.Seq[ports.Ban]) error                 { return nil }
func (nowhere) Ban(netip.Prefix, ports.Set, time.Duration) error { return nil }
func (nowhere) Unban(netip.Prefix) error                         { return nil }
func (nowhere) Each(func(ports.Held)) error                      { return nil }

// life is one run of the daemon after another over the same ledger on disk.
type life struct {
	t    *testing.T
	path string
	now  time.Time
}

// run starts a warden as the daemon does, and ends it after do.
func (l *life) run(do func(w *warden.Warden)) {
	l.t.Helper()
	s, _, err := store.Open(l.path, l.now)
	if err != nil {
		l.t.Fatal(err)
	}
	defer s.Close()
	bans, err := s.Bans(l.now)
	if err != nil {
		l.t.Fatal(err)
	}
	strikes, err := s.Strikes(l.now.AddDate(-1, 0, 0), l.now, book.MaxStrikes)
	if err != nil {
		l.t.Fatal(err)
	}
	var list []*jails.Jail
	for _, text := range []string{"maxretry: 2\nbantime: 1h\nbantime_growth: {factor: 2}\nlogs: [/log]", "maxretry: 1\nbantime: 1h\nobserve: true\nlogs: [/observed]"} {
		spec, err := configs.ParseJail(fmt.Sprintf("jail%d.yaml", len(list)), []byte(text+"\nmatch: [{event: bad-password}]"))
		if err != nil {
			l.t.Fatal(err)
		}
		j, err := jails.Compile(spec)
		if err != nil {
			l.t.Fatal(err)
		}
		list = append(list, j)
	}
	judge := jails.NewJudge(list, jails.NewGuard(nil, nil), book.NewBook(bans, strikes), 1000, false)
	w := warden.New(judge, nowhere{}, s, slog.New(slog.DiscardHandler))
	if err := w.Restore(context.Background(), l.now); err != nil {
		l.t.Fatal(err)
	}
	do(w)
	ctx, cancel := context.WithCancel(l.t.Context())
	cancel()
	if err := w.Run(ctx); err != nil { // writes what waits
		l.t.Fatal(err)
	}
}

func (l *life) fail(w *warden.Warden, log, a string, n int) {
	for range n {
		w.Hear(log, &parsers.Event{
			Result: parsers.Offence, Kind: parsers.BadPassword, Evidence: parsers.Seen, Service: parsers.PJSIP, Channel: parsers.ChannelNotice,
			Points: parsers.Point, Addr: netip.MustParseAddr(a), Line: parsers.TextOf([]byte("x")),
		}, l.now, l.now)
	}
}

// expect compares the bans that hold: prefix, jail, strike, and what is left.
func (l *life) expect(when string, w *warden.Warden, want ...string) {
	l.t.Helper()
	var got []string
	for _, b := range w.Bans(l.now) {
		left, _ := b.Left(l.now)
		got = append(got, fmt.Sprintf("%s %s %d %v", b.Prefix, b.Jail, b.Strike, left))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		l.t.Errorf("%s: got %s, want %s", when, strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

// What the ledger on disk brings back is what was there before, in the end of
// every road that leads to or from a ban.
func TestLedgerBringsBackWhatWas(t *testing.T) {
	l := &life{t: t, path: filepath.Join(t.TempDir(), "pbxjail.db"), now: time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)}
	one, two := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	l.run(func(w *warden.Warden) {
		l.fail(w, "/log", "192.0.2.1", 2)
		l.fail(w, "/log", "192.0.2.2", 2)
		l.fail(w, "/log", "192.0.2.3", 2)
		l.fail(w, "/observed", "192.0.2.4", 9)
		l.fail(w, "/observed", "192.0.2.3", 9) // which is banned already
	})
	l.now = l.now.Add(10 * time.Minute)
	l.run(func(w *warden.Warden) {
		l.expect("after a start", w, "192.0.2.1/32 jail0 1 50m0s", "192.0.2.2/32 jail0 1 50m0s", "192.0.2.3/32 jail0 1 50m0s")
		if _, err := w.Unban([]netip.Prefix{two}, "root", l.now); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Order(warden.Order{Prefix: one, For: new(5 * time.Minute), By: "root"}, l.now); err != nil {
			t.Fatal(err)
		}
		l.fail(w, "/log", "192.0.2.5", 2) // and let out before the ledger has it
		if _, err := w.Unban([]netip.Prefix{netip.MustParsePrefix("192.0.2.5/32")}, "root", l.now); err != nil {
			t.Fatal(err)
		}
	})
	l.run(func(w *warden.Warden) {
		l.expect("after an order and an unban", w, "192.0.2.1/32 manual 1 5m0s", "192.0.2.3/32 jail0 1 50m0s")
	})
	l.now = l.now.Add(5 * time.Minute)
	l.run(func(w *warden.Warden) {
		l.expect("after the order is over", w, "192.0.2.3/32 jail0 1 45m0s")
	})
	l.now = l.now.Add(time.Hour)
	l.run(func(w *warden.Warden) {
		for i := range 5 {
			l.fail(w, "/log", fmt.Sprintf("192.0.2.%d", i+1), 2)
		}
		l.expect("strikes", w, "192.0.2.1/32 jail0 2 2h0m0s", "192.0.2.2/32 jail0 1 1h0m0s", "192.0.2.3/32 jail0 2 2h0m0s", "192.0.2.4/32 jail0 1 1h0m0s", "192.0.2.5/32 jail0 1 1h0m0s")
	})
}
