package logs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// scene reads logs as the daemon does.
type scene struct {
	accounts Accounts
	parsers  map[string]*parsers.Parser
	now      time.Time
}

func newScene() *scene { return &scene{parsers: map[string]*parsers.Parser{}, now: noon} }

func (s *scene) read(file, text string, old bool) {
	p := s.parsers[file]
	if p == nil {
		p = parsers.New(parsers.Clock{})
		s.parsers[file] = p
	}
	lines := p.Block([]byte(text), false, s.now, func(*parsers.Event) {})
	s.accounts.Take(file, Block{Data: []byte(text), Lines: lines, Old: old, Arrived: s.now, Counts: p.Counts(), Records: p.Records()})
}

// say are what is found in the logs that are there, and those that are not ("-").
func (s *scene) say(f Found, logs ...string) (list []string) {
	var all []Log
	for _, l := range logs {
		path, missing := strings.CutPrefix(l, "-")
		all = append(all, Log{Path: path, There: !missing})
	}
	for _, one := range f.Findings(all, &s.accounts, s.now) {
		list = append(list, fmt.Sprintf("%s | %s | %s | %s", one.Log, one.State, one.What, one.Hint))
	}
	return list
}

func records(level string, n int) string {
	return strings.Repeat("[2026-11-26 12:00:00] "+level+"[7] x.c: y\n", n)
}

// wants holds that there is one finding for each of the wants, which holds all its parts.
func wantFindings(t *testing.T, got []string, wants ...[]string) {
	t.Helper()
	if len(got) != len(wants) {
		t.Fatalf("got %d findings, want %d:\n%s", len(got), len(wants), strings.Join(got, "\n"))
	}
	for i, parts := range wants {
		for _, part := range parts {
			if !strings.Contains(got[i], part) {
				t.Errorf("got %s\nwant %q in it", got[i], part)
			}
		}
	}
}

const logFull, logMessages, logSecurity = "/l/full", "/l/messages", "/l/security"

func conf(t *testing.T, text string) Found {
	return Find([]string{etc(t, "/l", "[general]\n\n[logfiles]\n"+text)}, "pbx")
}

const both = "messages => notice,warning,error\nsecurity => security\n"

func TestBlind(t *testing.T) {
	s, f := newScene(), conf(t, both)
	s.read(logSecurity, records("SECURITY", 1), false)
	s.read(logMessages, strings.Repeat("pbx1 | [2026-11-26 12:00:00] NOTICE[7] x.c: y\n", 19), false)
	wantFindings(t, s.say(f, logMessages, logSecurity))
	s.read(logMessages, strings.Repeat("pbx1 | [2026-11-26 12:00:00] NOTICE[7] x.c: y\n", 19), false)
	wantFindings(t, s.say(f, logMessages, logSecurity), []string{logMessages + " | not understood | pbxjail understands none of the last 38 lines", `writes "pbx1 | "`, "logger.conf:4 has messages => notice,warning,error"})
	s.read(logMessages, records("NOTICE", 1), false)
	wantFindings(t, s.say(f, logMessages, logSecurity))
	s.read(logMessages, strings.Repeat("another \x1b[31m program\n", 199), false) // a packet that is dumped
	wantFindings(t, s.say(f, logMessages, logSecurity))
	s.read(logMessages, "another \x1b[31m program\n", false)
	wantFindings(t, s.say(f, logMessages, logSecurity), []string{"none of the last 200 lines is a record", `"another \x1b[31m program"`})
}

// TestSyslogOfMany: the lines of other programs in a syslog are no blindness.
func TestSyslogOfMany(t *testing.T) {
	s := newScene()
	s.read("/var/log/syslog", strings.Repeat("Nov 26 12:00:00 pbx sshd[7]: session opened for user root\n", 500), false)
	wantFindings(t, s.say(Found{}, "/var/log/syslog"))
}

func TestSilent(t *testing.T) {
	s, f := newScene(), conf(t, both+"full => notice,warning,error,verbose\n")
	say := func() []string { return s.say(f, logMessages, logSecurity, logFull) }
	s.read(logSecurity, records("SECURITY", 1), false)
	s.read(logMessages, records("NOTICE", 1), false)
	s.read(logFull, records("NOTICE", 1)+records("VERBOSE", 100), false)
	s.now = s.now.Add(30 * time.Second)
	s.read(logFull, records("NOTICE", 30)+records("VERBOSE", 100), false)
	wantFindings(t, say()) // it may come yet
	s.now = s.now.Add(31 * time.Second)
	s.read(logFull, records("NOTICE", 1), false)
	wantFindings(t, say(), []string{logMessages + " | silent | no record for 1m1s, but other logs in the same folder got 32 records", "logger reload"})
	s.read(logMessages, records("ERROR", 1), false)
	wantFindings(t, say())
	s.now = s.now.Add(time.Hour)
	s.read(logFull, records("VERBOSE", 1000), false) // these are not for messages
	wantFindings(t, say())
}

// TestOldIsNoSilence: a log that is read late is read after others.
func TestOldIsNoSilence(t *testing.T) {
	s, f := newScene(), conf(t, both+"full => notice\n")
	s.read(logMessages, records("NOTICE", 1), true)
	s.read(logSecurity, records("SECURITY", 1), true)
	s.now = s.now.Add(time.Hour)
	s.read(logFull, records("NOTICE", 5000), true)
	wantFindings(t, s.say(f, logMessages, logSecurity, logFull))
}

// TestSilentByItself: without logger.conf a log should have what it had before.
func TestSilentByItself(t *testing.T) {
	s := newScene()
	s.read(logMessages, records("NOTICE", 5), false)
	s.read("/other/full", records("NOTICE", 100), false)
	s.now = s.now.Add(time.Hour)
	s.read("/other/full", records("NOTICE", 100), false) // another Asterisk's
	wantFindings(t, s.say(Found{}, logMessages, "/other/full"))
	s.read(logFull, records("NOTICE", 100), false)
	wantFindings(t, s.say(Found{}, logMessages, logFull), []string{logMessages + " | silent"})
}

// TestNoSecurityModule: attempts that have a security event, and none comes.
func TestNoSecurityModule(t *testing.T) {
	s, f := newScene(), conf(t, both)
	s.read(logMessages, records("NOTICE", 1), false)
	s.now = s.now.Add(2 * time.Minute)
	s.accounts.Take(logMessages, Block{Arrived: s.now, Attempts: 20, Counts: parsers.Counts{Heads: 21}, Records: parsers.Records{Notice: 21}})
	wantFindings(t, s.say(f, logMessages, logSecurity), []string{logSecurity + " | silent | no record since the start", "module load res_security_log.so"})
}

func TestMissing(t *testing.T) {
	s, f := newScene(), conf(t, both+"dtmf => dtmf\nnothing =>\n")
	wantFindings(t, s.say(f, "-"+logMessages, logSecurity, "-/l/full", "-/l/nothing"), []string{logMessages + " | missing | ", "this log does not exist", "logger.conf:4, Asterisk should write notice,warning,error there", "logger reload", "chown asterisk /l"})
}

func TestNotWritten(t *testing.T) {
	for name, c := range map[string]struct {
		logger string
		wants  [][]string
	}{
		"both":           {both, nil},
		"every":          {"full => *\n", nil},
		"no security":    {"messages => notice\n", [][]string{{" | security events | ", "does not write security to a file", "write security => security below the line [logfiles]", "logger.conf:3), then: "}}},
		"syslog":         {"messages => notice\nsyslog.local0 => security\n", [][]string{{"logger.conf:5 writes security only to syslog.local0", "write the path of the other log"}}},
		"stdout":         {"/dev/stdout => notice,security\n", [][]string{{"writes security only to /dev/stdout"}, {"writes notice only to /dev/stdout"}}},
		"console":        {"console => security\nmessages => notice\n", [][]string{{"does not write security to a file"}}},
		"empty":          {"", [][]string{{"security"}, {"notice"}}},
		"json":           {"all => [json]notice,security\n", nil},
		"one Asterisk's": {"a => security,notice\n", nil},
	} {
		t.Run(name, func(t *testing.T) { wantFindings(t, newScene().say(conf(t, c.logger)), c.wants...) })
	}
	s := newScene() // the admin has syslog write a file, and named it
	s.read("/srv/syslog", records("SECURITY", 1)+records("NOTICE", 1), false)
	wantFindings(t, s.say(conf(t, "syslog.local0 => security,notice\n"), "/srv/syslog"))
}

// TestUnknownLoggerConf: one of the usual names is enough, and a jail without security logs
// misses none.
func TestUnknownLoggerConf(t *testing.T) {
	for logs, missed := range map[string]bool{
		"":                               false,
		"/l/messages":                    false,
		"-/l/messages":                   false,
		"/l/security -/l/security.log":   false,
		"-/l/security /l/security_log":   false,
		"-/l/security -/l/fail2ban":      true,
		"-/l/security":                   true,
		"-/l/security /l/messages":       true,
		"-/l/security.log -/l/fail2ban":  true,
		"-/l/fail2ban -/l/security /l/x": true,
	} {
		got := newScene().say(Found{}, strings.Fields(logs)...)
		if (len(got) > 0) != missed || missed && strings.Contains(logs, "-/l/security ") && !strings.Contains(got[0], "/l/security") {
			t.Errorf("%q: got %v, want missed %v", logs, got, missed)
		}
	}
}

func TestUndated(t *testing.T) {
	s := newScene()
	f := Find([]string{etc(t, "/l", "[general]\ndateformat=%A at noon\n[logfiles]\n"+both)}, "pbx")
	s.read(logSecurity, records("SECURITY", 1), false)
	s.read(logMessages, strings.Repeat("[Monday at noon] NOTICE[7] manager.c: 203.0.113.7 failed to authenticate as 'x'\n", 20), false)
	wantFindings(t, s.say(f, logMessages, logSecurity), []string{logMessages + " | no dates | ", "in place of", "logger.conf:2", `which says "%A at noon"`})
}
