package watcher

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestBytes: what lines are made of is not the watcher's business.
func TestBytes(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		put(t, path, "")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		lines := []string{
			"", "\r", "crlf\r", "\x00", "nul \x00 inside", strings.Repeat("\x00", MaxLine),
			"\xff\xfe invalid", "\x1b[31mred\x1b[0m", "\u2028\u0085 other ends of line", "\x7f\x08\x07",
		}
		put(t, path, strings.Join(lines, "\n")+"\n")
		r.want(lines...)
	})
}
