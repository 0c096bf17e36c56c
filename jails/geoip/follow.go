package geoip

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	lookEvery = 30 * time.Second       // whatever the kernel said: it may lose an event, and knows none of NFS
	settle    = 500 * time.Millisecond // without an event: a program that writes a file has done so
)

// Run follows the files until ctx ends. Events of the kernel are hints: they make a
// new file count at once. A look at all of them every half minute is the truth.
func (t *Tables) Run(ctx context.Context) error {
	hints := &hints{}
	if w, err := fsnotify.NewWatcher(); err == nil { // without, a new file waits for the look
		defer w.Close()
		hints.watcher = w
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	quiet := time.NewTimer(0) // between Open and now a file may have come
	defer quiet.Stop()
	hints.watch(t.folders())
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-hints.events():
			if t.concerns(e.Name) {
				quiet.Reset(settle)
			}
			continue
		case <-hints.errors(): // an overflow: there are hints that we missed
			quiet.Reset(settle)
			continue
		case <-t.poke:
		case <-quiet.C:
			t.Look()
		case <-tick.C:
			t.Look()
		}
		hints.watch(t.folders())
	}
}

// folders are those that hold a file, or may.
func (t *Tables) folders() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append([]string{t.stored}, t.known...)
	for _, f := range t.files {
		list = append(list, filepath.Dir(f))
	}
	return list
}

func (t *Tables) concerns(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return isTable(filepath.Base(path)) || slices.Contains(t.files, path)
}

// hints are the events of the kernel; without a watcher there are none.
type hints struct{ watcher *fsnotify.Watcher }

// watch adds what is there. Adding a folder again costs a system call, and finds the
// one that took the place of another.
func (h *hints) watch(dirs []string) {
	if h.watcher == nil {
		return
	}
	for _, dir := range dirs {
		h.watcher.Add(dir) // one that is not there yet is tried again after the next look
	}
}

func (h *hints) events() <-chan fsnotify.Event {
	if h.watcher == nil {
		return nil
	}
	return h.watcher.Events
}

func (h *hints) errors() <-chan error {
	if h.watcher == nil {
		return nil
	}
	return h.watcher.Errors
}
