package recordings

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func mkfifo(t *testing.T, path string) {
	t.Helper()
	if err := unix.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk: on a disk that is full nothing is held and nothing deleted, and both say so.
func TestFullDisk(t *testing.T) {
	if os.Getenv("PBXJAIL_KERNEL") == "" {
		t.Skip("it mounts a file system: set PBXJAIL_KERNEL=1")
	}
	f := newFixture(t)
	if err := os.Mkdir(f.state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", f.state, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(f.state, unix.MNT_DETACH) })
	f.add(monitor+"/a.wav", 100*days)
	f.add(monitor+"/b.wav", 100*days)
	f.hold(quarter, monitor+"/a.wav", "court")
	fill(t, filepath.Join(f.state, "filler"))

	book, err := f.OpenBook(f.state)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if _, err := book.Hold(f.one(quarter, monitor+"/b.wav"), "court", By{}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("hold: got %v, want no space", err)
	}
	if list, err := f.Holds(f.state); err != nil || len(list) != 1 {
		t.Errorf("got %d holds, %v: the old one must be there", len(list), err)
	}
	fillLine(t, filepath.Join(f.state, trailName))
	if done, _, err := f.expire(f.expiry(quarter)); !errors.Is(err, unix.ENOSPC) || !f.is(monitor+"/b.wav") {
		t.Errorf("expire: got %s, %v, want no space and no deletion", done, err)
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
}

// fillLine fills the last block of a file with blank lines, so that no byte more fits.
func fillLine(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.WriteString("\n")
	}
}
