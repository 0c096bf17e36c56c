package watcher

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestMissing(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		want := "full: " + path + ": file does not exist"
		if got := r.reported(); !slices.Equal(got, []string{want}) {
			t.Errorf("reported: got %q, want %q once", got, want)
		}
		if got := r.state(path).Problem; got == nil {
			t.Error("state: got no problem")
		}
		put(t, path, "1\n")
		r.want("1")
		put(t, path, "2\n")
		r.want("1", "2")
		if got := r.reported(); !slices.Equal(got, []string{want, "full: <nil>"}) {
			t.Errorf("reported: got %q, want the problem and its end", got)
		}
	})
}

func TestMissingFolder(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "var", "log", "asterisk", "full")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		r.untilWatched(filepath.Dir(path))
		put(t, path, "1\n")
		r.want("1")
		put(t, path, "2\n")
		r.want("1", "2")
	})
}

// TestMissingFolderReplaced: the folder that is watched for the file comes and goes.
func TestMissingFolderReplaced(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "asterisk", "full")
		must(t, os.Mkdir(filepath.Dir(path), 0o755))
		r := watch(t, Options{Patterns: []string{path}}, mode)
		for range 100 {
			must(t, os.Remove(filepath.Dir(path)))
			must(t, os.Mkdir(filepath.Dir(path), 0o755))
			r.untilWatched(filepath.Dir(path))
		}
		put(t, path, "1\n")
		r.want("1")
	})
}

// TestMissingFolderBehindFile: a part of the path is a file for now.
func TestMissingFolderBehindFile(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		folder := filepath.Join(dir, "log")
		put(t, folder, "not a folder\n")
		path := filepath.Join(folder, "full")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		if got, want := r.reported(), "full: "+path+": file does not exist"; !slices.Equal(got, []string{want}) {
			t.Errorf("reported: got %q, want %q", got, want)
		}
		must(t, os.Remove(folder))
		must(t, os.Mkdir(folder, 0o755))
		put(t, path, "1\n")
		r.want("1")
	})
}

// TestVanished: a file that does not come back is reported, later than a rotation
// would take.
func TestVanished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "full")
		put(t, path, "")
		r := watch(t, Options{Patterns: []string{path}}, func(w *Watcher) { w.deaf = true })
		must(t, os.Remove(path))
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if got := r.reported(); len(got) != 0 {
			t.Errorf("after 9 s: got %q, want nothing reported", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := r.reported(); len(got) != 1 {
			t.Errorf("after 11 s: got %q, want it reported once", got)
		}
		put(t, path, "1\n")
		time.Sleep(time.Second)
		synctest.Wait()
		r.want("1")
		if got := r.reported(); len(got) != 2 || got[1] != "full: <nil>" {
			t.Errorf("after it came back: got %q, want the end reported", got)
		}
		must(t, os.Remove(path))
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if got := r.reported(); len(got) != 2 {
			t.Errorf("9 s after it went again: got %q, want nothing more", got)
		}
		r.stop()
	})
}
