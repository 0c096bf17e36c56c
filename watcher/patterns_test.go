package watcher

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// TestSetPatterns: jails come and go while the daemon runs.
func TestSetPatterns(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
		for _, path := range []string{a, b, c} {
			put(t, path, "before\n")
		}
		r := watch(t, Options{Patterns: []string{a, b}}, mode)
		put(t, a, "1\n")
		r.want("1")
		put(t, b, "2\n")
		r.want("1", "2")
		r.SetPatterns([]string{b, filepath.Join(dir, "c*"), b})
		r.until("c is followed and a is not", func() bool { return slices.Equal(r.followed(), []string{"b", "c"}) })
		put(t, a, "3 while not followed\n")
		put(t, c, "4\n")
		r.want("1", "2", "4")
		put(t, b, "5\n")
		r.want("1", "2", "4", "5")
		// Followed again, it goes on where it was left, by its own clock.
		r.SetPatterns([]string{a, b})
		r.want("1", "2", "4", "5", "3 while not followed")
		r.mu.Lock()
		defer r.mu.Unlock()
		if last := r.blocks[len(r.blocks)-1]; !last.Old {
			t.Errorf("block %q: got not Old, want Old", last.Data)
		}
	})
}

// TestNameBecomesGlob: a file is dropped with the glob that matches it now.
func TestNameBecomesGlob(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	put(t, path, "")
	r := watch(t, Options{Patterns: []string{path}}, func(w *Watcher) {
		modes["tick"](w)
		w.quiet = 0
	})
	r.SetPatterns([]string{path + "*"})
	put(t, path, "1\n")
	r.want("1")
	must(t, os.Remove(path))
	r.until("it is dropped", func() bool { return len(r.Files()) == 0 })
}

// TestWatchesGo: folders that are not needed any more are not watched.
func TestWatchesGo(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	r := watch(t, Options{Patterns: []string{filepath.Join(a, "full")}}, modes["events"])
	r.untilWatched(a)
	r.SetPatterns([]string{filepath.Join(b, "full")})
	r.untilWatched(b)
	r.until("the first is not watched", func() bool { return !watched(t, a) })
}

// TestDeliverFails: what deliver returns ends Run.
func TestDeliverFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	put(t, path, "1\n")
	want := errors.New("enough")
	got := New(Options{Patterns: []string{path}}).Run(t.Context(), func(Block) error { return want })
	if !errors.Is(got, want) {
		t.Errorf("Run: got %v, want %v", got, want)
	}
}

// TestStartAndStop: Run leaves nothing behind, and can be called again.
func TestStartAndStop(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "full")
	put(t, path, "")
	w := New(Options{Patterns: []string{path, filepath.Join(dir, "none", "full"), filepath.Join(dir, "*.log")}})
	before, files := runtime.NumGoroutine(), openFiles(t)
	r := &watching{t: t, Watcher: w}
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx, func(Block) error { cancel(); return nil }) }()
		if err := <-done; err != nil {
			t.Fatalf("Run: got %v, want nil", err)
		}
	}
	r.until("all goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
	if got := openFiles(t); got > files {
		t.Errorf("open files after Run: got %d, want %d", got, files)
	}
	if got := w.Files(); len(got) != 0 {
		t.Errorf("files after Run: got %v, want none", got)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(fds)
}

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	put(t, path, "before\n")
	r := watch(t, Options{Patterns: []string{path}}, modes["events"])
	if s := r.state(path); s.Offset != 7 || !s.LastLine.IsZero() {
		t.Errorf("at the start: got %+v, want offset 7 and no line", s)
	}
	put(t, path, "12345\n678")
	r.until("it is read", func() bool { return unread(r.state(path)) == 3 })
	if s := r.state(path); s.Offset != 13 || s.Size != 16 || s.LastLine.IsZero() || s.Problem != nil || s.Older != 0 {
		t.Errorf("after a line: got %+v, want offset 13 of 16", s)
	}
}
