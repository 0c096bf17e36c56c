package shellshock

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
)

// standIn is a planted program in the place of a bash of 2014, which no package has today. It
// does with the text of the variable X what a bash with one of the faults does. It is no bash:
// what a real one does was tried by hand with bash 4.3 and its patches, and is tested here
// too when PBXJAIL_OLD_BASH names one.
func standIn(fault string) string {
	return `#!/bin/sh
if [ "$1" = --version ]; then echo "GNU bash, version 4.3.0(1)-release, a stand-in for tests"; exit; fi
script=$2
[ -n "$script" ] || script=$(cat)
case "` + fault + `:$X$script" in
*6271:*"};"*) eval "${X#*\};}" ;;
*7169:*"(a)=>"*) : >"${script% :}" ;;
*6277:*"x() { _; } <<a"*) kill -SEGV $$ ;;
*6278:*">_["*) eval "${X#*)]}" ;;
*7186:*"<<E <<E <<E <<E <<E <<E <<E <<E <<E <<E <<E"*) kill -SEGV $$ ;;
*7187:*"for x129 "*) kill -ABRT $$ ;;
esac
`
}

// pbx is a machine with one program in the place of bash.
func pbx(t *testing.T, bash string) *audit.Machine {
	m := audittest.Machine(t, map[string]string{"/etc/os-release": "ID=debian\n", "/bin/dash": "#!/bin/sh\nexit 2\n", "/bin/sh": "-> dash", "/bin/bash": bash})
	audittest.Chmod(t, m, "/bin/bash", 0o755)
	audittest.Chmod(t, m, "/bin/dash", 0o755)
	m.Run = program.Do
	return m
}

// TestFaults: checks × (found where it is, and silent where it was repaired).
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		plant string // the faults of the stand-in
		want  []string
		worst findings.Severity
	}{
		{"6271", []string{"CVE-2014-6271"}, findings.Broken},
		{"7169", []string{"CVE-2014-7169"}, findings.Broken},
		{"6277", []string{"CVE-2014-6277"}, findings.Broken},
		{"6278", []string{"CVE-2014-6278"}, findings.Broken},
		{"7186", []string{"CVE-2014-7186", "CVE-2014-7187"}, findings.Risky}, // one patch repairs both
		{"7187", []string{"CVE-2014-7187"}, findings.Risky},
		{"none", nil, findings.OK},
	} {
		t.Run(c.plant, func(t *testing.T) {
			list := audittest.Run(pbx(t, standIn(c.plant)), Checks())
			if len(list) != 1 || !slices.Equal(list[0].References, c.want) || list[0].Severity != c.worst {
				t.Errorf("got %q\n%s", list[0].References, audittest.Text(list))
			}
			if c.want != nil && list[0].Fix[0].Run != "apt-get update && apt-get install --only-upgrade bash" {
				t.Errorf("got fix %q", list[0].Fix)
			}
		})
	}
}

// TestCopyOfAPart: a copy without programs says nothing about bash.
func TestCopyOfAPart(t *testing.T) {
	m := audittest.Machine(t, map[string]string{"/etc/hostname": "pbx\n"})
	if list := audittest.Run(m, Checks()); len(list) != 1 || list[0].Severity != findings.Unknown {
		t.Errorf("etc alone: got\n%s", audittest.Text(list))
	}
	audittest.Write(t, m, "/usr/bin/true", "")
	if list := audittest.Run(m, Checks()); len(list) != 1 || list[0].Severity != findings.Note {
		t.Errorf("with programs: got\n%s", audittest.Text(list))
	}
}

// TestThisBash is the honest neighbour: the bash of the machine that tests run on.
func TestThisBash(t *testing.T) {
	list := audittest.Run(audit.This(audittest.Now), Checks())
	if len(list) == 0 || audittest.Worst(list, "shellshock") != findings.OK || !strings.Contains(list[0].What, "passes all 6 tests") {
		t.Errorf("got\n%s", audittest.Text(list))
	}
}

// TestOldBash tries real bashes of 2014: PBXJAIL_OLD_BASH has "PATH=CVE,CVE" for each, with
// spaces between them. No package has one today, so without it nothing is tried here.
func TestOldBash(t *testing.T) {
	for _, one := range strings.Fields(os.Getenv("PBXJAIL_OLD_BASH")) {
		path, wants, _ := strings.Cut(one, "=")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list := audittest.Run(pbx(t, string(text)), Checks())
		var want []string
		for _, cve := range strings.Split(wants, ",") {
			if cve != "" {
				want = append(want, "CVE-2014-"+cve)
			}
		}
		if len(list) != 1 || !slices.Equal(list[0].References, want) {
			t.Errorf("%s: want %q, got\n%s", path, want, audittest.Text(list))
		}
		t.Logf("%s:\n%s", path, audittest.Text(list))
	}
}

// TestNothingIsCalledFine: what could not be tried is unknown, or absent.
func TestNothingIsCalledFine(t *testing.T) {
	hanging := func(m *audit.Machine) {
		m.Run = func(context.Context, program.Command) (program.Result, error) {
			return program.Result{}, fmt.Errorf("killed: %w", context.DeadlineExceeded)
		}
	}
	for name, c := range map[string]struct {
		change func(*audit.Machine)
		want   findings.Severity
	}{
		"no programs":  {func(m *audit.Machine) { m.Run = nil }, findings.Unknown},
		"it hangs":     {hanging, findings.Unknown},
		"writable":     {func(m *audit.Machine) { audittest.Chmod(t, m, "/bin/bash", 0o777) }, findings.Unknown},
		"not a bash":   {func(m *audit.Machine) { audittest.Write(t, m, "/bin/bash", "#!/bin/sh\nexit 2\n") }, findings.Note},
		"no bash":      {func(m *audit.Machine) { os.Remove(filepath.Join(m.Root, "bin/bash")) }, findings.Note},
		"cannot start": {func(m *audit.Machine) { audittest.Write(t, m, "/bin/bash", "no program") }, findings.Unknown},
	} {
		m := pbx(t, standIn("6271"))
		c.change(m)
		list := audittest.Run(m, Checks())
		if len(list) == 0 || list[0].Severity != c.want || cmp.Or(list[0].Hint, list[0].What) == "" {
			t.Errorf("%s: got\n%s", name, audittest.Text(list))
		}
	}
}

// TestLeavesNothing: the folder of a test is gone afterwards, and no other file was made.
func TestLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	audittest.Run(pbx(t, standIn("7169")), Checks())
	if list, err := os.ReadDir(tmp); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
}
