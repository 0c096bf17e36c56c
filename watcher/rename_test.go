package watcher

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestRename(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		put(t, path, "before\n")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		put(t, path, "1\n")
		r.want("1")
		put(t, path, "2\n")
		must(t, os.Rename(path, path+".1"))
		put(t, path, "3\n")
		r.want("1", "2", "3")
	})
}

// TestRenameOrder: what the old inode still holds comes before the new file.
func TestRenameOrder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "full")
	put(t, path, "")
	r := watch(t, Options{Patterns: []string{path}}, modes["events"])
	r.mu.Lock() // holds deliver back, so that both files have lines when it goes on
	put(t, path, "1\n")
	r.untilBusy()
	put(t, path, "2\n")
	must(t, os.Rename(path, path+".1"))
	put(t, path, "4\n")
	put(t, path+".1", "3\n")
	r.mu.Unlock()
	r.want("1", "2", "3", "4")
}

// TestRenameLate: Asterisk writes to the renamed file until an admin makes it reopen.
func TestRenameLate(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		write(t, writer, "1\n")
		r.want("1")
		must(t, os.Rename(path, path+".1"))
		put(t, path, "2\n")
		r.want("1", "2")
		write(t, writer, "3\n")
		r.want("1", "2", "3")
		put(t, path, "4\n")
		r.want("1", "2", "3", "4")
		if got := r.state(path).Older; got != 1 {
			t.Errorf("older inodes open: got %d, want 1", got)
		}
	})
}

// TestRenameGap: nothing takes the place of the renamed file for a while.
func TestRenameGap(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		must(t, os.Rename(path, path+".1"))
		write(t, writer, "1\n")
		r.want("1")
		write(t, writer, "2\n")
		put(t, path, "3\n")
		r.want("1", "2", "3")
		if reported := r.reported(); len(reported) > 0 {
			t.Errorf("a rotation is no problem: got %q", reported)
		}
	})
}

func TestMovedAwayAndBack(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		put(t, path, "")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		put(t, path, "1\n")
		r.want("1")
		must(t, os.Rename(path, path+".bak"))
		put(t, path, "2\n")
		r.want("1", "2")
		must(t, os.Rename(path+".bak", path))
		put(t, path, "3\n")
		r.want("1", "2", "3")
	})
}

// TestOldInodeIsClosed: a rotated inode is kept while it may be written, not
// without end. The clock is the bubble's, so the tick alone must do.
func TestOldInodeIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, func(w *Watcher) { w.deaf = true })
		must(t, os.Rename(path, path+".1"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := r.state(path).Older; got != 1 {
			t.Fatalf("nothing took its place: got %d open, want 1", got)
		}
		put(t, path, "1\n")
		time.Sleep(30 * time.Second)
		write(t, writer, "2\n")
		time.Sleep(50 * time.Second)
		write(t, writer, "3\nno newl")
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if got := r.state(path).Older; got != 1 {
			t.Fatalf("50 s after its last line: got %d open, want 1", got)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := r.state(path).Older; got != 0 {
			t.Fatalf("70 s after its last line: got %d open, want 0", got)
		}
		r.want("1", "2", "3")
		if got := r.cuts(); len(got) != 1 || got[0] != "no newl\n" {
			t.Errorf("cut: got %q, want the line that was never ended", got)
		}
		// Back under its name it goes on where it was left.
		must(t, os.Rename(path+".1", path))
		write(t, writer, "ine\n4\n")
		time.Sleep(time.Second)
		synctest.Wait()
		r.want("1", "2", "3", "4")
		r.stop()
	})
}

// TestManyRotations: the number of open inodes is bounded, and none is closed
// before it is read.
func TestManyRotations(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		put(t, path, "")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		var want []string
		for i := range 3 * maxOlder {
			line := strconv.Itoa(i)
			put(t, path, line+"\n")
			want = append(want, line)
			r.want(want...)
			must(t, os.Rename(path, path+"."+line))
		}
		put(t, path, "end\n")
		r.want(append(want, "end")...)
		if got := r.state(path).Older; got != maxOlder {
			t.Errorf("older inodes open: got %d, want %d", got, maxOlder)
		}
	})
}

// TestMovedIn: what a file holds that is moved into place is judged by its own
// clock, what is written to it then is live.
func TestMovedIn(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		put(t, path, "")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		put(t, path, "live\n")
		r.want("live")
		put(t, path+".new", "of yesterday\n")
		must(t, os.Rename(path+".new", path))
		r.want("live", "of yesterday")
		put(t, path, "live\n")
		r.want("live", "of yesterday", "live")
		r.wantOld("of yesterday\n")
	})
}

// wantOld checks which blocks are marked Old.
func (r *watching) wantOld(old ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.blocks {
		if got, want := b.Old, slices.Contains(old, string(b.Data)); got != want {
			r.t.Errorf("block %q: got Old %v, want %v", b.Data, got, want)
		}
	}
}

// TestEditorReplaces: a log that an editor has replaced is not read again, where it is
// the same; otherwise it is, by its own clock.
func TestEditorReplaces(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		put(t, path, "")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		put(t, path, "1\n2\n")
		r.want("1", "2")
		copyTo(t, path, path+".new")
		must(t, os.Rename(path+".new", path))
		put(t, path, "3\n")
		r.want("1", "2", "3")
		put(t, path+".new", "1\n3\n")
		must(t, os.Rename(path+".new", path))
		r.want("1", "2", "3", "1", "3")
		put(t, path, "4\n")
		r.want("1", "2", "3", "1", "3", "4")
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, b := range r.blocks {
			if string(b.Data) == "1\n3\n" && !b.Old {
				t.Errorf("block %q: got not Old, want Old", b.Data)
			}
		}
	})
}
