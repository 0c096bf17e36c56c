package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/jails/home"
	"pbxjail/parsers"
)

// loggedIn is a record of a log-in with a password.
func loggedIn(at time.Time, a, account, password string) string {
	return fmt.Sprintf(`[%s] SECURITY[30287] res_security_log.c: SecurityEvent="SuccessfulAuth",EventTV="2026-11-22T07:26:48.977+0000",Severity="Informational",Service="PJSIP",EventVersion="1",AccountID="%s",SessionID="2d5e0cfe1048b5c1",LocalAddress="IPV4/UDP/192.0.2.10/5062",RemoteAddress="IPV4/UDP/%s/50863",UsingPassword="%s"`+"\n",
		at.Format(time.DateTime), account, a, password)
}

// refused is a record of a wrong password.
func refused(at time.Time, a, account string) string {
	bad := strings.Replace(loggedIn(at, a, account, "1"), "SuccessfulAuth", "ChallengeResponseFailed", 1)
	return strings.Replace(bad, `,UsingPassword="1"`, `,Challenge="1/a",Response="b",ExpectedResponse=""`, 1)
}

func TestLogInsOfOldLogs(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	for _, c := range []struct {
		name, text string
		want       string
	}{
		{"a log-in", loggedIn(now.Add(-time.Hour), "203.0.113.50", "101", "1"), "101 203.0.113.50"},
		{"without a password", loggedIn(now.Add(-time.Hour), "203.0.113.50", "101", "0"), ""},
		{"a guessed password", strings.Repeat(refused(now.Add(-2*time.Hour), "203.0.113.91", "201"), 6) + loggedIn(now.Add(-time.Hour), "203.0.113.91", "201", "1"), ""},
		{"in the future", loggedIn(now.Add(time.Hour), "203.0.113.50", "101", "1"), ""},
		{"a long log, of which the end counts", loggedIn(now.Add(-2*time.Hour), "203.0.113.51", "102", "1") +
			strings.Repeat(loggedIn(now.Add(-time.Hour), "203.0.113.52", "103", "0"), oldLog/200) +
			loggedIn(now.Add(-time.Minute), "203.0.113.50", "101", "1"), "101 203.0.113.50"},
	} {
		path := filepath.Join(t.TempDir(), "security")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		judge := jails.NewJudge(nil, jails.NewGuard(nil, nil), book.NewBook(nil, nil), 1, true)
		err := hearOldLog(context.Background(), path, judge, 0, now)
		var got []string
		for _, h := range judge.Home.Homes() {
			got = append(got, h.Account+" "+h.Addr.String())
		}
		if err != nil || strings.Join(got, ", ") != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	judge := jails.NewJudge(nil, jails.NewGuard(nil, nil), book.NewBook(nil, nil), 1, true)
	if err := hearOldLog(context.Background(), filepath.Join(t.TempDir(), "none"), judge, 0, now); err == nil {
		t.Error("no file: got no error")
	}
	if err := hearOldLog(context.Background(), t.TempDir(), judge, 0, now); err != nil {
		t.Errorf("a folder: got %v", err)
	}
}

func TestYoungUntil(t *testing.T) {
	now := time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]time.Duration{0: time.Hour, 40 * time.Minute: 20 * time.Minute, -time.Hour: time.Hour, time.Hour: -1, 90 * 24 * time.Hour: -1} {
		got := youngUntil(now.Add(-ago), now)
		if want < 0 != got.IsZero() || want >= 0 && !got.Equal(now.Add(want)) {
			t.Errorf("born %v ago: got until %v, want in %v", ago, got, want)
		}
	}
}

// A phone that is registered, and one that an old log tells of, are at home before they
// register again.
func TestFirstHomesHold(t *testing.T) {
	now := time.Now()
	judge := jails.NewJudge(nil, jails.NewGuard(nil, nil), book.NewBook(nil, nil), 1000, false)
	judge.Home.LearnHomes([]home.Home{
		{Addr: netip.MustParseAddr("203.0.113.50"), Account: "101", Service: parsers.PJSIP, First: now, Last: now, Times: 1},
		{Addr: netip.MustParseAddr("127.0.0.1"), Account: "101", Service: parsers.PJSIP, First: now, Last: now, Times: 1},
	}, now)
	if got := judge.Home.UnsavedHomes(10); len(got) != 1 || got[0].Latest != got[0].Addr {
		t.Errorf("got %+v for the database, want the one", got)
	}
	if got := judge.Home.LoggedIn(now); len(got) != 1 {
		t.Errorf("got %v at home, want one", got)
	}
}
