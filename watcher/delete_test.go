package watcher

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDelete(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		write(t, writer, "1\n")
		must(t, os.Remove(path))
		write(t, writer, "2\n")
		r.want("1", "2")
		put(t, path, "4\n")
		r.want("1", "2", "4")
		write(t, writer, "3\n")
		put(t, path, "5\n")
		r.until("all came", func() bool { return len(r.lines()) == 5 })
	})
}

// TestFolderReplaced: the folder itself goes, and another takes its place.
func TestFolderReplaced(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		folder := filepath.Join(dir, "asterisk")
		path := filepath.Join(folder, "full")
		must(t, os.Mkdir(folder, 0o755))
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		write(t, writer, "1\n")
		r.want("1")
		must(t, os.Rename(folder, folder+".old"))
		write(t, writer, "2\n")
		must(t, os.Mkdir(folder, 0o755))
		put(t, path, "3\n")
		r.want("1", "2", "3")
	})
}

// TestFolderDeleted: the file we hold open keeps the folder from being destroyed,
// so inotify(7) says nothing of its end. The tick sees the new one.
func TestFolderDeleted(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "asterisk")
	path := filepath.Join(folder, "full")
	must(t, os.Mkdir(folder, 0o755))
	put(t, path, "")
	r := watch(t, Options{Patterns: []string{path}, Tick: time.Millisecond}, nil)
	put(t, path, "1\n")
	must(t, os.RemoveAll(folder))
	must(t, os.Mkdir(folder, 0o755))
	put(t, path, "2\n")
	r.want("1", "2")
	put(t, path, "3\n")
	r.want("1", "2", "3")
}
