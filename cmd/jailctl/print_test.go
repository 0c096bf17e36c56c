package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

var update = flag.Bool("update", false, "write the golden files again")

// hostile is what an attacker would send to a terminal: ESC, a second line, CR, backspace, NUL, DEL,
// C1 as UTF-8 and as a bare byte, bidi override and isolate, zero width, a
// line separator, a look-alike, an emoji, a tag, and bytes that are no UTF-8.
const hostile = "\x1b[2J\x1b]0;pwned\a a\nb\rc\bd\x00\x7f\u009b31m\x9b\u202e\u2066\u200b\u2028\u0430\U0001f600\U000e0041\xff\xfe\t\v\f%s%n"

// terminalSafe reports whether text is printable ASCII and newlines.
func terminalSafe(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') })
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"plain text, 100 %": "plain text, 100 %",
		`quoted \x1b[2J`:    `quoted \x1b[2J`,
		"\x1b[2J":           `\x1b[2J`,
		"a\nb\rc\td":        `a\nb\rc\td`,
		"\x00\x7f\x9b":      `\x00\x7f\ufffd`,
		"\u009b31m":         `\u009b31m`,
		"\u202eevil\u2066":  `\u202eevil\u2066`,
		"\U000e0041":        `\U000e0041`,
		"b\u00fcro":         `b\u00fcro`,
		"'\"\\":             `'"\`,
	} {
		if got := show.Terminal(in); got != want {
			t.Errorf("%+q: got %+q, want %+q", in, got, want)
		}
	}
}

func FuzzSafe(f *testing.F) {
	f.Add(hostile)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got := show.Terminal(text)
		if !terminalSafe(got) || strings.Contains(got, "\n") {
			t.Errorf("got %+q, want one line of printable ASCII", got)
		}
		if show.Terminal(got) != got {
			t.Errorf("got %+q and then %+q, want safe text left alone", got, show.Terminal(got))
		}
		if plain := terminalSafe(text) && !strings.Contains(text, "\n"); plain && got != text {
			t.Errorf("got %q, want %q as it is", got, text)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add(hostile)
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		if err := (&app{stdout: &out}).emit(text); err != nil {
			t.Fatal(err)
		}
		if !terminalSafe(out.String()) {
			t.Errorf("got %+q, want ASCII", out.String())
		}
		var back string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") && !strings.Contains(back, "\ufffd") {
			t.Errorf("got back %+q, %v, want %+q", back, err, text)
		}
	})
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour:                   "0s",
		0:                            "0s",
		47 * time.Second:             "47s",
		90 * time.Second:             "1m30s",
		5 * time.Minute:              "5m",
		47*time.Minute + time.Second: "47m",
		time.Hour:                    "1h",
		10 * time.Hour:               "10h",
		90*time.Minute + time.Second: "1h30m",
		76 * time.Hour:               "3d4h",
		240 * time.Hour:              "10d",
		28*24*time.Hour - 1:          "27d23h",
	} {
		if got := show.Brief(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

// golden compares with testdata/golden/NAME.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func ban(prefix string, since, left time.Duration) control.Ban {
	b := control.Ban{Ports: "sip", Prefix: netip.MustParsePrefix(prefix), Jail: "guessing", Since: t0.Add(-since), Strike: 1, Evidence: "seen",
		By: "log", Reason: "6 points within 10m, maxretry 5; country NL x2", Country: "NL", Packets: 1234, Bytes: 567890}
	if left > 0 {
		b.LeftSeconds = int64(left / time.Second)
		b.Until = control.Moment(t0.Add(left))
	}
	return b
}

func sampleStatus() control.Status {
	read := func(path string, lines, records, matched, doubtful uint64, behind int64) control.File {
		last := control.Moment(t0.Add(-2 * time.Second))
		return control.File{Path: path, Offset: 4096, Size: 4096 + behind, LastLine: last, Lines: lines, Records: records, Matched: matched, Doubtful: doubtful, LastRecord: last}
	}
	return control.Status{
		Version: "0.1.0", Pid: 812, Since: t0.Add(-3*time.Hour - 12*time.Minute),
		Enforcer: "ipset, raw PREROUTING, v4 only", Enforcing: true, Bans: 2, Countries: []control.Country{{Code: "NL", Bans: 1}, {Bans: 1}},
		Problems: []control.Problem{
			{About: "IPv6", What: "IPv6: packets of banned IPv6 addresses pass: ip6tables is not installed", Hint: "apt-get install iptables; then: systemctl restart pbxjail"},
			{About: "log /var/log/asterisk/security", What: "log /var/log/asterisk/security: this log does not exist, so pbxjail sees no attacks in this log. By /etc/asterisk/logger.conf:5, Asterisk should write security there",
				Hint: "run: asterisk -rx 'logger reload'; pbxjail reads the log as soon as the log exists. If there is still no log, let Asterisk write to the folder: chown asterisk /var/log/asterisk"},
			{About: "jail manager", What: "jail manager does not run, because its file has a mistake: /etc/pbxjail.d/manager.yaml:3: unknown key \"maxrety\"", Hint: "did you mean maxretry? After the correction: jailctl reload"},
		},
		Files: []control.File{
			read("/var/log/asterisk/full", 123456, 120000, 345, 6, 100),
			{Path: "/var/log/asterisk/security", Problem: "not there yet"},
		},
		Jails: []control.Jail{
			{Name: "guessing", Enabled: true, Logs: []string{"/var/log/asterisk/full", "/var/log/asterisk/security*"}, Tracked: 12,
				Banned: 2, Events: 396, Maxretry: 5, Findtime: 600, Bantime: 3600},
			{Name: "trial", Enabled: true, Observe: true, Logs: []string{"/var/log/asterisk/full"}, Tracked: 4, Events: 40, Maxretry: 2.5, Findtime: 90, Bantime: 0},
			{Name: "manager", Problem: "/etc/pbxjail.d/manager.yaml:3: unknown key \"maxrety\"", Maxretry: 5, Findtime: 600, Bantime: 3600},
		},
		Wire: control.Wire{Enabled: true, Complete: control.Moment(t0.Add(-3 * time.Hour)), Packets: 81234, Events: 57, Sampled: 12, Forged: 3},
		GeoIP: control.GeoIP{Files: []control.GeoIPFile{
			{Path: "/var/lib/pbxjail/geoip/asn.mmdb", Says: "asn", AgeDays: 1}, {Embedded: true, Says: "country", AgeDays: 23}}},
		Counters: control.Counters{Lines: 123456, Matched: 345, Ambiguous: 6, Signals: 78, Bans: 9, Unbans: 1},
	}
}

func sampleWhy() control.Why {
	b := ban("203.0.113.7/32", 12*time.Minute, 108*time.Minute)
	b.Strike, b.Reason = 2, "7 points within 10m, maxretry 5; country NL x2, feed scanners x1.5"
	old := ban("203.0.113.7/32", 26*time.Hour, 0)
	old.Until, old.Ports = control.Moment(t0.Add(-25*time.Hour)), "sip"
	factors := []control.WhyFactor{{Name: "country", Note: "country NL", By: 2, Text: "country NL x2"}, {Name: "feed", Note: "feed scanners", By: 1.5, Text: "feed scanners x1.5"}}
	line := func(before time.Duration, call string) control.WhyLine {
		return control.WhyLine{Time: t0.Add(-before), Jail: "guessing", Rule: "J1 pjsip request", Evidence: "seen", Base: 1, Points: 3, Counts: 3, Factors: factors,
			File: "/var/log/asterisk/full", Text: "NOTICE[812] res_pjsip.c: Request 'INVITE' from 'sip:100@203.0.113.7' failed for '203.0.113.7:5060' (callid: " + call + ") - No matching endpoint found"}
	}
	later := line(5*time.Minute, "a4")
	sum := control.Sum{Score: 7, Maxretry: 5, Within: 600, Rest: 1, Earlier: 1, Retold: 1}
	return control.Why{Addr: netip.MustParseAddr("203.0.113.7"), Banned: &b, Consulted: []string{"the 3 addresses of this machine", "ignoreip (entries: 1)"},
		Jails: []control.WhyJail{{Name: "guessing", Score: 3, Maxretry: 5, Findtime: 600, NextBan: 14400, Slow: &control.Sum{Score: 3, Maxretry: 20, Within: 259200},
			Window: []control.WhyLine{later}}},
		Place: control.Place{Country: "NL", ASN: 64500, Org: "Example", Network: netip.MustParsePrefix("203.0.113.0/24")}, Feeds: []string{"scanners x1.5"},
		Strikes: 1, LastBan: old.Until, Sum: &sum, Lines: []control.WhyLine{line(12*time.Minute+9*time.Second, "a2"), line(12*time.Minute, "a3")},
		History: []control.Ban{b, old}, Ends: "in 1h48m, or with: jailctl unban 203.0.113.7"}
}

// sampleCalls is an account at a critical limit.
func sampleCalls(barred *time.Time, running int) control.Calls {
	return control.Calls{Enabled: true, Accounts: []control.CallAccount{{
		Account: "201", Level: "critical", Running: running, Last: control.Moment(t0.Add(-2 * time.Minute)), Known: 5,
		Countries: []control.CallPlace{{Country: "IL", Calls: 9}, {Country: "PS", Calls: 1}},
		Case:      &control.CallCase{At: t0.Add(-12 * time.Minute), What: "10 calls abroad within one minute", Barred: barred},
	}}}
}

// stuckBecause is a problem of the firewall, as the daemon words it.
const stuckBecause = "some bans may not be in the firewall: cannot change chain pbxjail: iptables-restore: exit status 4: Another app is currently holding the xtables lock"

func TestGolden(t *testing.T) {
	pending := ban("198.51.100.0/24", 26*time.Hour, 76*time.Hour)
	pending.Ports, pending.Pending, pending.Country, pending.Strike, pending.Packets, pending.Bytes = "all", true, "", 3, 0, 0
	pending.Reason = "9 points of 4 addresses within 10m, maxretry 5"
	known := *sampleWhy().Banned
	byHand := ban("192.0.2.66/32", 5*time.Second, 0)
	byHand.Jail, byHand.By, byHand.Reason, byHand.Evidence, byHand.Ports, byHand.Country = "manual", "root", "banned by root", "", "all", ""
	byHand.Packets, byHand.Bytes = 3, 1380
	for name, print := range map[string]func(*app) error{
		"status.txt": func(a *app) error { return a.printStatus(sampleStatus()) },
		"list.txt": func(a *app) error {
			p := banPrinter{app: a, begin: func() {}, cause: func() string { return stuckBecause }}
			for _, b := range []control.Ban{pending, known, byHand} {
				if err := p.ban(&b); err != nil {
					return err
				}
			}
			return p.end()
		},
		"why.txt": func(a *app) error { return a.printWhy(sampleWhy(), "", "/etc/pbxjail.d/guessing.yaml") },
		"why-stranger.txt": func(a *app) error {
			return a.printWhy(control.Why{Addr: netip.MustParseAddr("2001:db8::1"), Consulted: []string{"the 3 addresses of this machine", "ignoreip (entries: 0)"},
				Ends: "5 more points in jail guessing within 10m would ban this address for 1h"}, "", "")
		},
		"why-forced.txt": func(a *app) error {
			b := ban("198.51.100.1/32", 12*time.Minute, 48*time.Minute)
			b.Jail, b.By, b.Reason, b.Evidence, b.Ports = "manual", "root", "banned by root", "", "all"
			return a.printWhy(control.Why{Addr: b.Prefix.Addr(), Banned: &b, Protected: "peer of Asterisk, pjsip.conf:12", Ends: "in 48m, or with: jailctl unban 198.51.100.1"}, "", "")
		},
		"why-account.txt":        func(a *app) error { return a.printAccount(sampleCalls(nil, 3)) },
		"why-account-barred.txt": func(a *app) error { return a.printAccount(sampleCalls(control.Moment(t0.Add(-time.Minute)), 0)) },
		"top.txt":                func(a *app) error { return (&screen{app: a, client: &steady{}, most: 10}).once(t.Context()) },
		"top-nothing.txt":        func(a *app) error { return printTop(a.stdout, control.Top{}, true) },
		"feeds.txt":              func(a *app) error { return a.printFeeds(sampleFeeds()) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := print(&app{stdout: &out, utc: true, now: func() time.Time { return t0 }}); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

// TestHostileDaemon gives every string that a daemon can send to the terminal,
// through every verb.
func TestHostileDaemon(t *testing.T) {
	f := newFake()
	b := control.Ban{Ports: hostile, Prefix: netip.MustParsePrefix("203.0.113.7/32"), Jail: hostile, Country: hostile, Evidence: hostile, By: hostile, Reason: hostile}
	line := control.WhyLine{Jail: hostile, Rule: hostile, Evidence: hostile, File: hostile, Text: hostile, Factors: []control.WhyFactor{{Name: hostile, Note: hostile, Text: hostile}}}
	f.bans[b.Prefix] = b
	f.status = control.Status{Version: hostile, Enforcer: hostile, Countries: []control.Country{{Code: hostile, Bans: 1}}, Problems: []control.Problem{{What: hostile, Hint: hostile}},
		Files: []control.File{{Path: hostile, Problem: hostile}},
		Wire:  control.Wire{Enabled: true, Problem: hostile, Hint: hostile, Interfaces: []string{hostile}},
		GeoIP: control.GeoIP{Files: []control.GeoIPFile{{Path: hostile, Type: hostile, Says: hostile}}},
		Jails: []control.Jail{{Name: hostile, File: hostile, Logs: []string{hostile}, Problem: hostile}}}
	f.why = control.Why{Protected: hostile, LoggedIn: hostile, DroppedBy: []string{hostile}, Consulted: []string{hostile}, Feeds: []string{hostile}, Ends: hostile,
		Place: control.Place{Country: hostile, ASN: 1, Org: hostile}, Lines: []control.WhyLine{line}, History: []control.Ban{b},
		Jails: []control.WhyJail{{Name: hostile, Window: []control.WhyLine{line}}}}
	f.feeds = []control.Feed{{Name: hostile, Source: hostile, Format: hostile, Use: hostile, Enabled: true, Problem: hostile, Hint: hostile,
		Notes: []control.FeedNote{{Line: 1, What: hostile}}}}
	rows := []control.TopRow{{Key: hostile, LastMinute: 1, LastTen: 2, Points: 2, Error: 1}}
	f.top = control.Top{Jails: rows, Countries: rows, Accounts: rows, Addresses: rows}
	f.version, f.refusal = hostile, control.Refuse(409, hostile, "%s", hostile)
	path := serveTest(t, f)
	for _, args := range []string{
		"status", "list", "top", "top --every " + hostile, "feeds", "feeds check " + hostile, "why 203.0.113.7", "version", "reload", "ban 203.0.113.9", "unban 203.0.113.9", "unban --all",
		"list " + hostile, hostile, "--" + hostile, "ban " + hostile, "ban 203.0.113.7 --for " + hostile, "completion " + hostile,
	} {
		for _, more := range [][]string{nil, {"--json"}} {
			var stdout, stderr bytes.Buffer
			verb, arg, _ := strings.Cut(args, " ")
			line := append([]string{"--socket", path}, more...)
			line = append(line, verb)
			if arg != "" {
				line = append(line, arg)
			}
			status := run(line, strings.NewReader(""), &stdout, &stderr)
			if !terminalSafe(stdout.String()) || !terminalSafe(stderr.String()) {
				t.Errorf("%+q: got %+q and %+q, want nothing a terminal obeys", line, stdout.String(), stderr.String())
			}
			if stdout.Len()+stderr.Len() == 0 || status != exitDone && stdout.Len() > 0 {
				t.Errorf("%+q: got status %d, stdout %q, stderr %q", line, status, stdout.String(), stderr.String())
			}
		}
	}
}

func TestFullDisk(t *testing.T) {
	path := serveTest(t, newFake())
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	for _, args := range [][]string{{"status"}, {"top"}, {"list"}, {"list", "--json"}, {"version"}, {"--help"}, {"completion", "bash"}} {
		var stderr bytes.Buffer
		if got := run(append(args, "--socket", path), strings.NewReader(""), io.Writer(full), &stderr); got != exitFailed {
			t.Errorf("%s: got exit status %d, want %d: %s", args, got, exitFailed, stderr.String())
		}
	}
}
