package watcher

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// asNobody runs f in a goroutine on a thread that reads files as an ordinary user. setfsuid(2)
// concerns one thread and takes its right to read everything; the thread ends with
// the goroutine, because it is never unlocked.
func asNobody(f func()) {
	go func() {
		if os.Getuid() == 0 {
			runtime.LockOSThread()
			_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		}
		f()
	}()
}

// openFolder lets others into a folder of the test.
func openFolder(t *testing.T, dir string) {
	t.Helper()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(dir, 0o755))
}

func TestPermission(t *testing.T) {
	for name, tc := range map[string]struct{ deny, allow func(path string) error }{
		"of the file": {
			func(path string) error { return os.Chmod(path, 0) },
			func(path string) error { return os.Chmod(path, 0o644) },
		},
		"of the folder": {
			func(path string) error { return os.Chmod(filepath.Dir(path), 0) },
			func(path string) error { return os.Chmod(filepath.Dir(path), 0o755) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			openFolder(t, dir)
			path := filepath.Join(dir, "log", "full")
			must(t, os.Mkdir(filepath.Dir(path), 0o755))
			t.Cleanup(func() { _ = tc.allow(path) })
			writer := appendTo(t, path)
			write(t, writer, "1\n")
			must(t, tc.deny(path))

			r := &watching{t: t}
			r.Watcher = New(Options{Patterns: []string{path}, Notify: func(file string, problem error) {
				r.mu.Lock()
				defer r.mu.Unlock()
				if problem == nil {
					r.problems = append(r.problems, "none")
				} else {
					r.problems = append(r.problems, problem.Error())
				}
			}})
			modes["tick"](r.Watcher)
			r.run(r.take, asNobody)

			r.until("it is told", func() bool { return len(r.told()) == 1 })
			if got := r.told()[0]; !strings.HasSuffix(got, "permission denied") {
				t.Errorf("told: got %q, want permission denied", got)
			}
			write(t, writer, "2\n")
			must(t, tc.allow(path))
			r.want("1", "2")
			if got := r.told(); len(got) != 2 || got[1] != "none" {
				t.Errorf("told: got %q, want one problem and its end", got)
			}
			r.mu.Lock()
			if !r.blocks[0].Old {
				t.Error("lines of before: got not Old, want Old")
			}
			r.mu.Unlock()
			// An open file is read on, whatever its mode.
			must(t, os.Chmod(path, 0))
			write(t, writer, "3\n")
			r.want("1", "2", "3")
			if got := r.told(); slices.Contains(got[2:], "none") {
				t.Errorf("told: got %q", got)
			}
		})
	}
}
