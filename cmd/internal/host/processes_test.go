package host

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestFinder: a program is found when it starts, also when a process becomes it, and no
// longer when it has ended.
func TestFinder(t *testing.T) {
	proc := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := func(id int, name string) {
		t.Helper()
		write(fmt.Sprintf("%d/comm", id), name+"\n")
		write("loadavg", fmt.Sprintf("0.00 0.01 0.05 1/149 %d\n", id))
	}
	now := time.Unix(1_700_000_000, 0)
	f := NewFinder(proc, "asterisk")
	want := func(what string, ids ...int) {
		t.Helper()
		var folders []string
		for _, id := range ids {
			folders = append(folders, filepath.Join(proc, fmt.Sprint(id)))
		}
		now = now.Add(10 * time.Second)
		if got := f.Find(now); !slices.Equal(got, folders) {
			t.Errorf("%s: got %q, want %q", what, got, folders)
		}
	}
	start(1, "systemd")
	want("it does not run")
	start(17, "safe_asterisk")
	want("what starts it")
	write("17/comm", "asterisk\n")
	want("a new process became it", 17)
	start(18, "asterisk")
	want("a second one", 17, 18)
	want("nothing happened", 17, 18)
	if err := os.RemoveAll(filepath.Join(proc, "17")); err != nil {
		t.Fatal(err)
	}
	want("one has ended", 18)
	write("1/comm", "asterisk\n") // execve(2) of an old process
	for range int(findAll / (10 * time.Second)) {
		f.Find(now)
		now = now.Add(10 * time.Second)
	}
	want("an old process became it", 1, 18)
}

// TestFinderReadsLittle: while no process is new, those with other names are not read again.
func TestFinderReadsLittle(t *testing.T) {
	proc := t.TempDir()
	for id, name := range map[string]string{"1": "systemd", "2": "asterisk"} {
		if err := os.Mkdir(filepath.Join(proc, id), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, id, "comm"), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Unix(1_700_000_000, 0)
	f := NewFinder(proc, "asterisk")
	for range sureLooks {
		f.Find(now)
	}
	if err := os.WriteFile(filepath.Join(proc, "1", "comm"), []byte("asterisk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := f.Find(now.Add(time.Second)); len(got) != 1 {
		t.Errorf("got %q: it read an old process again", got)
	}
}
