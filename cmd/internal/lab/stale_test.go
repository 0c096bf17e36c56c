package lab

import "testing"

func TestMakerOf(t *testing.T) {
	for _, c := range []struct {
		name string
		pid  int
		ours bool
	}{
		{"pbxlab-4711-abcd-pbx", 4711, true},
		{"pbxlab-4711", 4711, true},
		{"pbxlab--1-pbx", 0, false},
		{"pbxlab-x-pbx", 0, false},
		{"pbxlab-0-pbx", 0, false}, // pid 0 would be our own process group
		{"peer4711-pbx", 0, false},
	} {
		if pid, ours := makerOf(c.name); ours != c.ours || ours && pid != c.pid {
			t.Errorf("%s: got %d, %v, want %d, %v", c.name, pid, ours, c.pid, c.ours)
		}
	}
}
