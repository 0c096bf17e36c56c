// Package shellshock is the part of jailctl audit that tests the bash of the machine for
// Shellshock: faults of 2014 by which a bash runs commands in the text of a variable. Web
// servers, ssh and DHCP clients put text of strangers into variables. It runs the installed
// bash with harmless variables, in an empty environment and in a new folder that is deleted
// afterwards. It must never give bash a command that does more than print a word or make an
// empty file in that folder.
package shellshock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Checks are the checks of this part.
func Checks() []findings.Check[*audit.Machine] {
	return []findings.Check[*audit.Machine]{
		{Name: "shellshock", Asks: "does bash run commands in the text of a variable?", Run: check},
	}
}

// places are where a bash can be. sh is one on some distributions.
var places = []string{"/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh", "/usr/bin/sh"}

// check tests each bash once.
func check(m *audit.Machine) (list []findings.Finding) {
	var seen []fs.FileInfo
	for _, name := range places {
		info, err := m.Stat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && tested(seen, info) {
			continue
		}
		if err != nil {
			list = append(list, m.Unseen("bash", "whether "+name+" runs commands of an attacker (Shellshock)", err))
			continue
		}
		seen = append(seen, info)
		if f, is := one(m, name, info); is {
			list = append(list, f)
		}
	}
	if err := m.NotCopied("/bin", "/usr/bin"); len(list) == 0 && err != nil {
		return []findings.Finding{m.Unseen("bash", "whether bash runs commands of an attacker (Shellshock)", err)}
	}
	if len(list) == 0 {
		return []findings.Finding{audit.Absent("bash", "bash is not installed, so Shellshock is not possible on this machine")}
	}
	return list
}

func tested(seen []fs.FileInfo, info fs.FileInfo) bool {
	for _, before := range seen {
		if os.SameFile(before, info) {
			return true
		}
	}
	return false
}

// one tests one program, if it is a bash.
func one(m *audit.Machine, name string, info fs.FileInfo) (findings.Finding, bool) {
	unseen := func(err error) (findings.Finding, bool) {
		return m.Unseen("bash", "whether "+name+" runs commands of an attacker (Shellshock)", err), true
	}
	if err := audit.Replaceable(name, info); err != nil {
		return unseen(err)
	}
	path, err := m.Path(name)
	if err != nil {
		return unseen(err)
	}
	version, err := versionOf(m, path)
	if err != nil {
		return unseen(err)
	}
	if !strings.Contains(version, "bash") {
		return findings.Finding{}, false // another shell, such as dash: it never had the fault
	}
	var bad []fault
	for _, f := range faults {
		is, err := f.in(m, path)
		if err != nil {
			return unseen(fmt.Errorf("%s: %w", f.cve, err))
		}
		if is || slices.ContainsFunc(bad, func(b fault) bool { return b.cve == f.with }) {
			bad = append(bad, f)
		}
	}
	if len(bad) == 0 {
		return audit.OK("bash", "%s (%s) passes all %d tests for Shellshock", name, version, len(faults)), true
	}
	return finding(m, name, version, bad), true
}

// versionOf is the first line of "bash --version"; any other shell says something else, or
// fails.
func versionOf(m *audit.Machine, path string) (string, error) {
	r, err := runIn(m, "/", program.Command{Name: path, Args: []string{"--version"}})
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(r.Out), "\n")
	return show.Flat(line, 80), nil
}

const (
	oneTime    = 5 * time.Second // how long one test may take
	mostMemory = 1 << 30         // bytes; a bash that overwrites its memory can ask for all there is
)

func runIn(m *audit.Machine, dir string, c program.Command) (program.Result, error) {
	ctx, cancel := context.WithTimeout(m.Context(), oneTime)
	defer cancel()
	c.Dir, c.Memory = dir, mostMemory
	return m.Do(ctx, c)
}

// word is what a bash prints, or the name of the file it makes, when it runs the command of
// a test.
const word = "pbxjail_audit"

// fault is one of the faults of Shellshock, and its test.
type fault struct {
	cve    string
	means  string // what a bash with it does
	remote bool   // text in a variable is enough
	value  string // of the variable X
	script string // what bash gets with -c
	input  string // what bash gets on its standard input, when script is ""
	with   string // a fault that the same patch repairs, and whose test is more reliable
}

// faults are the tests. How each works is described in the advisories of the six numbers.
var faults = []fault{
	{cve: "CVE-2014-6271", means: "it runs a command behind a function in a variable", remote: true,
		value: "() { :; }; echo " + word, script: ":"},
	{cve: "CVE-2014-7169", means: "a broken function in a variable lets it write a file and run a command", remote: true,
		value: `() { (a)=>\`, script: word + " :"},
	{cve: "CVE-2014-6277", means: "a function in a variable makes it use memory that was never set, and crash", remote: true,
		value: "() { x() { _; }; x() { _; } <<a; }", script: ":"},
	{cve: "CVE-2014-6278", means: "it runs a command inside a function in a variable", remote: true,
		value: "() { _; } >_[$($())] { echo " + word + "; }", script: ":"},
	{cve: "CVE-2014-7186", means: "it crashes when one command has many here-documents",
		input: "true" + strings.Repeat(" <<E", 14) + "\n"},
	{cve: "CVE-2014-7187", means: "it writes beyond its memory when many loops are inside each other", with: "CVE-2014-7186",
		input: nested(200)},
}

// nested are loops inside each other.
func nested(deep int) string {
	var b strings.Builder
	for i := range deep {
		fmt.Fprintf(&b, "for x%d in ; do :\n", i)
	}
	return b.String() + strings.Repeat("done\n", deep)
}

// in reports whether a bash has the fault.
func (f fault) in(m *audit.Machine, path string) (bool, error) {
	dir, err := os.MkdirTemp("", "pbxjail-audit-")
	if err != nil {
		return false, hint.Add("make free space in the folder for temporary files; to see all disks: df -h", hint.Cannot(err))
	}
	defer os.RemoveAll(dir)
	c := program.Command{Name: path}
	if f.value != "" {
		c.Env = []string{"X=" + f.value}
	}
	if f.script != "" {
		c.Args = []string{"-c", f.script}
	} else {
		c.Input = []byte(f.input)
	}
	r, err := runIn(m, dir, c)
	if err != nil {
		return false, err
	}
	_, made := os.Lstat(filepath.Join(dir, word))
	crashed := r.Signal == syscall.SIGSEGV || r.Signal == syscall.SIGABRT || r.Signal == syscall.SIGBUS || r.Signal == syscall.SIGILL
	wild := bytes.Contains(r.Said, []byte("make_here_document: bad instruction type")) // bash:make_cmd.c, after it read what it overwrote
	return made == nil || crashed || wild || bytes.Contains(r.Out, []byte(word)), nil
}

// finding is about a bash with faults.
func finding(m *audit.Machine, name, version string, bad []fault) findings.Finding {
	f := findings.Finding{
		About: "bash", Severity: findings.Risky,
		What:     fmt.Sprintf("%s crashes on text that was made for it. It is older than the repair of September 2014", name),
		Evidence: []string{name + ": " + version},
	}
	for _, one := range bad {
		f.Evidence = append(f.Evidence, one.cve+": "+one.means)
		f.References = append(f.References, one.cve)
		if one.remote {
			f.Severity = findings.Broken
			f.What = fmt.Sprintf("%s has the fault Shellshock: a stranger who sends a request to a web page or a service that starts bash can run commands on this machine", name)
		}
	}
	f.Fix = []findings.Step{findings.Command("jailctl audit --only shellshock")}
	s := m.System()
	upgrade := s.Upgrade("bash", "bash")
	f.Hint = "install a newer bash. If your system offers none, its support has ended: move the PBX to a newer system, and close the web ports to the world until then"
	if upgrade != "" {
		f.Fix = append([]findings.Step{findings.Command(upgrade)}, f.Fix...)
	}
	return f
}
