package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCopyFile: each reason not to copy a file has its own text.
func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxSpare+1<<20); err != nil { // a hole, so it needs no room
		t.Fatal(err)
	}
	for from, says := range map[string]string{
		large:                      "too large to be copied: 257 MB, and the limit is 256 MB",
		dir:                        "not an ordinary file",
		filepath.Join(dir, "none"): "",
	} {
		to := filepath.Join(dir, "copy")
		switch err := copyFile(from, to); {
		case says == "" && err != nil:
			t.Errorf("%s: got %v, want no error", from, err)
		case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: got %v, want %q", from, err, says)
		}
		if _, err := os.Stat(to); err == nil {
			t.Errorf("%s was copied", from)
		}
	}
}
