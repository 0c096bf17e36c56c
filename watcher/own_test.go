package watcher

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestOwnOutput: a log that leads to our own output is refused. The test runs itself with
// a file as its standard output: there each line that is read is written, and read again.
func TestOwnOutput(t *testing.T) {
	if dir := os.Getenv("WATCHER_OWN"); dir != "" {
		follow(t, dir)
		return
	}
	for name, target := range map[string]string{"a device": "/dev/stdout", "the file": "out", "an error": "/proc/self/fd/2"} {
		dir := t.TempDir()
		out, err := os.Create(filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		if target == "out" {
			target = out.Name()
		}
		if err := os.Symlink(target, filepath.Join(dir, "messages")); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOwnOutput$")
		cmd.Env = append(os.Environ(), "WATCHER_OWN="+dir)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, err := os.ReadFile(out.Name())
		if err != nil || bytes.Count(text, []byte("read")) > 0 || !bytes.Contains(text, []byte("pbxjail writes its own messages into this file")) {
			t.Errorf("%s: got %.300s, %v", name, text, err)
		}
		out.Close()
	}
}

// follow follows messages until another log has shown that all was looked at.
func follow(t *testing.T, dir string) {
	seen := errors.New("seen")
	w := New(Options{Patterns: []string{filepath.Join(dir, "messages"), filepath.Join(dir, "other")}, Tick: 10 * time.Millisecond, Notify: func(_ string, problem error) {
		if problem != nil {
			println(problem.Error())
		}
	}})
	go func() {
		<-w.Ready()
		os.WriteFile(filepath.Join(dir, "other"), []byte("one\n"), 0o600)
	}()
	err := w.Run(t.Context(), func(b Block) error {
		if filepath.Base(b.File) == "other" && len(b.Data) > 0 {
			return seen
		}
		println("read", len(b.Data))
		return nil
	})
	if err != seen {
		t.Fatal(err)
	}
}
