package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pbxjail/jails/book"
)

// mountSmall mounts a file system of 1 MiB; needs root.
func mountSmall(t *testing.T) string {
	t.Helper()
	skip := t.Skip
	if os.Getenv("PBXJAIL_KERNEL") == "1" {
		skip = t.Fatal
	}
	if os.Geteuid() != 0 {
		skip("needs root to mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("pbxjail-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		skip("mount tmpfs: ", err)
	}
	t.Cleanup(func() {
		// Detached, so that a ledger a failed test left open leaves no mount behind.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file until the disk is full to the last byte.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	dir := mountSmall(t)
	s := openStore(t, filepath.Join(dir, "pbxjail.db"))
	record(t, s, banOf("192.0.2.1/32", time.Hour))
	var bans []book.Ban
	for i := range 200 {
		ban := banOf(fmt.Sprintf("10.0.0.%d/32", i), time.Hour)
		ban.Lines = []book.Line{lineOf(strings.Repeat("x", book.MaxLineText))}
		bans = append(bans, ban)
	}
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)

	wantHint(t, s.Record(bans), "full", "free space on the disk of "+dir)
	wantPrefixes(t, liveBans(t, s, start), "192.0.2.1/32")

	// A restart with the disk still full: the bans are read all the same.
	s.Close()
	s = openStore(t, s.path)
	wantPrefixes(t, liveBans(t, s, start), "192.0.2.1/32")
	wantHint(t, s.Record(bans), "full", "free space")

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	record(t, s, bans...)
	s = reopen(t, s)
	if got := len(liveBans(t, s, start)); got != 201 {
		t.Errorf("got %d bans, want 201", got)
	}
	s.Close()
}

func TestNewOnFullDisk(t *testing.T) {
	dir := mountSmall(t)
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	path := filepath.Join(dir, "pbxjail.db")
	s, _, err := Open(path, start)
	if err == nil {
		s.Close()
	}
	wantHint(t, err, "full", "free space")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s, notes, err := Open(path, start)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if notes != (Notes{New: true}) {
		t.Errorf("got %+v, want a new database", notes)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := mountSmall(t)
	if err := syscall.Mount("pbxjail-test", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err := Open(filepath.Join(dir, "state", "pbxjail.db"), start)
	wantHint(t, err, "read-only", "read-only (ro)")
}
