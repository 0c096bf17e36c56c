package watcher

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyTo does what logrotate(8) copytruncate does before it truncates.
func copyTo(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	must(t, err)
	defer src.Close()
	dst, err := os.Create(to)
	must(t, err)
	_, err = io.Copy(dst, src)
	must(t, err)
	must(t, dst.Close())
}

func TestCopyTruncate(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		write(t, writer, "a line\nanother line\n")
		r.want("a line", "another line")
		copyTo(t, path, path+".1")
		must(t, os.Truncate(path, 0))
		r.until("the truncation is seen", func() bool { return r.state(path).Offset == 0 })
		write(t, writer, "third\n")
		r.want("a line", "another line", "third")
		copyTo(t, path, path+".1")
		must(t, os.Truncate(path, 0))
		write(t, writer, "4\n")
		r.want("a line", "another line", "third", "4")
	})
}

// TestCopyTruncateUnread: lines that were truncated away before they were read
// are read from the copy. Deliver is held back meanwhile, so that none is.
func TestCopyTruncateUnread(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		write(t, writer, "1 was read\n")
		r.want("1 was read")
		r.mu.Lock()
		write(t, writer, "2 is being delivered\n")
		r.untilBusy()
		write(t, writer, "3 was not read\n")
		copyTo(t, path, path+".1")
		must(t, os.Truncate(path, 0))
		write(t, writer, "4\n")
		r.mu.Unlock()
		r.want("1 was read", "2 is being delivered", "3 was not read", "4")
		r.SetPatterns([]string{path}) // anything that makes it look
		r.until("the copy is closed", func() bool { return r.state(path).Older == 0 })
	})
}

// TestTruncatedWithoutNewline: a line that will never be ended is not handed out, and
// is not glued to what follows.
func TestTruncatedWithoutNewline(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		write(t, writer, "one\nno newli")
		r.want("one")
		must(t, os.Truncate(path, 0))
		r.until("the truncation is seen", func() bool { return r.state(path).Offset == 0 })
		write(t, writer, "two\n")
		r.want("one", "two")
	})
}

// TestTruncatedByAnother: a writer without O_APPEND goes on at its own offset and
// leaves a hole of NULs before. However long, it costs the next line nothing.
func TestTruncatedByAnother(t *testing.T) {
	for name, size := range map[string]int{"short hole": 100, "long hole": 3 * MaxLine, "longer than a read": 3 * chunkSize} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
				path := filepath.Join(dir, "full")
				writer, err := os.Create(path)
				must(t, err)
				defer writer.Close()
				r := watch(t, Options{Patterns: []string{path}}, mode)
				write(t, writer, strings.Repeat("x\n", size/2))
				r.until("all lines came", func() bool { return len(r.lines()) == size/2 })
				must(t, os.Truncate(path, 0))
				write(t, writer, "after\n")
				r.until("the next line came", func() bool { return len(r.lines()) > size/2 })
				if got := strings.TrimLeft(r.lines()[size/2], "\x00"); got != "after" {
					t.Errorf("got %q, want the line after the hole", got)
				}
				if got := r.cuts(); len(got) > 0 {
					t.Errorf("cut: got %d, want none", len(got))
				}
			})
		})
	}
}
