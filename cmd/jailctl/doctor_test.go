package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/doctor"
	"pbxjail/cmd/internal/findings"
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
	s.Enforcer = "ipset, raw PREROUTING, v4 and v6"
	return s
}

func sampleProbe() probe.Report {
	return probe.Report{Enforcer: "ipset, raw PREROUTING, v4 only", Notes: []string{"IPv6: packets of banned IPv6 addresses pass: ip6tables is not installed"}, Checks: []probe.Check{
		{Check: "udp", Family: "v4", Result: probe.OK},
		{Check: "time left", Family: "v4", Result: probe.OK, Why: "the daemon ends bans, not the kernel"},
		{Check: "udp", Family: "v6", Result: probe.Failed, Why: "answered while banned: udp from 2001:db8:0:1::66"},
		{Check: "neighbour", Family: "v6", Result: probe.Skipped, Why: "no IPv6 here"},
		{Check: "teardown", Result: probe.OK},
	}}
}

// faulty is a report with each severity and each kind of step.
func faulty() findings.Report {
	return findings.Run(0, []findings.Check[int]{{Name: "made-up", Run: func(int) []findings.Finding {
		return []findings.Finding{
			{About: "dialplan", Severity: findings.Broken, What: "a caller can run commands on this machine: System() in the dialplan gives text of the caller to a shell",
				Evidence: []string{"/etc/asterisk/extensions_custom.conf:12: System() in [catchall], extension s"},
				Fix: []findings.Step{
					findings.Write("in place of /etc/asterisk/extensions_custom.conf:12", "same => n,Set(FILE(/var/log/asterisk/sipsec.log,,,al,u)=[${STRFTIME(${EPOCH},,%b %d %H:%M:%S)}] SECURITY[] Unknown Call)"),
					findings.Command("asterisk -rx 'dialplan reload'"),
				}},
			{About: "log /var/log/asterisk/messages", Severity: findings.Blind, What: "no record for 2h, but other logs in the same folder got 300 records that should also be in this log",
				Hint: "run: asterisk -rx 'logger reload'; and write the same command below postrotate in /etc/logrotate.d/asterisk: then Asterisk begins a new file after each rotation"},
			{About: "guests", Severity: findings.Risky, What: "callers without an account can call out", Fix: []findings.Step{findings.Write("remove the section [anonymous] from pjsip.conf")}},
			{About: "json", Severity: findings.Note, What: "no log has the [json] format. In a plain log, a caller can write text that looks like a record. pbxjail gives no points for such doubtful records, and so it misses some attacks. You need do nothing: no wrong address is banned"},
			{About: "jails", What: "guessing, sipsec"},
		}
	}}})
}

func TestGoldenDoctor(t *testing.T) {
	refused := sampleStatus()
	blind := wellStatus()
	blind.Enforcing, blind.Enforcer = false, "observe, nothing is dropped"
	blind.Jails, blind.GeoIP = nil, control.GeoIP{}
	for i := range blind.Files {
		blind.Files[i] = control.File{Path: blind.Files[i].Path, Problem: control.NotThere}
	}
	broken := wellStatus()
	broken.Enforcing, broken.Files[2].Problem = false, "permission denied"
	of := func(s control.Status) findings.Report {
		return findings.Run(&doctor.Env{Now: t0, Status: &s}, doctor.Checks())
	}
	for name, c := range map[string]struct {
		print func(*app) error
		bad   string // the error
	}{
		"doctor-well.txt":   {func(a *app) error { return a.tell(of(wellStatus())) }, ""},
		"doctor.txt":        {func(a *app) error { return a.tell(of(refused)) }, "3 problems"},
		"doctor-blind.txt":  {func(a *app) error { return a.tell(of(blind)) }, "4 problems"},
		"doctor-broken.txt": {func(a *app) error { return a.tell(of(broken)) }, "2 problems"},
		"doctor-faulty.txt": {func(a *app) error { return a.tell(faulty()) }, "3 problems"},
		"doctor.json":       {func(a *app) error { a.json = true; return a.tell(of(broken)) }, "2 problems"},
		"doctor-probe.txt":  {func(a *app) error { return a.printProbe(sampleProbe()) }, "1 check failed: bans on this host may not drop packets"},
		"doctor-probe.json": {func(a *app) error { a.json = true; return a.printProbe(sampleProbe()) }, "1 check failed: bans on this host may not drop packets"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := c.print(&app{stdout: &out, stderr: io.Discard, columns: usualColumns, now: func() time.Time { return t0 }})
			if (err == nil) != (c.bad == "") || err != nil && (err.Error() != c.bad || hint.Of(err) == "") {
				t.Errorf("got %v, want %q with a hint", err, c.bad)
			}
			golden(t, name, out.Bytes())
		})
	}
}

// TestSeverityIsExitStatus: notes are no problem, risks have a status of their own.
func TestSeverityIsExitStatus(t *testing.T) {
	for severity, want := range map[findings.Severity]string{findings.OK: "<nil>", findings.Note: "<nil>", findings.Unknown: "risky", findings.Risky: "risky", findings.Blind: "failed", findings.Broken: "failed"} {
		r := findings.Run(0, []findings.Check[int]{{Run: func(int) []findings.Finding { return []findings.Finding{{}, {Severity: severity}} }}})
		err := (&app{stdout: io.Discard}).tell(r)
		got := fmt.Sprint(err)
		if _, risky := errors.AsType[*riskyError](err); risky {
			got = "risky"
		} else if err != nil {
			got = "failed"
		}
		if got != want {
			t.Errorf("%v: got %s, want %s", severity, got, want)
		}
	}
}

// TestNothingToCopyIsBroken: no line is too wide but those with a command or a line of a
// configuration, and these are in one piece.
func TestNothingToCopyIsBroken(t *testing.T) {
	for columns := leastColumns; columns < 140; columns++ {
		var out bytes.Buffer
		a := &app{stdout: &out, columns: columns}
		for _, f := range faulty().Findings {
			a.printFinding(f)
		}
		for _, piece := range []string{"asterisk -rx 'logger reload'", "run: asterisk -rx 'dialplan reload'\n", faulty().Findings[0].Fix[0].Lines[0] + "\n"} {
			if !strings.Contains(out.String(), piece) {
				t.Errorf("%d columns: got\n%s\nwant %q in one piece", columns, out.String(), piece)
			}
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > columns+1 && !strings.Contains(line, "same => n") {
				t.Errorf("%d columns: too wide: %s", columns, line)
			}
		}
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
