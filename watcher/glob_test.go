package watcher

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// followed lists the names of what is followed.
func (r *watching) followed() (names []string) {
	for _, s := range r.Files() {
		names = append(names, filepath.Base(s.File))
	}
	return names
}

func TestGlob(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		put(t, filepath.Join(dir, "security"), "before\n")
		put(t, filepath.Join(dir, "other"), "before\n")
		r := watch(t, Options{Patterns: []string{filepath.Join(dir, "security*")}}, mode)
		r.until("the file is followed", func() bool { return len(r.Files()) == 1 })
		put(t, filepath.Join(dir, "security"), "1\n")
		r.want("1")
		put(t, filepath.Join(dir, "security_log"), "2\n")
		put(t, filepath.Join(dir, "other"), "not this\n")
		put(t, filepath.Join(dir, "security.gz"), "nor this\n")
		put(t, filepath.Join(dir, "security_log"), "3\n")
		r.want("1", "2", "3")
		if got, want := r.followed(), []string{"security", "security_log"}; !slices.Equal(got, want) {
			t.Errorf("followed: got %q, want %q", got, want)
		}
	})
}

func TestGlobMatchesNothingYet(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		folder := filepath.Join(dir, "log", "asterisk")
		r := watch(t, Options{Patterns: []string{filepath.Join(folder, "*.log")}}, mode)
		r.until("it is reported", func() bool { return len(r.reported()) == 1 })
		must(t, os.MkdirAll(folder, 0o755))
		r.untilWatched(folder)
		put(t, filepath.Join(folder, "full.log"), "1\n")
		r.want("1")
		if got := r.reported(); len(got) != 2 || got[1] != "*.log: <nil>" {
			t.Errorf("reported: got %q, want a problem and its end", got)
		}
	})
}

// TestFolderMadeMeanwhile: a folder is made after the watcher looked for it, and before the
// kernel reports what is made there. No event comes, and the watcher sees it nevertheless.
func TestFolderMadeMeanwhile(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "log", "asterisk")
	l := newLoop(New(Options{Patterns: []string{filepath.Join(folder, "*.log")}}), func(Block) error { return nil })
	defer l.close()
	l.tick = time.NewTimer(time.Hour)
	defer l.tick.Stop()
	must(t, l.repattern(time.Now()))
	deeper := []string{filepath.Join(dir, "log"), folder}
	l.wake.asking = func() {
		if len(deeper) > 0 {
			must(t, os.Mkdir(deeper[0], 0o755))
			deeper = deeper[1:]
		}
	}
	must(t, l.rewatch())
	if !l.wake.watched[folder] {
		t.Errorf("watched: got %v, want %s", l.wake.watched, folder)
	}
}

// TestGlobRotation: the pattern matches what the rotation makes as well. None of
// it is read twice.
func TestGlobRotation(t *testing.T) {
	for name, rotate := range map[string]func(t *testing.T, path string){
		"rename": func(t *testing.T, path string) { must(t, os.Rename(path, path+".1")) },
		"date":   func(t *testing.T, path string) { must(t, os.Rename(path, path+"-20260102")) },
		"copytruncate": func(t *testing.T, path string) {
			copyTo(t, path, path+".1")
			must(t, os.Truncate(path, 0))
		},
		"compressed": func(t *testing.T, path string) {
			copyTo(t, path, path+"-20260102.gz")
			must(t, os.Remove(path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
				path := filepath.Join(dir, "security")
				put(t, path, "before\n")
				r := watch(t, Options{Patterns: []string{path + "*"}}, mode)
				r.until("it is followed", func() bool { return len(r.Files()) == 1 })
				put(t, path, "1\n")
				r.want("1")
				rotate(t, path)
				put(t, path, "2\n")
				r.want("1", "2")
				put(t, path, "3\n")
				r.want("1", "2", "3")
				if got, want := r.followed(), []string{"security"}; !slices.Equal(got, want) {
					t.Errorf("followed: got %q, want %q", got, want)
				}
			})
		})
	}
}

func TestRotatedFrom(t *testing.T) {
	for name, want := range map[string]string{
		"full.1": "full", "full.0": "full", "full.12": "full", "full-20260102": "full", "full-20260102-1700000000": "full",
		"full.1700000000": "full", "full-2026-01-02": "full", "full-2026-01-02T03:04:05": "full", "full.old": "full",
		"full-20260102.log": "full.log full", "full.log.1": "full.log", "full.1.log": "full.log full",
		"full": "", "full-2x": "", "full_debug": "", "full.log": "", "1": "", ".1": "", "queue_log": "", "20260102": "",
	} {
		if got := strings.Join(rotatedFrom(name), " "); got != want {
			t.Errorf("rotatedFrom(%q): got %q, want %q", name, got, want)
		}
	}
}

// TestDatedFiles: files named by date without one to be rotated from are logs.
func TestDatedFiles(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		put(t, filepath.Join(dir, "full-20260101"), "before\n")
		r := watch(t, Options{Patterns: []string{filepath.Join(dir, "full*")}}, mode)
		r.until("it is followed", func() bool { return len(r.Files()) == 1 })
		put(t, filepath.Join(dir, "full-20260101"), "1\n")
		r.want("1")
		put(t, filepath.Join(dir, "full-20260102"), "2\n")
		r.want("1", "2")
	})
}

// TestGlobDrops: a file that a glob found and that is gone is dropped.
func TestGlobDrops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	put(t, path, "")
	r := watch(t, Options{Patterns: []string{filepath.Join(filepath.Dir(path), "*.log")}}, func(w *Watcher) {
		modes["tick"](w)
		w.quiet = 0
	})
	r.until("it is followed", func() bool { return len(r.Files()) == 1 })
	put(t, path, "1\nno newline")
	r.want("1")
	must(t, os.Remove(path))
	r.until("it is dropped", func() bool { return len(r.Files()) == 0 })
	r.want("1")
	if got := r.cuts(); !slices.Equal(got, []string{"no newline\n"}) {
		t.Errorf("cut: got %q, want the line that was never ended", got)
	}
	put(t, path, "2\n")
	r.want("1", "2")
}

// TestGlobRenameLate: nothing takes the place of a log that had been quiet, and
// its writer goes on.
func TestGlobRenameLate(t *testing.T) {
	for _, pattern := range []string{"*.log", "full*"} { // which match the new name as well, or not
		t.Run(pattern, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "full.log")
				writer := appendTo(t, path)
				r := watch(t, Options{Patterns: []string{filepath.Join(filepath.Dir(path), pattern)}}, func(w *Watcher) { w.deaf = true })
				time.Sleep(5 * time.Minute)
				must(t, os.Rename(path, path+".1"))
				time.Sleep(30 * time.Second)
				write(t, writer, "1\n")
				time.Sleep(30 * time.Second)
				synctest.Wait()
				r.want("1")
				time.Sleep(5 * time.Minute)
				if pattern == "full*" {
					// The rotated file is the log now, from where it was left.
					write(t, writer, "2\n")
					time.Sleep(time.Second)
					r.want("1", "2")
				}
				r.stop()
			})
		})
	}
}

func TestBadPattern(t *testing.T) {
	r := watch(t, Options{Patterns: []string{"/nowhere/[full"}}, modes["tick"])
	r.until("it is reported", func() bool { return len(r.reported()) > 0 })
	if got, want := r.reported()[0], "[full: /nowhere/[full: syntax error in pattern"; got != want {
		t.Errorf("reported: got %q, want %q", got, want)
	}
}

// TestDropInsideLongLine: the end of a line that was cut is not handed out.
func TestDropInsideLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	put(t, path, "")
	r := watch(t, Options{Patterns: []string{filepath.Join(filepath.Dir(path), "*.log")}}, func(w *Watcher) {
		modes["tick"](w)
		w.quiet = 0
	})
	r.until("it is followed", func() bool { return len(r.Files()) == 1 })
	put(t, path, strings.Repeat("x", MaxLine+1))
	r.until("it is cut", func() bool { return len(r.cuts()) == 1 })
	must(t, os.Remove(path))
	r.until("it is dropped", func() bool { return len(r.Files()) == 0 })
	if got := r.cuts(); len(got) != 1 {
		t.Errorf("cut: got %d pieces, want 1", len(got))
	}
}

// TestTooManyFiles: the number is bounded, those called by name come first, and a
// place that becomes free is taken.
func TestTooManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range MaxFiles + 1 {
		put(t, filepath.Join(dir, fmt.Sprintf("a%03d.log", i)), "before\n")
	}
	byName := filepath.Join(dir, "named")
	r := watch(t, Options{Patterns: []string{filepath.Join(dir, "*.log"), byName}}, func(w *Watcher) {
		modes["tick"](w)
		w.quiet = 0
	})
	r.until("all places are taken", func() bool { return len(r.Files()) == MaxFiles })
	if r.state(byName).File == "" {
		t.Error("the file called by name is not followed")
	}
	reported := slices.DeleteFunc(r.reported(), func(s string) bool { return strings.HasPrefix(s, "named") })
	if want := fmt.Sprintf("*.log: %s/*.log: matches more than %d files. pbxjail reads only so many, and cannot see attacks in the other files", dir, MaxFiles); !slices.Equal(reported, []string{want}) {
		t.Errorf("reported: got %q, want %q", reported, want)
	}
	must(t, os.Remove(filepath.Join(dir, "a000.log")))
	must(t, os.Remove(filepath.Join(dir, "a001.log")))
	r.until("all are followed", func() bool { return r.state(filepath.Join(dir, "a200.log")).File != "" })
	r.until("the end is reported", func() bool { return slices.Contains(r.reported(), "*.log: <nil>") })
	put(t, filepath.Join(dir, "a200.log"), "1\n")
	r.want("1")
}
