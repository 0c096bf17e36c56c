package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The lowest limit of the process's cgroup and of those above it applies.
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
	for dir, limit := range map[string]string{"memory/machine": "50000000", "memory/machine/pbx": "9223372036854771712", "memory": "9223372036854771712"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "memory.limit_in_bytes"), []byte(limit+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for own, want := range map[string]int64{
		"0::/system.slice/pbxjail.service\n": 21125632,
		"0::/small/in\n":                     500000,
		"0::/\n":                             0,
		"0::/nowhere\n":                      0,
		"0::/../../etc\n":                    0,
		"5:memory:/old\n":                    0,
		"5:cpu,memory:/machine/pbx\n0::/\n":  31125632,
		"5:memory:/machine\n0::/small\n":     500000,
		"5:cpu:/machine\n":                   0,
		"":                                   0,
	} {
		if got := memoryLimit(own, root); got != want {
			t.Errorf("%q: got %d, want %d", own, got, want)
		}
	}
}

// Few addresses in little memory, and never fewer than the main file may say.
func TestAddressesIn(t *testing.T) {
	for limit, want := range map[int64]int{0: 1000, 10 << 20: 1000, 32 << 20: 18432, 1 << 30: 1034240} {
		if got := addressesIn(limit); got != want {
			t.Errorf("%d bytes: got %d, want %d", limit, got, want)
		}
	}
}
