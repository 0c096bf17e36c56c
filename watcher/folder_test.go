package watcher

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestTurnsIntoFolder: the log is replaced by a folder, and comes back.
func TestTurnsIntoFolder(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		write(t, writer, "1\n")
		must(t, os.Rename(path, path+".away"))
		must(t, os.Mkdir(path, 0o755))
		write(t, writer, "2\n")
		r.want("1", "2")
		want := []string{"full: " + path + ": is a folder, not a log"}
		r.until("it is reported", func() bool { return len(r.reported()) > 0 })
		write(t, writer, "3\n")
		r.want("1", "2", "3")
		if got := r.reported(); !slices.Equal(got, want) {
			t.Errorf("reported: got %q, want %q", got, want)
		}
		must(t, os.Remove(path))
		must(t, os.Rename(path+".away", path))
		write(t, writer, "4\n")
		r.want("1", "2", "3", "4")
		if got := r.reported(); !slices.Equal(got, append(want, "full: <nil>")) {
			t.Errorf("reported: got %q, want its end", got)
		}
	})
}

// TestFolderFromTheStart: a folder where the log should be, then the log.
func TestFolderFromTheStart(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		must(t, os.Mkdir(path, 0o755))
		r := watch(t, Options{Patterns: []string{path}}, mode)
		r.until("it is reported", func() bool { return len(r.reported()) == 1 })
		must(t, os.Remove(path))
		put(t, path, "1\n")
		r.want("1")
	})
}

// TestSocketIsNoLog: what is neither a file nor a pipe is reported, once.
func TestSocketIsNoLog(t *testing.T) {
	r := watch(t, Options{Patterns: []string{"/dev/null"}}, modes["tick"])
	r.until("it is reported", func() bool { return len(r.reported()) == 1 })
	if got, want := r.reported()[0], "null: /dev/null: is a device, and cannot be read as a log"; got != want {
		t.Errorf("reported: got %q, want %q", got, want)
	}
}
