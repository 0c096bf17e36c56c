package daemon

import (
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
)

func status(err error) int {
	if refusal, ok := err.(*control.Refusal); ok {
		return refusal.Status
	}
	return 0
}

// TestAnswers asks a daemon everything that jailctl can ask.
func TestAnswers(t *testing.T) {
	s := newSite(t, "ignoreip: [198.18.0.0/15]", "geoip: {home: [GB]}")
	d := s.open()
	lost := uint64(0)
	d.opts.Lost = func() uint64 { return lost }
	s.run(d, nil)
	client, ctx := s.client(), t.Context()
	attacker, byHand := netip.MustParseAddr("203.0.113.9"), netip.MustParsePrefix("203.0.113.128/25")

	s.append(failures(attacker.String(), 3))
	if b := s.banned(attacker.String()); b.Jail != "phones" || b.Strike != 1 || b.By != "log" || b.LeftSeconds <= 0 {
		t.Errorf("got %+v", b)
	}
	s.eventually("the database", func() bool {
		why, err := client.Why(ctx, attacker)
		return err == nil && len(why.Lines) == 3
	})
	why, err := client.Why(ctx, attacker)
	if err != nil || why.Banned == nil || why.Sum == nil || len(why.History) != 1 || !strings.Contains(why.Ends, "jailctl unban") {
		t.Errorf("got %+v, %v, want the ban with its story", why, err)
	}
	s.append(failures("203.0.113.10", 1))
	s.eventually("a score", func() bool {
		why, err := client.Why(ctx, netip.MustParseAddr("203.0.113.10"))
		return err == nil && strings.Contains(why.Ends, "2 more points in jail phones")
	})

	seconds := int64(60)
	if b, err := client.Ban(ctx, control.BanRequest{Prefix: byHand, ForSeconds: &seconds}); err != nil || b.Jail != "manual" {
		t.Errorf("got %+v, %v", b, err)
	}
	_, err = client.Ban(ctx, control.BanRequest{Prefix: netip.MustParsePrefix("198.18.0.1/32")})
	if status(err) != http.StatusForbidden {
		t.Errorf("got %v for a protected address", err)
	}
	_, err = client.Ban(ctx, control.BanRequest{Prefix: byHand, Jail: "none"})
	if status(err) != http.StatusNotFound {
		t.Errorf("got %v for a jail that does not exist", err)
	}

	st := s.status()
	if st.Bans != 2 || st.Enforcing || st.Counters.Lines != 4 || st.Counters.Matched != 4 || len(st.Files) != 1 || st.Files[0].Lines != 4 {
		t.Errorf("got %+v", st)
	}
	if len(st.GeoIP.Files) == 0 || len(st.Countries) == 0 {
		t.Errorf("got places %+v, countries %+v", st.GeoIP, st.Countries)
	}
	lost = 3
	if !s.problem("3 lines of pbxjail's own log are lost") {
		t.Errorf("got %v, want the lines of the log that were dropped", s.status().Problems)
	}
	top, err := client.Top(ctx, 5)
	if err != nil || len(top.Addresses) != 2 || !top.Addresses[0].Banned || top.Addresses[1].Banned {
		t.Errorf("got %+v, %v", top, err)
	}
	if rules, err := client.Rules(ctx); err != nil || rules.Enabled {
		t.Errorf("got %+v, %v", rules, err)
	}
	if list, err := client.Feeds(ctx); err != nil || len(list) != 0 {
		t.Errorf("got %+v, %v", list, err)
	}

	if was, err := client.Unban(ctx, byHand); err != nil || !was {
		t.Errorf("got %t, %v", was, err)
	}
	if was, err := client.Unban(ctx, byHand); err != nil || was {
		t.Errorf("got %t, %v the second time", was, err)
	}
	if n, err := client.UnbanAll(ctx); err != nil || n != 1 {
		t.Errorf("got %d, %v", n, err)
	}
	entries, err := client.AuditLog(ctx, control.AuditRequest{})
	var verbs []string
	for _, e := range entries {
		verbs = append(verbs, e.Verb)
		if e.UID == nil || *e.UID != os.Getuid() || e.PID != os.Getpid() {
			t.Errorf("got %+v, want this process as the caller", e)
		}
	}
	if want := []string{"unban", "unban", "unban", "ban", "ban", "ban"}; err != nil || !slices.Equal(verbs, want) {
		t.Fatalf("got %v, %v, want every command, the newest first: %v", verbs, err, want)
	}
	if e := entries[3]; e.Refused == "" || e.What != "203.0.113.128/25 as of jail none" {
		t.Errorf("got %+v, want why the ban of a jail that does not exist was refused", e)
	}
	if e := entries[5]; e.Refused != "" || e.What != "203.0.113.128/25 for 1m" {
		t.Errorf("got %+v, want the ban that was done", e)
	}
}

// TestSecondDaemonIsRefused: it takes nothing from the first.
func TestSecondDaemonIsRefused(t *testing.T) {
	s := newSite(t)
	s.run(s.open(), nil)
	if d, err := New(Options{Config: s.path("pbxjail.yaml"), Log: quiet()}); err == nil {
		d.Close()
		t.Error("two daemons have one socket")
	}
	if _, err := s.client().Version(t.Context()); err != nil {
		t.Errorf("got %v of the first daemon", err)
	}
}

func TestWhatCannotStart(t *testing.T) {
	for name, lines := range map[string]string{
		"a key that does not exist": "nonsense: 1",
		"a folder for the database": "database: /",
	} {
		s := newSite(t)
		s.write("pbxjail.yaml", "socket: "+s.path("sock")+"\nenforcer: observe\n"+lines+"\n")
		if d, err := New(Options{Config: s.path("pbxjail.yaml"), Log: quiet()}); err == nil {
			d.Close()
			t.Errorf("%s: got no error", name)
		} else if hint.Of(err) == "" {
			t.Errorf("%s: got %v without a hint", name, err)
		}
	}
}
