package watcher

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRestartResume: whatever became of the file in between, each line
// is handed out once over both runs.
func TestRestartResume(t *testing.T) {
	for name, tc := range map[string]struct {
		meanwhile func(t *testing.T, path string)
		want      []string
	}{
		"nothing":  {func(*testing.T, string) {}, nil},
		"appended": {func(t *testing.T, path string) { put(t, path, "3\n") }, []string{"3"}},
		"rotated": {func(t *testing.T, path string) {
			put(t, path, "3\n")
			must(t, os.Rename(path, path+".1"))
			put(t, path, "4\n")
		}, []string{"3", "4"}},
		"rotated, nothing in its place": {func(t *testing.T, path string) {
			put(t, path, "3\n")
			must(t, os.Rename(path, path+"-20260102"))
		}, []string{"3"}},
		"rotated three times": {func(t *testing.T, path string) {
			put(t, path+".9", "of long ago\n")
			age(t, path+".9", -10)
			put(t, path, "3\n")
			age(t, path, -3)
			must(t, os.Rename(path, path+".3"))
			put(t, path+".2", "between\n")
			age(t, path+".2", -2)
			put(t, path+".1", "and behind that\n")
			age(t, path+".1", -1)
			put(t, path, "4\n")
		}, []string{"3", "between", "and behind that", "4"}},
		"copied and truncated twice": {func(t *testing.T, path string) {
			put(t, path, "3\n")
			copyTo(t, path, path+".2")
			age(t, path+".2", -2)
			put(t, path+".1", "between\n")
			age(t, path+".1", -1)
			must(t, os.Truncate(path, 0))
			put(t, path, "4\n")
		}, []string{"3", "between", "4"}},
		"rotated by Asterisk's numbers": {func(t *testing.T, path string) {
			put(t, path, "3\n")
			must(t, os.Rename(path, path+".0"))
			put(t, path, "4\n")
		}, []string{"3", "4"}},
		"deleted": {func(t *testing.T, path string) {
			must(t, os.Remove(path))
			put(t, path, "one of another kind\n")
		}, []string{"one of another kind"}},
		"copied and truncated": {func(t *testing.T, path string) {
			put(t, path, "3\n")
			copyTo(t, path, path+".1")
			must(t, os.Truncate(path, 0))
			put(t, path, "4\n")
		}, []string{"3", "4"}},
		"copied, truncated, grown": {func(t *testing.T, path string) {
			put(t, path, "3\n")
			copyTo(t, path, path+".1")
			must(t, os.Truncate(path, 0))
			put(t, path, "a longer one\nthan was there\n")
		}, []string{"3", "a longer one", "than was there"}},
		"rewritten": {func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte("other text, and more of it\n"), 0o644))
		}, []string{"other text, and more of it"}},
		"a sibling begins alike": {func(t *testing.T, path string) {
			put(t, filepath.Join(filepath.Dir(path), "messages"), "before\n1\n2\nof messages\n")
			must(t, os.Remove(path))
			put(t, path, "4\n")
		}, []string{"4"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
				path := filepath.Join(dir, "full")
				put(t, path, "before\n")
				r := watch(t, Options{Patterns: []string{path}}, mode)
				put(t, path, "1\n2\n")
				r.want("1", "2")
				r.stop()
				tc.meanwhile(t, path)
				r = watch(t, Options{Patterns: []string{path}, Resume: remembered(r.last(path))}, mode)
				r.until("all came", func() bool { return len(r.lines()) >= len(tc.want) })
				for _, b := range r.blocks {
					if !b.Old {
						t.Errorf("block %q: got not Old, want Old", b.Data)
					}
				}
				put(t, path, "end\n")
				r.want(append(slices.Clone(tc.want), "end")...)
			})
		})
	}
}

// TestRestartMisses: a file between that was compressed while pbxjail did not run is counted,
// and one that was compressed before is not.
func TestRestartMisses(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		put(t, path+".4", "of long ago\n")
		age(t, path+".4", -10)
		compress(t, path+".4")
		put(t, path, "before\n")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		put(t, path, "1\n")
		r.want("1")
		r.stop()
		age(t, path, -3)
		must(t, os.Rename(path, path+".3"))
		put(t, path+".2", "compressed\n")
		age(t, path+".2", -2)
		compress(t, path+".2")
		put(t, path, "2\n")
		var missed atomic.Int64
		r = watch(t, Options{Patterns: []string{path}, Resume: remembered(r.last(path)),
			Missed: func(string, int) { missed.Add(1) }}, mode)
		r.want("2")
		r.until("what is lost is counted", func() bool { return r.state(path).Missed == 1 && missed.Load() == 1 })
	})
}

// TestResumeOfNothing: the place is remembered though no line came in a first run.
func TestResumeOfNothing(t *testing.T) {
	for _, before := range []string{"", "before\n"} {
		t.Run(fmt.Sprintf("%q", before), func(t *testing.T) {
			eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
				path := filepath.Join(dir, "full")
				put(t, path, before)
				r := watch(t, Options{Patterns: []string{path}}, mode)
				r.stop()
				put(t, path, "1\n")
				r = watch(t, Options{Patterns: []string{path}, Resume: remembered(r.last(path))}, mode)
				r.want("1")
			})
		})
	}
}

// TestResumeDuringRotation: both inodes had been read in part.
func TestResumeDuringRotation(t *testing.T) {
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
		r.stop()
		write(t, writer, "4\n")
		put(t, path, "5\n")
		p := r.last(path)
		if len(p.Older) != 1 {
			t.Fatalf("remembered: got %d older inodes, want 1", len(p.Older))
		}
		r = watch(t, Options{Patterns: []string{path}, Resume: remembered(p)}, mode)
		r.want("4", "5")
	})
}

// TestResumedRotation: the rotated file is still being written after the restart.
func TestResumedRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	writer := appendTo(t, path)
	write(t, writer, "1\n")
	r := watch(t, Options{Patterns: []string{path}}, modes["events"])
	r.stop()
	p := r.last(path)
	must(t, os.Rename(path, path+".1"))
	put(t, path, "2\n")
	synctest.Test(t, func(t *testing.T) {
		r := watch(t, Options{Patterns: []string{path}, Resume: remembered(p)}, func(w *Watcher) { w.deaf = true })
		time.Sleep(30 * time.Second)
		write(t, writer, "3\n")
		time.Sleep(time.Second)
		synctest.Wait()
		r.want("2", "3")
		r.stop()
	})
}

// TestReusedInode: a new file got the inode of the one that is remembered.
func TestReusedInode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	put(t, path, "of the new file\nmore\n")
	info, err := os.Stat(path)
	must(t, err)
	id := identityOf(info)
	file, err := os.Open(path)
	must(t, err)
	defer file.Close()
	for name, p := range map[string]Position{
		"other head":     {File: path, Dev: id.dev, Inode: id.ino, Offset: 16, Head: []byte("\x00\x10aaaaaaaaaaaaaaaa")},
		"longer head":    {File: path, Dev: id.dev, Inode: id.ino, Offset: 16, Head: []byte("\x04\x00aaaaaaaaaaaaaaaa")},
		"no head":        {File: path, Dev: id.dev, Inode: id.ino, Offset: 16},
		"at its begin":   {File: path, Dev: id.dev, Inode: id.ino, Head: []byte("x")},
		"rubbish":        {File: path, Dev: id.dev, Inode: id.ino, Offset: 16, Head: []byte("x")},
		"behind its end": {File: path, Dev: id.dev, Inode: id.ino, Offset: 1 << 40},
		"negative":       {File: path, Dev: id.dev, Inode: id.ino, Offset: -5, Head: fingerprint(file, 16)},
	} {
		t.Run(name, func(t *testing.T) {
			r := watch(t, Options{Patterns: []string{path}, Resume: remembered(p)}, modes["tick"])
			r.want("of the new file", "more")
			if got, want := r.last(path).Head, fingerprint(file, 21); !slices.Equal(got, want) {
				t.Errorf("head: got %x, want %x", got, want)
			}
		})
	}
}

// TestResumeElsewhere: the remembered file is not there at first, as when its
// file system is mounted late.
func TestResumeElsewhere(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "log", "full")
		must(t, os.Mkdir(filepath.Dir(path), 0o755))
		put(t, path, "")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		put(t, path, "1\n")
		r.want("1")
		r.stop()
		must(t, os.Rename(filepath.Dir(path), filepath.Join(dir, "away")))
		put(t, filepath.Join(dir, "away", "full"), "2\n")
		r = watch(t, Options{Patterns: []string{path}, Resume: remembered(r.last(path))}, mode)
		must(t, os.Rename(filepath.Join(dir, "away"), filepath.Dir(path)))
		r.want("2")
	})
}

// TestResumeNothingElse: nothing was read of the remembered file, and it is gone.
// What lies beside is not taken for it.
func TestResumeNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	put(t, path+".1", "of yesterday\n")
	put(t, path, "1\n")
	p := Position{File: path, Dev: 1, Inode: 1 << 40}
	r := watch(t, Options{Patterns: []string{path}, Resume: remembered(p)}, modes["events"])
	put(t, path, "2\n")
	r.want("1", "2")
}

// TestResumeTwoNames: one file is remembered under two names, which took turns.
func TestResumeTwoNames(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, a, "")
	must(t, os.Link(a, b))
	r := watch(t, Options{Patterns: []string{a}}, modes["events"])
	put(t, a, "1\n")
	r.want("1")
	early := r.last(a)
	put(t, a, "2\n")
	r.want("1", "2")
	late := r.last(a)
	r.stop()
	for _, places := range []map[string]Position{{a: early, b: late}, {a: late, b: early}} {
		r = watch(t, Options{Patterns: []string{a, b}, Resume: func(file string) (Position, bool) {
			p, ok := places[file]
			return p, ok
		}}, modes["events"])
		put(t, a, "3\n")
		r.want("3")
		r.stop()
		must(t, os.Truncate(a, 4))
	}
}
