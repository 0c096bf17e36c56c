package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
)

// TestTakeBans: the bans of a fail2ban that runs are taken over when pbxjail enforces, each for
// the time that is left, and not before: what is decided while it observes is never enforced.
func TestTakeBans(t *testing.T) {
	dir, err := os.MkdirTemp("", "ctl") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.Local)
	script := "#!/bin/sh\n" +
		"case \"$1\" in status) printf 'Status\\n|- Number of jail:\\t2\\n`- Jail list:\\tdoor, sshd\\n';; " +
		"get) [ $2 = door ] && printf '203.0.113.9 \\t2026-11-26 11:55:00 + 600 = 2026-11-26 12:05:00\\n203.0.113.8 \\t2026-11-26 11:00:00 + 600 = 2026-11-26 11:10:00\\n203.0.113.7 \\t2026-11-26 11:00:00 + -1 = 9999-12-31 23:59:59\\n';; esac\ntrue\n"
	if err := os.WriteFile(filepath.Join(dir, "fail2ban-client"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	enforcing := false
	var banned []string
	s := control.New(control.Options{Path: filepath.Join(dir, "s"), Handlers: []control.Handler{
		control.Handle(control.CallStatus, func(control.None, string) (control.Status, error) { return control.Status{Enforcing: enforcing}, nil }),
		control.Handle(control.CallBan, func(q control.BanRequest, _ string) (control.Ban, error) {
			banned = append(banned, fmt.Sprintf("%s %d", q.Prefix.Addr(), *q.ForSeconds))
			return control.Ban{Prefix: q.Prefix}, nil
		}),
	}})
	if _, err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	go s.Run(t.Context())
	client := control.NewClient(filepath.Join(dir, "s"))
	var out bytes.Buffer
	a := &app{stdout: &out, stderr: io.Discard, now: func() time.Time { return now }}
	jails := liveJails(t.Context())
	if !slices.Equal(jails, []string{"door", "sshd"}) {
		t.Errorf("got %q", jails)
	}
	if err := a.takeBansWhenGuarding(t.Context(), client, &importPlan{}); err != nil || len(banned) != 0 || !strings.Contains(out.String(), "jailctl setup") {
		t.Errorf("got %q, %v: %s", banned, err, &out)
	}
	a.takeBans(t.Context(), client, jails)
	if want := []string{"203.0.113.9 300", "203.0.113.7 0"}; !slices.Equal(banned, want) {
		t.Errorf("got %q, want %q", banned, want)
	}
	for _, line := range []string{"203.0.113.9", "x \t2026-11-26 11:55:00 + 600 = 2026-11-26 12:05:00"} {
		if _, _, ok := liveBan(line, now); ok {
			t.Errorf("%q is taken for a ban", line)
		}
	}
}
