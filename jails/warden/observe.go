package warden

import (
	"maps"
	"net/netip"
	"time"
)

// Observe makes the warden mark its new bans as observed: they drop nothing. The bans that
// exist stay as they are, and their time runs.
func (w *Warden) Observe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.observing = true
}

// Enforce ends Observe: bans that were only observed are forgotten, and Run puts the
// others back into the kernel.
func (w *Warden) Enforce() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.observing = false
	dropped := w.book.DropObserved()
	maps.DeleteFunc(w.pending, func(p netip.Prefix, _ time.Time) bool { return w.book.Find(p) == nil })
	w.log.Info("bans are enforced again; bans that were only recorded are forgotten", "forgotten", dropped)
	select {
	case w.again <- struct{}{}:
	default: // asked for already
	}
}

// holdsReal reports whether the warden only observes and the prefix has a ban from before.
// mu is held.
func (w *Warden) holdsReal(p netip.Prefix, now time.Time) bool {
	held, ok := w.book.Get(p, now)
	return w.observing && ok && !held.Observed
}
