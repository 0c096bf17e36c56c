// Package audittest makes small machines for tests of the parts of jailctl audit. Tests call
// it. Nothing that is shipped may import it.
package audittest

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
)

// Now is the time on a small machine.
var Now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Machine is a machine with these files: a name that begins with "/", and the content. A
// content that begins with "-> " is a symbolic link to what follows. It has no programs and
// no connections: set Run and Dial for them.
func Machine(t testing.TB, files map[string]string) *audit.Machine {
	t.Helper()
	m := &audit.Machine{Name: "pbx", Now: Now, Root: t.TempDir()}
	for name, content := range files {
		Write(t, m, name, content)
	}
	return m
}

// Write puts one more file on the machine, or replaces one.
func Write(t testing.TB, m *audit.Machine, name, content string) {
	t.Helper()
	path := filepath.Join(m.Root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	var err error
	if target, is := strings.CutPrefix(content, "-> "); is {
		err = os.Symlink(target, path)
	} else {
		err = os.WriteFile(path, []byte(content), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Chmod sets the mode of a file or folder of the machine.
func Chmod(t testing.TB, m *audit.Machine, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(m.Root, name), mode); err != nil {
		t.Fatal(err)
	}
}

// noRights is a user without rights.
const noRights = 65534

// AsOrdinaryUser calls do with the rights to files that a user without rights has, as root or
// as yourself. Programs that do starts have your own rights.
func AsOrdinaryUser(t testing.TB, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: its thread ends with it
		if _, err := unix.SetfsuidRetUid(noRights); err != nil {
			t.Error(err)
			return
		}
		do()
	}()
	<-done
}

// Run runs the checks over the machine.
func Run(m *audit.Machine, checks []findings.Check[*audit.Machine]) []findings.Finding {
	return audit.Examine(context.Background(), m, []audit.Part{{Name: "test", Checks: checks}}).Findings
}

// Text is the findings for a test to compare and to print: one line each, without what to do.
func Text(list []findings.Finding) string {
	var b strings.Builder
	for _, f := range list {
		b.WriteString(f.Severity.String() + " " + cmp.Or(f.Check, "?") + " " + f.About + ": " + f.What + "\n")
		for _, e := range f.Evidence {
			b.WriteString("   found: " + e + "\n")
		}
	}
	return b.String()
}

// Worst is the severity of the worst finding of a check; OK when there is none.
func Worst(list []findings.Finding, check string) (worst findings.Severity) {
	for _, f := range list {
		if f.Check == check {
			worst = max(worst, f.Severity)
		}
	}
	return worst
}
