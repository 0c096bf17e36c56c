package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/logs"
	"pbxjail/cmd/internal/survey"
	"pbxjail/configs"
	"pbxjail/configs/fail2ban"
	"pbxjail/configs/hint"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// healthy are the files of an Asterisk that nothing is wrong with.
var healthy = map[string]string{
	"logger.conf":     "[general]\ndateformat=%F %T\n[logfiles]\nmessages => notice,warning,error\nsecurity => security\nfull.json => [json]notice,security\n",
	"sip.conf":        "[general]\ncontext=in\nallowguest=no\n",
	"pjsip.conf":      "[global]\ntype=global\ndebug=no\n[201]\ntype=endpoint\ncontext=phones\n",
	"iax.conf":        "[general]\nauthdebug=yes\n[2001]\ntype=friend\nsecret=x\ncontext=phones\n",
	"extensions.conf": "[in]\nexten => _X.,1,Hangup()\n[phones]\nexten => _X.,1,Dial(PJSIP/trunk/${EXTEN})\n",
}

// env is the environment of such an Asterisk, with other files by name and text.
func env(t *testing.T, changed map[string]string) *Env {
	t.Helper()
	dir := t.TempDir()
	for name, text := range healthy {
		if other, ok := changed[name]; ok {
			text = other
		}
		write(t, filepath.Join(dir, name), text)
	}
	for name, text := range changed {
		write(t, filepath.Join(dir, name), text)
	}
	checked := t0.Add(-time.Hour)
	e := &Env{
		Now: t0, Root: os.DirFS("/"), Folders: []string{dir}, Found: survey.Found{Asterisk: "16.28.0"}, Logs: logs.Find([]string{dir}, "pbx"),
		Main: &configs.Main{File: "/etc/pbxjail/pbxjail.yaml", Chain: "pbxjail", Hook: "raw", Feeds: []configs.Feed{{Name: "bad", Interval: time.Hour}}},
		Status: &control.Status{
			Version: "1", Enforcing: true, Enforcer: "ipset", Bans: 2, MaxBans: 500_000, MaxAddresses: 1000,
			Files: []control.File{{Path: "/var/log/asterisk/messages", LastLine: &checked}},
			Jails: []control.Jail{{Name: "guessing", Enabled: true, Tracked: 10}}, GeoIP: control.GeoIP{Files: []control.GeoIPFile{{Says: "country", AgeDays: 400}}},
		},
		Feeds: []control.Feed{{Name: "bad", Enabled: true, Checked: &checked, Next: &t0}},
		Tails: []Tail{{"/var/log/asterisk/messages", "[2026-01-02 03:04:00] NOTICE[1] x.c: y\n", t0.Add(-5 * time.Second)}},
		Hooks: []Hook{{"iptables", "raw", "PREROUTING", []string{"-A PREROUTING -j pbxjail", "-A PREROUTING -j ACCEPT"}}},
		Sets:  []Set{{"pbxjail4", 3, 1 << 20}}, Disks: []Disk{{"/var/lib/pbxjail", "the database", 50 << 30, 100 << 30, 900_000, 1_000_000}},
		Caller: netip.MustParseAddr("192.0.2.9"), Guarded: "an admin", Clock: Clock{true, true},
	}
	return e
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestHealthy(t *testing.T) {
	for _, f := range findings.Run(env(t, nil), Checks()).Findings {
		if f.Severity > findings.Note {
			t.Errorf("got %+v, want nothing worse than a note", f)
		}
	}
}

// TestNothingKnown: a machine of which nothing is known has no daemon, and no other fault.
func TestNothingKnown(t *testing.T) {
	r := findings.Run(&Env{Now: t0}, Checks())
	if len(r.Findings) != 1 || r.Findings[0].Check != "daemon" || r.Worst() != findings.Broken {
		t.Errorf("got %+v", r.Findings)
	}
}

// TestFaults plants one fault after another. Each is found by its check, with what to do,
// and no other check finds one.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault string
		check string
		want  findings.Severity
		files map[string]string
		plant func(*Env)
		says  string // in the finding
	}{
		{"no daemon", "daemon", findings.Broken, nil, func(e *Env) {
			e.Status, e.NoDaemon, e.Feeds = nil, hint.Add("start it", errors.New("no daemon answers at x")), nil
		}, "no daemon answers at x"},
		{"observes", "enforcing", findings.Broken, nil, func(e *Env) { e.Status.Enforcing, e.Status.Enforcer = false, "observe, nothing is dropped" }, "observe: false"},
		{"off", "enforcing", findings.Broken, nil, func(e *Env) { e.Status.Enforcing, e.Status.Off = false, &control.Off{} }, "jailctl on"},
		{"ledger", "reported", findings.Broken, nil, func(e *Env) { e.Status.Problems = []control.Problem{{What: "ledger: x", Hint: "h"}} }, "ledger: x"},
		{"silent log", "reported", findings.Blind, nil, func(e *Env) {
			e.Status.Problems = []control.Problem{{About: "log /l", What: "/l: silent", Hint: "h"}}
		}, "silent"},
		{"unreadable log", "logs", findings.Blind, nil, func(e *Env) { e.Status.Files[0].Problem = "permission denied" }, "permission denied"},
		{"no log", "logs", findings.Blind, nil, func(e *Env) { e.Status.Files = nil }, "sees no attacks"},
		{"no security", "security-channel", findings.Blind, map[string]string{"logger.conf": "[logfiles]\nconsole => security\nmessages => notice\n"}, nil, "logger.conf:2: console => security"},
		{"security to syslog", "security-channel", findings.Blind, map[string]string{"logger.conf": "[logfiles]\nmessages => notice\nsyslog.local0 => security\n"}, nil, "only to syslog.local0"},
		{"json alone", "json", findings.Risky, map[string]string{"logger.conf": "[logfiles]\nfull => [json]notice,security\n"}, nil, "logger.conf:2: full => [json]notice,security"},
		{"short queue", "logger-queue", findings.Risky, map[string]string{"logger.conf": strings.Replace(healthy["logger.conf"], "[logfiles]", "logger_queue_limit=50\n[logfiles]", 1)}, nil, "logger.conf:3: logger_queue_limit = 50"},
		{"records discarded", "logger-queue", findings.Blind, nil, func(e *Env) {
			e.Tails[0].Text += "[2026-01-02 03:04:01] WARNING[7] logger.c: ***: Logging resumed.  15 messages discarded.\n"
		}, "15 messages discarded"},
		{"sipdebug", "debug", findings.Risky, map[string]string{"sip.conf": "[general]\nallowguest=no\nsipdebug=yes\n"}, nil, "sip.conf:3: sipdebug = yes"},
		{"pjsip debug", "debug", findings.Risky, map[string]string{"pjsip.conf": "[global]\ntype=global\ndebug=192.0.2.1\n"}, nil, "pjsip.conf:3"},
		{"pjproject", "debug", findings.Risky, map[string]string{"pjproject.conf": "[log_mappings]\ntype=log_mappings\nasterisk_verbose=3,4,5\n"}, nil, "pjproject.conf:3"},
		{"packets in the log", "debug", findings.Risky, nil, func(e *Env) {
			e.Tails[0].Text = "[2026-01-02 03:04:00] VERBOSE[7] res_pjsip_logger.c: <--- Received SIP request (300 bytes) from UDP:192.0.2.1:5060 --->\n" + e.Tails[0].Text
		}, "pjsip set logger off"},
		{"packets of chan_sip in the log", "debug", findings.Risky, nil, func(e *Env) {
			e.Tails[0].Text = "[2026-01-02 03:04:00] VERBOSE[7] chan_sip.c: \n<--- SIP read from UDP:192.0.2.1:5060 --->\nOPTIONS sip:a SIP/2.0\n" + e.Tails[0].Text
		}, "sip set debug off"},
		{"zone", "clock", findings.Risky, nil, func(e *Env) { e.Tails[0].Text = "[2026-01-01 22:04:00] NOTICE[1] x.c: y\n" }, "5h"},
		{"zone of the daemon", "clock", findings.Risky, nil, func(e *Env) { e.Status.ZoneOffset = new(9 * 3600) }, "9h"},
		{"authdebug", "authdebug", findings.Blind, map[string]string{"iax.conf": "[general]\n[2001]\ntype=friend\nsecret=x\n"}, nil, "iax.conf: authdebug is missing"},
		{"authdebug=no", "authdebug", findings.Blind, map[string]string{"iax.conf": "[general]\nauthdebug=no\n[2001]\ntype=friend\nsecret=x\n"}, nil, "iax.conf:2: authdebug = no"},
		{"refused jail", "jails", findings.Broken, nil, func(e *Env) {
			e.Status.Jails = append(e.Status.Jails, control.Jail{Name: "x", Problem: "line 3"})
			e.Status.Problems = []control.Problem{{About: "jail x", What: "jail x does not run: line 3", Hint: "correct it"}}
		}, "line 3"},
		{"no jail", "jails", findings.Broken, nil, func(e *Env) { e.Status.Jails = nil }, "no jail runs"},
		{"no table", "geoip", findings.Blind, nil, func(e *Env) { e.Status.GeoIP.Files = nil }, "geoip update"},
		{"old table", "geoip", findings.Risky, nil, func(e *Env) { e.Main.GeoIP.Block = []string{"KP"} }, "pbxjail.yaml: geoip"},
		{"old table of a jail", "geoip", findings.Risky, nil, func(e *Env) {
			e.Jails = []*configs.Jail{{File: "/j.yaml", Places: configs.PlaceRules{Home: []string{"GB"}}}}
		}, "/j.yaml: geoip"},
		{"a real account as a trap", "traps", findings.Risky, nil, func(e *Env) { e.Main.Traps.Accounts = []configs.TrapName{"9999", "2001"} }, "iax.conf:4: [2001]"},
		{"stale feed", "feeds", findings.Blind, nil, func(e *Env) { old := t0.Add(-4 * time.Hour); e.Feeds[0].Checked = &old }, "4h ago"},
		{"feed without answer", "feeds", findings.Blind, nil, func(e *Env) { e.Feeds[0].Problem = "404" }, "404"},
		{"bans", "room", findings.Risky, nil, func(e *Env) { e.Status.Bans = 450_000 }, "450000 of 500000"},
		{"addresses", "room", findings.Risky, nil, func(e *Env) { e.Status.Jails[0].Tracked = 950 }, "950 of 1000"},
		{"heard", "room", findings.Risky, nil, func(e *Env) { e.Sets = append(e.Sets, Set{"pbxjail_sip4", 15_000, 16_384}) }, "15000 of 16384"},
		{"rule before", "firewall-order", findings.Broken, nil, func(e *Env) { slices.Reverse(e.Hooks[0].Rules) }, "rule 1: -A PREROUTING -j ACCEPT"},
		{"docker-proxy", "docker", findings.Risky, nil, func(e *Env) { e.Proxies = []Proxy{{"7", 5060, "udp"}} }, "port 5060/udp"},
		{"fail2ban", "fail2ban", findings.Risky, nil, func(e *Env) {
			e.Found.Fail2ban.Running = true
			e.Fail2ban = []fail2ban.Jail{{Name: "asterisk", Logs: []string{"/var/log/asterisk/mess*"}}, {Name: "sshd", Logs: []string{"/var/log/auth.log"}}}
		}, "jail asterisk of fail2ban reads /var/log/asterisk/messages"},
		{"ssh", "ssh", findings.Risky, nil, func(e *Env) { e.Guarded = "" }, "jailctl allow 192.0.2.9"},
		{"alwaysauthreject", "alwaysauthreject", findings.Risky, map[string]string{"sip.conf": "[general]\nallowguest=no\nalwaysauthreject=no\n"}, nil, "sip.conf:3: alwaysauthreject = no"},
		{"guests of chan_sip", "guests", findings.Risky, map[string]string{"sip.conf": "[general]\ncontext=phones\n"}, nil, "extensions.conf:4: Dial(PJSIP/trunk/${EXTEN})"},
		{"guests of PJSIP", "guests", findings.Risky, map[string]string{"pjsip.conf": "[anonymous]\ntype=endpoint\ncontext=in\n",
			"extensions.conf": "[in]\ninclude => more,09:00-17:00\n[more]\nexten => _X.,1,Goto(out,${EXTEN},1)\n[out]\nexten => _X.,1,Dial(PJSIP/${EXTEN:1}@trunk)\n"}, nil, "extensions.conf:6"},
		{"guests of PJSIP, by FreePBX", "guests", findings.Risky, map[string]string{"pjsip.conf": "[anonymous]\ntype=endpoint\ncontext=phones\n"}, func(e *Env) { e.Found.GUI = "FreePBX" },
			"Settings > Asterisk SIP Settings in the web interface of FreePBX; set Allow Anonymous Inbound SIP Calls: No"},
		{"guests of PJSIP, in an own file beside FreePBX", "guests", findings.Risky, map[string]string{"pjsip.conf": "#include pjsip_custom.conf\n", "pjsip_custom.conf": "[anonymous]\ntype=endpoint\ncontext=phones\n"},
			func(e *Env) { e.Found.GUI = "FreePBX" }, "remove the section [anonymous] from"},
		{"guests of chan_sip, by FreePBX", "guests", findings.Risky, map[string]string{"sip.conf": "[general]\ncontext=phones\n"}, func(e *Env) { e.Found.GUI = "FreePBX" }, "Allow SIP Guests: No"},
		{"guests of IAX2", "guests", findings.Risky, map[string]string{"iax.conf": "[general]\nauthdebug=yes\n[guest]\ntype=user\ncontext=phones\n"}, nil, "in [guest], without a secret"},
		{"full disk", "disk", findings.Risky, nil, func(e *Env) { e.Disks[0].Free = 1 << 30 }, "1024 of 102400 MiB"},
		{"no inodes", "disk", findings.Risky, nil, func(e *Env) { e.Disks[0].Inodes = 10 }, "10 of 1000000 inodes"},
		{"shell", "dialplan-shell", findings.Broken, map[string]string{"extensions.conf": "[in]\nexten => _X.,1,System(echo ${EXTEN})\n"}, nil, "extensions.conf:2: System() in [in]"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			e := env(t, c.files)
			if c.plant != nil {
				c.plant(e)
			}
			found := false
			for _, f := range findings.Run(e, Checks()).Findings {
				switch {
				case f.Severity <= findings.Note:
				case f.Check != c.check || f.Severity != c.want:
					t.Errorf("got %s of check %s too: %s", f.Severity, f.Check, f.What)
				case f.Hint == "":
					t.Errorf("got no hint in %+v", f)
				default:
					found = found || strings.Contains(fmt.Sprint(f), c.says)
				}
			}
			if !found {
				t.Errorf("got no finding of %s that says %q, in %+v", c.check, c.says, findings.Run(e, Checks()).Findings)
			}
		})
	}
}

// TestOldDumps: packets that were written long ago say nothing about now.
func TestOldDumps(t *testing.T) {
	e := env(t, nil)
	e.Tails[0].Text = "[2026-01-02 02:04:00] VERBOSE[7] res_pjsip_logger.c: <--- Received SIP request (3 bytes)\n" + e.Tails[0].Text
	if r := findings.Run(e, Checks()); r.Worst() > findings.Note {
		t.Errorf("got %+v", r.Findings[0])
	}
}

// TestNotes are true of many well machines: they are notes, and no fault.
func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		check string
		files map[string]string
		plant func(*Env)
	}{
		"FreePBX":              {"firewalls", nil, func(e *Env) { e.Found.Firewalls = []string{"FreePBX firewall"} }},
		"FreePBX by its chain": {"firewalls", nil, func(e *Env) { e.Status.Beside = []string{"the FreePBX firewall", "ufw"} }},
		"guests and a catch-all": {"guests", map[string]string{"sip.conf": "[general]\ncontext=in\n",
			"extensions.conf": "[in]\nexten => _X.,1,Goto(s,1)\nexten => s,1,Dial(PJSIP/201)\n"}, nil},
		"a phone by its number": {"guests", map[string]string{"pjsip.conf": "[anonymous]\ntype=endpoint\ncontext=in\n", "extensions.conf": "[in]\nexten => _2XX,1,Dial(PJSIP/${EXTEN})\n"}, nil},
		"old embedded table":    {"geoip", nil, nil},
		"clock alone":           {"clock", nil, func(e *Env) { e.Clock.Synchronised = false }},
		"no json":               {"json", map[string]string{"logger.conf": "[logfiles]\nmessages => notice\nsecurity => security\n"}, nil},
		"packets show IAX2": {"authdebug", map[string]string{"iax.conf": "[general]\n[1]\ntype=peer\nsecret=x\n"}, func(e *Env) {
			e.Status.Wire.Enabled = true
		}},
		"IAX2 without accounts": {"authdebug", map[string]string{"iax.conf": "[general]\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := env(t, c.files)
			if c.plant != nil {
				c.plant(e)
			}
			r := findings.Run(e, Checks())
			if r.Worst() != findings.Note || !slices.ContainsFunc(r.Findings, func(f findings.Finding) bool { return f.Check == c.check && f.Severity == findings.Note }) {
				t.Errorf("got worst %v, %+v", r.Worst(), r.Findings)
			}
		})
	}
}

// TestSaidOnce: what a check says with evidence, the daemon's own problem does not repeat.
func TestSaidOnce(t *testing.T) {
	e := env(t, map[string]string{"logger.conf": "[logfiles]\nmessages => notice\n"})
	slices.Reverse(e.Hooks[0].Rules)
	e.Feeds[0].Problem = "404"
	e.Status.Problems = []control.Problem{
		{About: "security events", What: "no security"}, {What: "v4: the jump to pbxjail is rule 2 of raw PREROUTING"}, {About: "feed bad", What: "feed bad: 404"},
		{About: control.AboutGeoIPAge, What: "old"},
	}
	got := map[string]int{}
	for _, f := range findings.Run(e, Checks()).Findings {
		if !f.OK {
			got[f.Check]++
		}
	}
	if want := "map[feeds:1 firewall-order:1 security-channel:1]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestProxies(t *testing.T) {
	root := fstest.MapFS{
		"proc/7/comm": {Data: []byte("docker-proxy\n")}, "proc/7/cmdline": {Data: []byte("/usr/bin/docker-proxy\x00-proto\x00udp\x00-host-ip\x000.0.0.0\x00-host-port\x005060\x00-container-port\x005060\x00")},
		"proc/8/comm": {Data: []byte("asterisk\n")},
	}
	if got := fmt.Sprint(proxies(root)); got != "[{7 5060 udp}]" {
		t.Errorf("got %s", got)
	}
}

func TestSetsOf(t *testing.T) {
	const text = "Name: pbxjail4\nType: hash:net\nHeader: family inet hashsize 1024 maxelem 65536 timeout 0 counters bucketsize 12\nNumber of entries: 5\n\n" +
		"Name: pbxjail_sip4\nType: hash:ip\nHeader: family inet hashsize 8192 maxelem 131072\nNumber of entries: 7\nMembers:\n\nName: other\nHeader: maxelem 3\nNumber of entries: 3\n"
	if got := fmt.Sprint(setsOf(text, "pbxjail")); got != "[{pbxjail4 5 1048576} {pbxjail_sip4 7 16384}]" {
		t.Errorf("got %s", got)
	}
}

func TestTails(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long")
	write(t, long, strings.Repeat("x", tailLength)+"\nlast line\nhalf a li")
	write(t, filepath.Join(dir, "empty"), "")
	got := tails([]string{long, filepath.Join(dir, "empty"), dir, filepath.Join(dir, "none")})
	if len(got) != 1 || got[0].Text != "last line\n" {
		t.Errorf("got %+v", got)
	}
}

func TestDateOf(t *testing.T) {
	written := time.Date(2026, 1, 1, 0, 0, 3, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-01-01 00:00:01":     "2026-01-01 00:00:01",
		"2026-01-01 00:00:01.123": "2026-01-01 00:00:01",
		"Dec 31 23:59:59":         "2025-12-31 23:59:59",
		"Jan  1 00:00:02":         "2026-01-01 00:00:02",
		"yesterday":               "0001-01-01 00:00:00",
	} {
		if got := dateOf(text, written, time.UTC).Format(time.DateTime); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
