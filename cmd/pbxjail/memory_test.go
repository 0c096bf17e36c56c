package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The least limit of the own cgroup and of those above it holds.
func TestMemoryLimit(t *testing.T) {
	root := t.TempDir()
	for dir, limit := range map[string]string{"system.slice": "40000000", "system.slice/pbxjail.service": "max", "small": "1000000", "small/in": "90000000"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "memory.max"), []byte(limit+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for own, want := range map[string]int64{
		"0::/system.slice/pbxjail.service\n": 32000000,
		"0::/small/in\n":                     800000,
		"0::/\n":                             0,
		"0::/nowhere\n":                      0,
		"0::/../../etc\n":                    0,
		"5:memory:/old\n":                    0,
		"":                                   0,
	} {
		if got := memoryLimit(own, root); got != want {
			t.Errorf("%q: got %d, want %d", own, got, want)
		}
	}
}
