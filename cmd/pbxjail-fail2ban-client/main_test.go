package main

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
)

// serveDaemon is a daemon with two jails and two bans, which remembers what it is asked for.
func serveDaemon(t *testing.T) (ask *control.Client, asked *[]string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	asked = new([]string)
	note := func(words ...string) { *asked = append(*asked, strings.Join(words, " ")) }
	since := time.Date(2026, 11, 26, 12, 0, 0, 0, time.Local)
	until := since.Add(10 * time.Minute)
	bans := []control.Ban{
		{Prefix: netip.MustParsePrefix("203.0.113.9/32"), Jail: "guessing", Since: since, Until: &until},
		{Prefix: netip.MustParsePrefix("2001:db8::/64"), Jail: "scanning", Since: since},
		{Prefix: netip.MustParsePrefix("203.0.113.10/32"), Jail: "door", Since: since, Until: &until},
		{Prefix: netip.MustParsePrefix("203.0.113.11/32"), Jail: "guessing", Since: since, Until: &until, Observed: true},
	}
	s := control.New(control.Options{Path: filepath.Join(dir, "s"), Handlers: []control.Handler{
		control.Handle(control.CallStatus, func(control.None, string) (control.Status, error) {
			return control.Status{Version: "1.2.3", Jails: []control.Jail{
				{Name: "guessing", Enabled: true, Logs: []string{"/var/log/asterisk/full"}, Tracked: 3, Events: 40, Maxretry: 5, Findtime: 600, Bantime: 3600},
				{Name: "scanning", Enabled: true, Logs: []string{"/var/log/asterisk/full"}, Tracked: 1, Events: 2, Maxretry: 2.5, Findtime: 600},
				{Name: "door", Enabled: true, Logs: []string{"/var/log/door.log"}, Maxretry: 3, Findtime: 60},
				{Name: "sshd"},
			}}, nil
		}),
		control.HandleEach(control.CallBans, func(_ control.BansRequest, send func(*control.Ban) error) error {
			for _, b := range bans {
				if err := send(&b); err != nil {
					return err
				}
			}
			return nil
		}),
		control.Handle(control.CallAllowed, func(control.None, string) ([]control.Allowed, error) {
			return []control.Allowed{{What: "192.0.2.0/24"}}, nil
		}),
		control.Handle(control.CallProtected, func(control.ProtectedRequest, string) ([]control.Protected, error) {
			return []control.Protected{{Prefix: netip.MustParsePrefix("127.0.0.0/8"), Why: "ignoreip 127.0.0.0/8"}, {Prefix: netip.MustParsePrefix("192.0.2.1/32"), Why: "own address"}}, nil
		}),
		control.Handle(control.CallBan, func(q control.BanRequest, _ string) (control.Ban, error) {
			note("ban", q.Prefix.String(), q.Jail)
			return control.Ban{Prefix: q.Prefix}, nil
		}),
		control.Handle(control.CallUnban, func(q control.UnbanRequest, _ string) (control.UnbanAnswer, error) {
			if q.All {
				note("unban all")
				return control.UnbanAnswer{Lifted: 3}, nil
			}
			note("unban", q.Prefix.String())
			return control.UnbanAnswer{Lifted: 1}, nil
		}),
		control.Handle(control.CallAllow, func(q control.AllowRequest, _ string) (control.AllowAnswer, error) {
			note("allow", q.Prefix.String(), q.Host)
			return control.AllowAnswer{}, nil
		}),
		control.Handle(control.CallDisallow, func(q control.DisallowRequest, _ string) (control.DisallowAnswer, error) {
			note("disallow", q.What)
			return control.DisallowAnswer{Was: true}, nil
		}),
		control.Handle(control.CallReload, func(control.None, string) (control.Reloaded, error) { note("reload"); return control.Reloaded{}, nil }),
	}})
	if _, err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; os.RemoveAll(dir) })
	return control.NewClient(filepath.Join(dir, "s")), asked
}

func TestWords(t *testing.T) {
	const ignored = "These IP addresses/networks are ignored:\n|- 127.0.0.0/8\n`- 192.0.2.0/24\n"
	for _, c := range []struct {
		args, out string
		asked     string // what the daemon is asked to change
	}{
		{"ping", "Server replied: pong\n", ""},
		{"version", "1.2.3\n", ""},
		{"-s /run/x status", "Status\n|- Number of jail:\t2\n`- Jail list:\tasterisk, door\n", ""},
		{"status asterisk", "Status for the jail: asterisk\n|- Filter\n|  |- Currently failed:\t4\n|  |- Total failed:\t42\n|  `- File list:\t/var/log/asterisk/full\n`- Actions\n   |- Currently banned:\t2\n   |- Total banned:\t2\n   `- Banned IP list:\t203.0.113.9 2001:db8::/64\n", ""},
		{"status door", "Status for the jail: door\n|- Filter\n|  |- Currently failed:\t0\n|  |- Total failed:\t0\n|  `- File list:\t/var/log/door.log\n`- Actions\n   |- Currently banned:\t1\n   |- Total banned:\t1\n   `- Banned IP list:\t203.0.113.10\n", ""},
		{"get asterisk-iptables banip", "203.0.113.9 2001:db8::/64\n", ""},
		{"get asterisk banip ,", "203.0.113.9,2001:db8::/64\n", ""},
		{"get asterisk banip --with-time", "203.0.113.9 \t2026-11-26 12:00:00 + 600 = 2026-11-26 12:10:00\n2001:db8::/64 \t2026-11-26 12:00:00 + -1 = 9999-12-31 23:59:59\n", ""},
		{"get guessing maxretry", "5\n", ""},
		{"get guessing findtime", "600\n", ""},
		{"get guessing bantime", "3600\n", ""},
		{"get scanning bantime", "-1\n", ""},
		{"get door ignoreip", ignored, ""},
		{"set door banip 203.0.113.10", "0\n", ""},
		{"set door banip 203.0.113.12 2001:db8::7", "2\n", "ban 203.0.113.12/32 door; ban 2001:db8::7/128 door"},
		{"set door unbanip --report-absent 203.0.113.10", "1\n", "unban 203.0.113.10/32"},
		{"unban 203.0.113.9 203.0.113.10", "2\n", "unban 203.0.113.9/32; unban 203.0.113.10/32"},
		{"unban --all", "3\n", "unban all"},
		{"set asterisk addignoreip 198.51.100.0/24", ignored, "allow 198.51.100.0/24"},
		{"set asterisk addignoreip office.example.net", ignored, "allow invalid Prefix office.example.net"},
		{"set asterisk delignoreip 198.51.100.7", ignored, "disallow 198.51.100.7"},
		{"reload", "OK\n", "reload"},
	} {
		t.Run(c.args, func(t *testing.T) {
			ask, asked := serveDaemon(t)
			var out, complaint bytes.Buffer
			if code := run(t.Context(), strings.Fields(c.args), ask, &out, &complaint); code != 0 {
				t.Fatalf("exit %d: %s", code, complaint.String())
			}
			if out.String() != c.out {
				t.Errorf("got  %q\nwant %q", out.String(), c.out)
			}
			if got := strings.TrimSpace(strings.Join(*asked, "; ")); got != c.asked {
				t.Errorf("asked %q, want %q", got, c.asked)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	ask, asked := serveDaemon(t)
	for args, want := range map[string]string{
		"status nope":              "Sorry but the jail 'nope' does not exist",
		"status sshd":              "does not exist", // it is off
		"get door usedns":          "Invalid command",
		"set door bantime 5":       "Invalid command",
		"dance":                    "Invalid command",
		"set door banip nonsense":  "is not an address",
		"unban nonsense":           "is not an address",
		"set door addignoreip a;b": "a;b",
		"get no\x1b[2Je banip":     "does not exist",
	} {
		var out, complaint bytes.Buffer
		if code := run(t.Context(), strings.Split(args, " "), ask, &out, &complaint); code != exitFailed || !strings.Contains(out.String(), want) || !strings.Contains(complaint.String(), want) {
			t.Errorf("%q: exit %d, %q, %q", args, code, out.String(), complaint.String())
		}
		if said := out.String() + complaint.String(); strings.Contains(said, "\x1b") {
			t.Errorf("%q: a terminal obeys %q", args, said)
		}
	}
	if len(*asked) > 0 {
		t.Errorf("asked %q", *asked)
	}
	var out, complaint bytes.Buffer
	if code := run(t.Context(), []string{"ping"}, control.NewClient(filepath.Join(t.TempDir(), "none")), &out, &complaint); code != exitFailed || strings.Contains(out.String(), "pong") {
		t.Errorf("without a daemon: exit %d, %q", code, out.String())
	}
}
