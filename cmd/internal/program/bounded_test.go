package program

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDo(t *testing.T) {
	t.Setenv("PBXJAIL_TEST_SECRET", "x")
	r, err := Do(t.Context(), Command{Name: "env", Env: []string{"X=() { :; }; echo"}})
	if err != nil || string(r.Out) != "X=() { :; }; echo\n" || r.Status != 0 {
		t.Errorf("got %q, %+v, %v: want the given environment and nothing else", r.Out, r, err)
	}
	if r, err = Do(t.Context(), Command{Name: "cat", Input: []byte("in")}); err != nil || string(r.Out) != "in" {
		t.Errorf("got %q, %v", r.Out, err)
	}
	if r, err = Do(t.Context(), Command{Name: "ls", Args: []string{"/none at all"}}); err != nil || r.Status == 0 || !strings.Contains(string(r.Said), "none at all") {
		t.Errorf("a program that fails: got %+v, %v", r, err)
	}
	if r, err = Do(t.Context(), Command{Name: "head", Args: []string{"-c", "5000000", "/dev/zero"}}); err != nil || len(r.Out) != MaxOutput || !r.Cut {
		t.Errorf("much output: got %d bytes, cut %v, %v", len(r.Out), r.Cut, err)
	}
	if _, err = Do(t.Context(), Command{Name: "pbxjail-none"}); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("got %v", err)
	}
	if _, err = Do(t.Context(), Command{Name: "/none/pbxjail-none"}); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("got %v", err)
	}
}

// A program that does not end is killed with its children.
func TestDoEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r, err := Do(ctx, Command{Name: "sleep", Args: []string{"600"}})
	if !errors.Is(err, context.DeadlineExceeded) || r.Signal != syscall.SIGKILL {
		t.Errorf("got %+v, %v", r, err)
	}
}

// A crash leaves no core file, whatever the limit of the caller was.
func TestDoLeavesNoCore(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_CORE, &before)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: before.Max, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	crasher := filepath.Join(dir, "crash")
	if err := os.WriteFile(crasher, []byte("#!/bin/sh\nkill -SEGV $$\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := Do(t.Context(), Command{Name: crasher, Dir: dir})
	if err != nil || r.Signal != syscall.SIGSEGV || r.Status != -1 {
		t.Errorf("got %+v, %v", r, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("got files %v, %v", list, err)
	}
}
