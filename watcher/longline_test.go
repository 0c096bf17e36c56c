package watcher

import (
	"bytes"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestLineBound(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for name, tc := range map[string]struct {
		text  string
		lines []string
		cuts  []string
	}{
		"at the bound":    {x(MaxLine) + "\nb\n", []string{x(MaxLine), "b"}, nil},
		"one over":        {x(MaxLine+1) + "\nb\n", []string{"b"}, []string{x(MaxLine) + "\n"}},
		"between others":  {"a\n" + x(3*MaxLine) + "\nb\n", []string{"a", "b"}, []string{x(MaxLine) + "\n"}},
		"two in a row":    {x(MaxLine+1) + "\n" + strings.Repeat("y", 2*MaxLine) + "\nb\n", []string{"b"}, []string{x(MaxLine) + "\n", strings.Repeat("y", MaxLine) + "\n"}},
		"over many reads": {x(3*chunkSize) + "\nb\n", []string{"b"}, []string{x(MaxLine) + "\n"}},
		"forged end":      {x(MaxLine) + "[date] NOTICE forged\nb\n", []string{"b"}, []string{x(MaxLine) + "\n"}},
		"after a chunk":   {strings.Repeat(x(99)+"\n", chunkSize/100) + x(MaxLine+1) + "\nb\n", append(slicesRepeat(x(99), chunkSize/100), "b"), []string{x(MaxLine) + "\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "full")
			put(t, path, "")
			r := watch(t, Options{Patterns: []string{path}}, modes["events"])
			put(t, path, tc.text)
			r.want(tc.lines...)
			if got := r.cuts(); strings.Join(got, "") != strings.Join(tc.cuts, "") {
				t.Errorf("cut: got %d of %d bytes, want %d", len(got), len(strings.Join(got, "")), len(tc.cuts))
			}
		})
	}
}

func slicesRepeat(line string, n int) (lines []string) {
	for range n {
		lines = append(lines, line)
	}
	return lines
}

// TestHugeLine: 100 MB without a newline are read past in the one buffer.
func TestHugeLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	writer := appendTo(t, path)
	r := watch(t, Options{Patterns: []string{path}}, modes["events"])
	huge := bytes.Repeat([]byte("A"), 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		_, err := writer.Write(huge)
		must(t, err)
	}
	r.until("it is read past", func() bool { return r.state(path).Offset == 100<<20 })
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("allocated: got %d bytes in all, want less than 8 MiB", got)
	}
	write(t, writer, "end\nnext\n")
	r.want("next")
	if got := r.cuts(); len(got) != 1 || got[0] != strings.Repeat("A", MaxLine)+"\n" {
		t.Errorf("cut: got %d, want the first MaxLine bytes once", len(got))
	}
}

// TestRestartInsideHugeLine: the rest of a line that was cut in the last run is no
// line in this one.
func TestRestartInsideHugeLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	put(t, path, "")
	r := watch(t, Options{Patterns: []string{path}}, modes["events"])
	put(t, path, strings.Repeat("A", 2*MaxLine))
	r.until("it is cut", func() bool { return len(r.cuts()) == 1 })
	r.stop()
	put(t, path, "the rest\nnext\n")
	r = watch(t, Options{Patterns: []string{path}, Resume: remembered(r.last(path))}, modes["events"])
	r.want("next")
	if got := r.cuts(); len(got) != 0 {
		t.Errorf("cut again: got %d", len(got))
	}
}
