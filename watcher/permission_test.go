package watcher

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asUnprivileged runs f in a goroutine on a thread that reads files as an ordinary user. setfsuid(2)
// concerns one thread and takes its right to read everything; the thread ends with
// the goroutine, because it is never unlocked.
func asUnprivileged(f func()) {
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

// watchUnprivileged is watch for an ordinary user, by the tick and by events.
func watchUnprivileged(t *testing.T, path string) *watching {
	r := &watching{t: t}
	r.Watcher = New(Options{Patterns: []string{path}, Tick: time.Millisecond, Notify: r.notify})
	r.run(r.take, asUnprivileged)
	return r
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

			r := watchUnprivileged(t, path)

			reported := func() []string { // of the folder there may be more
				return slices.DeleteFunc(r.reported(), func(s string) bool { return !strings.HasPrefix(s, "full: ") })
			}
			r.until("it is reported", func() bool { return len(reported()) == 1 })
			if got := reported()[0]; !strings.HasSuffix(got, "permission denied") {
				t.Errorf("reported: got %q, want permission denied", got)
			}
			write(t, writer, "2\n")
			must(t, tc.allow(path))
			r.want("1", "2")
			if got := reported(); len(got) != 2 || got[1] != "full: <nil>" {
				t.Errorf("reported: got %q, want one problem and its end", got)
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
			if got := reported(); len(got) != 2 {
				t.Errorf("reported: got %q, want nothing more", got)
			}
		})
	}
}

// TestUnreadableFolder: a file can be read in a folder that cannot, but
// inotify_add_watch(2) wants to read it. The tick serves meanwhile.
func TestUnreadableFolder(t *testing.T) {
	dir := t.TempDir()
	openFolder(t, dir)
	folder := filepath.Join(dir, "log")
	path := filepath.Join(folder, "full")
	must(t, os.Mkdir(folder, 0o755))
	put(t, path, "")
	must(t, os.Chmod(folder, 0o311))
	r := watchUnprivileged(t, path)
	r.until("it is reported", func() bool { return len(r.reported()) == 1 })
	if got, want := r.reported()[0], "log: "+folder+": the kernel does not report changes: permission denied"; got != want {
		t.Errorf("reported: got %q, want %q", got, want)
	}
	put(t, path, "1\n")
	r.want("1")
	must(t, os.Chmod(folder, 0o755))
	r.until("the end is reported", func() bool { return len(r.reported()) == 2 })
	r.untilWatched(folder)
}
