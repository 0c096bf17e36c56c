package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pbxjail/cmd/internal/host"
)

// TestThreadFinder: the threads of each Asterisk are found once, by the number that
// they write into the log.
func TestThreadFinder(t *testing.T) {
	proc := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("812/comm", "asterisk\n")
	write("812/task/812/status", "Name:\tasterisk\nNSpid:\t812\nThreads:\t2\n")
	write("812/task/899/status", "Name:\tasterisk\nThreads:\t2\n")
	write("4000/comm", "asterisk\n")
	write("4000/task/4000/status", "Name:\tasterisk\nNSpid:\t4000\t1\n")
	write("900/comm", "sshd\n")
	write("900/task/900/status", "Name:\tsshd\nNSpid:\t900\n")
	write("self/comm", "asterisk\n")
	f := newThreadFinder()
	find := func() (list []uint32) {
		f.look(host.Processes(proc, "asterisk"), func(lwp uint32) { list = append(list, lwp) })
		slices.Sort(list)
		return list
	}
	if got, want := find(), []uint32{1, 812, 899}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := find(); got != nil {
		t.Errorf("the second time: got %v, want none", got)
	}
	write("812/task/950/status", "Name:\tasterisk\nNSpid:\t950\n")
	if got, want := find(), []uint32{950}; !slices.Equal(got, want) {
		t.Errorf("a new thread: got %v, want %v", got, want)
	}
	if err := os.RemoveAll(proc); err != nil {
		t.Fatal(err)
	}
	if got := find(); got != nil {
		t.Errorf("without proc: got %v, want none", got)
	}
}
