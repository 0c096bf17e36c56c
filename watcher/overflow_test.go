package watcher

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestOverflow: the kernel forgets events when too many wait (inotify(7),
// max_queued_events). What happened then is found by looking around, without a tick.
func TestOverflow(t *testing.T) {
	limit, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	must(t, err)
	events, err := strconv.Atoi(strings.TrimSpace(string(limit)))
	must(t, err)
	if events > 1<<17 {
		t.Skip("the queue of this machine is too long to fill")
	}
	dir := t.TempDir()
	full, messages := filepath.Join(dir, "full"), filepath.Join(dir, "messages")
	a, b := appendTo(t, full), appendTo(t, messages)
	r := watch(t, Options{Patterns: []string{full, messages}}, modes["events"])
	r.mu.Lock() // deliver is held back
	write(t, a, "1\n")
	r.untilBusy()
	// In turn, because the kernel merges an event with the same one before it.
	for range events {
		write(t, a, "x\n")
		write(t, b, "x\n")
	}
	must(t, os.Rename(full, full+".1"))
	put(t, full, "of the new file\n")
	r.mu.Unlock()
	r.until("all lines came", func() bool { return len(r.lines()) == 2*events+2 })
}
