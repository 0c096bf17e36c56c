package daemon

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"pbxjail/actions"
	"pbxjail/cmd/internal/control"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/jails/geoip"
	"pbxjail/jails/store"
	"pbxjail/jails/warden"
)

// bansBackend is a backend with bans by hand, more than are copied at once.
func bansBackend(t *testing.T, n int) *backend {
	t.Helper()
	ledger, _, err := store.Open(t.TempDir()+"/db", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ledger.Close() })
	enforcer, _, err := actions.Open("observe", actions.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	judge := jails.NewJudge(nil, jails.NewGuard(nil, nil), book.NewBook(nil, nil), 1000, false)
	b := &backend{log: log, warden: warden.New(judge, enforcer, ledger, log), enforcer: enforcer, store: ledger, places: geoip.Open(geoip.Options{})}
	begun := time.Now().Add(-time.Hour)
	for i := range n {
		order := warden.Order{Prefix: netip.MustParsePrefix(fmt.Sprintf("203.0.%d.%d/32", i/200, 1+i%200)), For: new(time.Duration(n-i) * time.Hour), Force: true, By: "test"}
		if _, err := b.warden.Order(order, begun.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// Every ban comes once, in the order that is asked for.
func TestEachBan(t *testing.T) {
	const n = 3*bansAtOnce + 7
	b := bansBackend(t, n)
	for _, c := range []struct {
		q    control.BansRequest
		want int
		up   func(x, y *control.Ban) bool // y may follow x
	}{
		{control.BansRequest{}, n, func(x, y *control.Ban) bool { return !y.Since.Before(x.Since) }},
		{control.BansRequest{Sort: "-since"}, n, func(x, y *control.Ban) bool { return !y.Since.After(x.Since) }},
		{control.BansRequest{Sort: "left"}, n, func(x, y *control.Ban) bool { return !y.Until.Before(*x.Until) }},
		{control.BansRequest{Sort: "address"}, n, func(x, y *control.Ban) bool { return x.Prefix.Compare(y.Prefix) < 0 }},
		{control.BansRequest{Sort: "-jail"}, n, func(x, y *control.Ban) bool { return x.Jail >= y.Jail }},
		{control.BansRequest{Sort: "country"}, n, func(x, y *control.Ban) bool { return x.Country <= y.Country }},
		{control.BansRequest{Sort: "packets", Jail: "none"}, 0, nil},
		{control.BansRequest{Grep: "203.0.1."}, 200, func(x, y *control.Ban) bool { return true }},
		{control.BansRequest{Since: 59 * time.Minute}, n - 60, func(x, y *control.Ban) bool { return true }},
	} {
		var got []control.Ban
		if err := b.eachBan(c.q, func(ban *control.Ban) error { got = append(got, *ban); return nil }); err != nil {
			t.Fatal(err)
		}
		if d := len(got) - c.want; d > 1 || d < -2 { // the clock goes on
			t.Errorf("%+v: got %d bans, want %d", c.q, len(got), c.want)
		}
		seen := map[netip.Prefix]bool{}
		for i := range got {
			if seen[got[i].Prefix] {
				t.Fatalf("%+v: got %s twice", c.q, got[i].Prefix)
			}
			seen[got[i].Prefix] = true
			if i > 0 && !c.up(&got[i-1], &got[i]) {
				t.Errorf("%+v: got %+v before %+v", c.q, got[i-1], got[i])
			}
		}
	}
}
