package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
)

// journalctl puts a program of that name into PATH that writes a file to its standard
// output, goes on until it is ended, and notes its arguments.
func (s *site) journalctl() {
	s.Helper()
	script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%s\ncat %s\nexec sleep 600\n", s.path("calls"), s.path("entries"))
	dir := s.path("bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte(script), 0o755); err != nil {
		s.Fatal(err)
	}
	s.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// entry is an entry of the journal that Asterisk wrote.
func entry(cursor, transport, text string) string {
	return fmt.Sprintf(`{"__CURSOR":"%s","__REALTIME_TIMESTAMP":"%d","_HOSTNAME":"pbx","_COMM":"asterisk","_PID":"812","_TRANSPORT":"%s","MESSAGE":%q}`+"\n",
		cursor, time.Now().UnixMicro(), transport, text)
}

const failedLogin = "NOTICE[4711]: res_pjsip/pjsip_distributor.c:676 in log_failed_request: Request 'REGISTER' from '<sip:1@192.0.2.10>' failed for '%s:5060' (callid: %d) - Failed to authenticate"

// TestJournal: a unit is read, a newline in a text begins no record, and the next run goes on
// behind the last entry.
func TestJournal(t *testing.T) {
	s := newSite(t)
	s.journalctl()
	s.write("jails/phones.yaml", "logs: [journal:asterisk]\nmatch: [{event: bad-password}]\nmaxretry: 3\n")
	var entries strings.Builder
	for i := range 3 {
		forged := fmt.Sprintf(failedLogin, "198.51.100.7", i)
		entries.WriteString(entry(fmt.Sprintf("s=%d", i), "syslog", fmt.Sprintf(failedLogin, "203.0.113.9", i)+"\n"+forged))
	}
	for i := range 5 { // as the rest of a record, each line is an entry
		entries.WriteString(entry(fmt.Sprintf("s=1%d", i), "stdout", fmt.Sprintf(failedLogin, "198.51.100.8", i)))
	}
	entries.WriteString(entry("s=20", "syslog", "NOTICE[4711]: x.c:1 in f: end"))
	s.write("entries", entries.String())
	stop := s.run(s.open(), nil)
	s.banned("203.0.113.9")
	s.eventually("the last entry", func() bool { return s.file("journal:asterisk.service").Lines == 9 })
	list, err := s.client().Bans(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("got %d bans, %v: a caller's text is no record", len(list), err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s.write("entries", "")
	s.run(s.open(), nil)
	s.eventually("the second start", func() bool { return len(s.calls()) == 2 })
	calls := s.calls()
	if !strings.Contains(calls[0], " --since=@") || !strings.Contains(calls[1], " --after-cursor=s=20 _SYSTEMD_UNIT=asterisk.service") {
		t.Errorf("got the arguments %q", calls)
	}
}

// TestJournalIsMissing: status says so, and a reload that names it no more ends it.
func TestJournalIsMissing(t *testing.T) {
	s := newSite(t)
	s.Setenv("PATH", s.path("none"))
	s.write("jails/phones.yaml", "logs: [journal:asterisk]\nmatch: [{event: bad-password}]\n")
	s.run(s.open(), nil)
	s.eventually("the problem", func() bool {
		status, err := s.client().Status(t.Context())
		return err == nil && slices.ContainsFunc(status.Problems, func(p control.Problem) bool {
			return p.About == "log journal:asterisk.service" && strings.Contains(p.What, "journalctl is not installed") && p.Hint != ""
		})
	})
	s.write("jails/phones.yaml", fmt.Sprintf(phones, s.path("logs")))
	if _, err := s.client().Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.file("journal:asterisk.service"); got.Path != "" {
		t.Errorf("got %+v", got)
	}
}

func (s *site) calls() []string {
	text, _ := os.ReadFile(s.path("calls"))
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// file is what status says of a log; zero where it says nothing.
func (s *site) file(name string) control.File {
	status, err := s.client().Status(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range status.Files {
		if f.Path == name {
			return f
		}
	}
	return control.File{}
}
