package store

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestSpare: where the ledger cannot be written, a copy of it is.
func TestSpare(t *testing.T) {
	dir, folder := mountSmall(t), filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, "pbxjail.db")
	s := openStore(t, path)
	record(t, s, banOf("192.0.2.1/32", time.Hour))
	s.Close()
	remount := func(how uintptr) {
		if err := syscall.Mount("pbxjail-test", dir, "tmpfs", syscall.MS_REMOUNT|how, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	if _, _, err := Open(path, start); !Unwritable(err) {
		t.Fatalf("got %v, want that it cannot be written", err)
	}
	for range 2 { // the copy of the run before is replaced
		s, where, whole, err := OpenSpare(path, folder, start)
		if err != nil || whole != nil || where != filepath.Join(folder, "spare-pbxjail.db") {
			t.Fatalf("got %q, %v, %v", where, whole, err)
		}
		wantPrefixes(t, liveBans(t, s, start), "192.0.2.1/32")
		record(t, s, banOf("192.0.2.2/32", time.Hour))
		wantPrefixes(t, liveBans(t, s, start), "192.0.2.1/32", "192.0.2.2/32")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}

	// Nowhere on a disk: it is in memory, and empty.
	s, where, whole, err := OpenSpare(path, filepath.Join(dir, "run"), start)
	if err != nil || whole == nil || where != "memory" {
		t.Fatalf("got %q, %v, %v, want one in memory", where, whole, err)
	}
	record(t, s, banOf("192.0.2.3/32", time.Hour))
	wantPrefixes(t, liveBans(t, s, start), "192.0.2.3/32")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	remount(0)
	s = openStore(t, path)
	defer s.Close()
	wantPrefixes(t, liveBans(t, s, start), "192.0.2.1/32")
}

// TestSpareOfNothing: a first start on a full disk begins empty.
func TestSpareOfNothing(t *testing.T) {
	dir, folder := mountSmall(t), t.TempDir()
	fill(t, filepath.Join(dir, "ballast"))
	path := filepath.Join(dir, "pbxjail.db")
	_, _, err := Open(path, start)
	if !Unwritable(err) {
		t.Fatalf("got %v, want that it cannot be written", err)
	}
	s, _, whole, err := OpenSpare(path, folder, start)
	if err != nil || whole != nil {
		t.Fatalf("got %v, %v", whole, err)
	}
	defer s.Close()
	record(t, s, banOf("192.0.2.3/32", time.Hour))
	if _, err := os.Stat(filepath.Join(folder, "spare-pbxjail.db")); err != nil {
		t.Error(err)
	}
}
