package configs

import (
	"os"
	"path/filepath"
	"testing"
)

// A file of the kernel looks like a regular file, and reading it may wait forever.
func TestFileOfTheKernelIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kmsg.yaml")
	if err := os.Symlink("/proc/kmsg", path); err != nil {
		t.Fatal(err)
	}
	if data, err := read(path); len(data) > 0 || err != nil {
		t.Errorf("got %q, %v, want nothing, at once", data, err)
	}
}
