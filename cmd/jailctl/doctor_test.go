package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/probe"
	"pbxjail/configs/hint"
)

// wellStatus is a daemon that nothing is wrong with.
func wellStatus() control.Status {
	s := sampleStatus()
	s.Problems, s.Jails = nil, s.Jails[:2]
	s.Files = []control.File{
		s.Files[0],
		{Path: "/var/log/asterisk/messages", Problem: control.NotThere},
		{Path: "/var/log/asterisk/security", Lines: 0},
		{Path: "/var/log/asterisk/security.log", Problem: control.NotThere},
	}
	return s
}

func sampleProbe() probe.Report {
	return probe.Report{Enforcer: "ipset, raw PREROUTING, v4 only", Notes: []string{"IPv6: not enforced: no ip6tables here"}, Checks: []probe.Check{
		{Check: "udp", Family: "v4", Result: probe.OK},
		{Check: "time left", Family: "v4", Result: probe.OK, Why: "the daemon ends bans, not the kernel"},
		{Check: "udp", Family: "v6", Result: probe.Failed, Why: "answered while banned: udp from 2001:db8:0:1::66"},
		{Check: "neighbour", Family: "v6", Result: probe.Skipped, Why: "no IPv6 here"},
		{Check: "teardown", Result: probe.OK},
	}}
}

func TestGoldenDoctor(t *testing.T) {
	refused := sampleStatus()
	refused.Problems = append(refused.Problems, control.Problem{What: "line 3: unknown key maxrety", Hint: "correct line 3"})
	blind := wellStatus()
	blind.Enforcing, blind.Enforcer = false, "observe, nothing is dropped"
	blind.Jails, blind.GeoIP = nil, control.GeoIP{}
	for i := range blind.Files {
		blind.Files[i] = control.File{Path: blind.Files[i].Path, Problem: control.NotThere}
	}
	broken := wellStatus()
	broken.Enforcing, broken.Files[2].Problem = false, "permission denied"
	for name, c := range map[string]struct {
		print func(*app) error
		bad   string // the error
	}{
		"doctor-well.txt":   {func(a *app) error { return a.tell(a.diagnose(wellStatus())) }, ""},
		"doctor.txt":        {func(a *app) error { return a.tell(a.diagnose(refused)) }, "3 problems"},
		"doctor-blind.txt":  {func(a *app) error { return a.tell(a.diagnose(blind)) }, "4 problems"},
		"doctor-broken.txt": {func(a *app) error { return a.tell(a.diagnose(broken)) }, "2 problems"},
		"doctor.json":       {func(a *app) error { a.json = true; return a.tell(a.diagnose(broken)) }, "2 problems"},
		"doctor-probe.txt":  {func(a *app) error { return a.printProbe(sampleProbe()) }, "1 check failed: bans on this host may not drop packets"},
		"doctor-probe.json": {func(a *app) error { a.json = true; return a.printProbe(sampleProbe()) }, "1 check failed: bans on this host may not drop packets"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := c.print(&app{stdout: &out, stderr: io.Discard, now: func() time.Time { return t0 }})
			if (err == nil) != (c.bad == "") || err != nil && (err.Error() != c.bad || hint.Of(err) == "") {
				t.Errorf("got %v, want %q with a hint", err, c.bad)
			}
			golden(t, name, out.Bytes())
		})
	}
}

// TestOldTable: the table that comes with pbxjail is no problem, whatever its age.
func TestOldTable(t *testing.T) {
	s := wellStatus()
	s.GeoIP.Files = []control.GeoIPFile{{Embedded: true, Says: "country", AgeDays: 400}}
	d := (&app{now: func() time.Time { return t0 }}).diagnose(s)
	i := slices.IndexFunc(d.Findings, func(f finding) bool { return f.About == "geoip" })
	if f := d.Findings[i]; !f.OK || !strings.Contains(f.Hint, "geoip update") {
		t.Errorf("got %+v, want that it is well, and how to get a newer one", f)
	}
}

// TestLogOfFindings: what is wrong with a log is said once, and nothing else of it.
func TestLogOfFindings(t *testing.T) {
	s := wellStatus()
	s.Problems = []control.Problem{{About: "log " + s.Files[0].Path, What: "blind", Hint: "do"}}
	d := (&app{now: func() time.Time { return t0 }}).diagnose(s)
	var about []finding
	for _, f := range d.Findings {
		if f.About == "log "+s.Files[0].Path {
			about = append(about, f)
		}
	}
	if len(about) != 1 || about[0].OK || about[0].Hint != "do" {
		t.Errorf("got %+v, want the problem alone", about)
	}
}

// TestHostileDoctor gives every string that doctor prints to the terminal.
func TestHostileDoctor(t *testing.T) {
	f := newFake()
	f.status = control.Status{Version: hostile, Enforcer: hostile, Problems: []control.Problem{{What: hostile, Hint: hostile}},
		Files: []control.File{{Path: hostile, Problem: hostile}, {Path: hostile + "/security", Problem: control.NotThere}, {Path: hostile}},
		GeoIP: control.GeoIP{Files: []control.GeoIPFile{{Path: hostile, Type: hostile, Says: hostile}}},
		Jails: []control.Jail{{Name: hostile, Enabled: true}, {Name: hostile, Problem: hostile + hostile}}}
	path := serveTest(t, f)
	for _, more := range []string{"--json=false", "--json"} {
		var out bytes.Buffer
		if got := run([]string{"--socket", path, "doctor", more}, strings.NewReader(""), &out, &out); got != exitFailed {
			t.Errorf("%s: got exit status %d, want %d", more, got, exitFailed)
		}
		r := sampleProbe()
		r.Enforcer, r.Notes[0], r.Checks[0] = hostile, hostile, probe.Check{Check: hostile, Family: hostile, Result: hostile, Why: hostile}
		if err := (&app{stdout: &out, json: more == "--json"}).printProbe(r); err == nil {
			t.Error("got no error, want that a check failed")
		}
		if !terminalSafe(out.String()) || out.Len() < 500 {
			t.Errorf("%s: got %+q, want nothing a terminal obeys", more, out.String())
		}
	}
}
