package watcher

import (
	"path/filepath"
	"testing"
)

// TestReady: nothing that is written once the watcher is ready is taken for old.
func TestReady(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "full")
		writer := appendTo(t, path)
		write(t, writer, "old\n")
		r := &watching{t: t, Watcher: New(Options{Patterns: []string{path, filepath.Join(dir, "missing")}})}
		mode(r.Watcher)
		r.run(r.take, func(run func()) { go run() })
		<-r.Ready()
		write(t, writer, "1\n")
		r.want("1")
	})
}
