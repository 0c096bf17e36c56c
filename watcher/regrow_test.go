package watcher

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// untilBusy waits until Run has come to deliver, which the caller holds back by
// its lock.
func (r *watching) untilBusy() {
	r.t.Helper()
	r.until("deliver is called", func() bool { return r.arrived.Load() > r.delivered.Load() })
}

// numbered makes lines of one length, as alike as records of one kind.
func numbered(from, to int) (lines []string, text string) {
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("#%010d Request 'REGISTER' from '<sip:100@pbx>' failed for '192.0.2.1:5060' (callid: x)", i))
	}
	return lines, strings.Join(lines, "\n") + "\n"
}

// TestTruncRegrow: truncated, and grown past where we were before we looked. The
// size says nothing, the seam does. With a copy nothing is lost; without one, what
// was not read when the bytes went.
func TestTruncRegrow(t *testing.T) {
	for _, withCopy := range []bool{true, false} {
		t.Run(fmt.Sprintf("copy %v", withCopy), func(t *testing.T) {
			eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
				path := filepath.Join(dir, "full")
				writer := appendTo(t, path)
				r := watch(t, Options{Patterns: []string{path}}, mode)
				want, text := numbered(0, 1000)
				write(t, writer, text)
				r.until("all lines came", func() bool { return len(r.lines()) == 1000 })
				r.mu.Lock()
				busy, text := numbered(1000, 1001)
				write(t, writer, text)
				r.untilBusy()
				unread, text := numbered(1001, 1100)
				write(t, writer, text)
				if withCopy {
					copyTo(t, path, path+".1")
				}
				must(t, os.Truncate(path, 0))
				after, text := numbered(1100, 2300)
				write(t, writer, text)
				r.mu.Unlock()
				want = append(want, busy...)
				if withCopy {
					want = append(want, unread...)
				}
				want = append(want, after...)
				r.until("all lines came", func() bool { return len(r.lines()) >= len(want) })
				if got := r.lines(); !slices.Equal(got, want) {
					t.Fatalf("got %d lines, %.80q first and %.80q last, want %d", len(got), got[0], got[len(got)-1], len(want))
				}
			})
		})
	}
}

// TestRegrowIsJudgedByItsClock: a file that is found rewritten may hold anything.
func TestRegrowIsJudgedByItsClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	put(t, path, "")
	r := watch(t, Options{Patterns: []string{path}}, modes["events"])
	put(t, path, "first\n")
	r.want("first")
	r.mu.Lock()
	put(t, path, "second\n")
	r.untilBusy()
	must(t, os.WriteFile(path, []byte("other text, and more than there was\n"), 0o644))
	r.mu.Unlock()
	r.want("first", "second", "other text, and more than there was")
	r.wantOld("other text, and more than there was\n")
}

// TestRegrowAfterResume: the file was resumed, and no line has come in this run.
func TestRegrowAfterResume(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "full"), filepath.Join(dir, "other")
	put(t, path, "")
	put(t, other, "")
	r := watch(t, Options{Patterns: []string{path}}, modes["events"])
	put(t, path, "1 was read\n")
	r.want("1 was read")
	r.stop()
	r = watch(t, Options{Patterns: []string{path, other}, Resume: remembered(r.last(path))}, modes["events"])
	r.mu.Lock()
	put(t, other, "deliver is held back\n")
	r.untilBusy()
	put(t, path, "2 was not read\n")
	copyTo(t, path, path+".1")
	must(t, os.Truncate(path, 0))
	put(t, path, "3 is more than there was\n")
	r.mu.Unlock()
	r.want("deliver is held back", "2 was not read", "3 is more than there was")
}
