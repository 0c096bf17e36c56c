package asterisk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReadOpened: what is there at the moment of the read counts, whatever was there before: a
// pipe does not block the read, and a device without an end does not fill the memory.
func TestReadOpened(t *testing.T) {
	dir := t.TempDir()
	name := func(s string) string { return filepath.Join(dir, s) }
	if err := errors.Join(
		syscall.Mkfifo(name("pipe"), 0o644), os.Symlink("/dev/zero", name("zero")), os.Symlink("/proc/self/status", name("kernel")),
		os.WriteFile(name("fits"), []byte("12345678"), 0o644), os.WriteFile(name("large"), []byte("123456789"), 0o644),
		os.WriteFile(name("bytes"), []byte("a\x00b"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]error{"pipe": errNotRegular, "zero": errNotRegular, ".": errNotRegular, "kernel": nil, "fits": nil, "large": errTooLarge, "bytes": errNotText, "none": os.ErrNotExist} {
		text, err := readOpened(name(file), 8)
		if !errors.Is(err, want) || (file == "fits") != (text == "12345678") {
			t.Errorf("%s: got %q, %v, want %v", file, text, err, want)
		}
	}
}

// TestAmportalIsText: amportal.conf of FreePBX is read like all other files.
func TestAmportalIsText(t *testing.T) {
	file := filepath.Join(t.TempDir(), amportal)
	if err := os.WriteFile(file, []byte("MIXMON_DIR=/srv/calls\n"+strings.Repeat("#", maxFile)), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := amportalValue(file, "MIXMON_DIR"); got != "" {
		t.Errorf("got %q of a file that is too large", got)
	}
}
