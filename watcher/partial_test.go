package watcher

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestPartialLine(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		write(t, writer, "one\ntw")
		r.want("one")
		write(t, writer, "o")
		r.until("the part is seen", func() bool { return unread(r.state(path)) == 3 })
		r.want("one")
		write(t, writer, "\nthree\nfou")
		r.want("one", "two", "three")
		write(t, writer, "r\n")
		r.want("one", "two", "three", "four")
	})
}

// TestByteByByte: the slowest writer there can be.
func TestByteByByte(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		text := strings.Repeat("0123456789\n\n", 20)
		for i := range len(text) {
			write(t, writer, text[i:i+1])
			if i%7 == 0 {
				r.until("it is seen", func() bool { return r.state(path).Size == int64(i+1) })
			}
		}
		r.want(strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	})
}

// TestBeginInsideLine: a line that is being written when Run starts is handed out
// whole, with the part that was there before; an over-long one not at all.
func TestBeginInsideLine(t *testing.T) {
	for name, tc := range map[string]struct {
		before, after string
		want          []string
	}{
		"short":     {"old\nhalf a", " line\nnext\n", []string{"half a line", "next"}},
		"only line": {"half a", " line\n", []string{"half a line"}},
		"too long":  {"old\n" + strings.Repeat("x", MaxLine+1), " end\nnext\n", []string{"next"}},
		"just fits": {"old\n" + strings.Repeat("x", MaxLine), "\nnext\n", []string{strings.Repeat("x", MaxLine), "next"}},
		"empty":     {"", "first\n", []string{"first"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
				path := filepath.Join(dir, "full")
				put(t, path, tc.before)
				r := watch(t, Options{Patterns: []string{path}}, mode)
				put(t, path, tc.after)
				r.want(tc.want...)
				r.wantOld()
				if got := r.cuts(); len(got) > 0 {
					t.Errorf("cut: got %d, want none", len(got))
				}
			})
		})
	}
}

// unread is how many bytes are written and not yet handed out.
func unread(s FileState) int64 { return s.Size - s.Offset }
