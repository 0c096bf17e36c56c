package watcher

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSymlinkSwap: a link to another file is a rotation.
func TestSymlinkSwap(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path, target := filepath.Join(dir, "full"), filepath.Join(dir, "disk", "full-a")
		must(t, os.Mkdir(filepath.Dir(target), 0o755))
		put(t, target, "before\n")
		must(t, os.Mkdir(filepath.Join(dir, "links"), 0o755))
		must(t, os.Symlink(target, filepath.Join(dir, "links", "full")))
		must(t, os.Symlink("links/full", path))
		r := watch(t, Options{Patterns: []string{path}}, mode)
		put(t, target, "1\n")
		r.want("1")
		put(t, target, "2\n")
		other := filepath.Join(dir, "disk", "full-b")
		put(t, other, "3\n")
		must(t, os.Symlink(other, path+".new"))
		must(t, os.Rename(path+".new", path))
		r.want("1", "2", "3")
		put(t, target, "4\n")
		r.want("1", "2", "3", "4")
		put(t, other, "5\n")
		r.want("1", "2", "3", "4", "5")
	})
}

// TestSymlinkTargetRotates: the link stays, the file behind it is rotated.
func TestSymlinkTargetRotates(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path, target := filepath.Join(dir, "full"), filepath.Join(dir, "disk", "full")
		must(t, os.Mkdir(filepath.Dir(target), 0o755))
		put(t, target, "before\n")
		must(t, os.Symlink(target, path))
		r := watch(t, Options{Patterns: []string{path}}, mode)
		put(t, target, "1\n")
		must(t, os.Rename(target, target+".1"))
		put(t, target+".1", "2\n")
		r.want("1", "2")
		put(t, target, "3\n")
		r.want("1", "2", "3")
	})
}

// TestSymlinkedFolder: the folder of the path is a link, and changes.
func TestSymlinkedFolder(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		a, b, link := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "log")
		must(t, os.Mkdir(a, 0o755))
		must(t, os.Mkdir(b, 0o755))
		must(t, os.Symlink(a, link))
		path := filepath.Join(link, "full")
		put(t, path, "before\n")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		put(t, path, "1\n")
		r.want("1")
		put(t, filepath.Join(a, "full"), "2\n")
		r.want("1", "2")
	})
}

// TestSameFileTwice: two names of one file are read once, and reported.
func TestSameFileTwice(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		put(t, a, "")
		must(t, os.Link(a, b))
		r := watch(t, Options{Patterns: []string{a, b}}, mode)
		put(t, a, "1\n")
		r.want("1")
		if got := r.reported(); len(got) != 1 || got[0] != "b: "+b+": the same file as "+a {
			t.Errorf("reported: got %q, want that b is a", got)
		}
		must(t, os.Remove(b))
		put(t, b, "2\n")
		r.want("1", "2")
	})
}
