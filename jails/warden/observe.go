package warden

import (
	"maps"
	"net/netip"
	"time"
)

// Observe makes the warden mark what it decides from now on: nothing is dropped. The bans
// there are stay as they are, and their time runs.
func (w *Warden) Observe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.observing = true
}

// Enforce ends Observe: what was only observed is forgotten, and Run puts the bans that hold
// back into the kernel.
func (w *Warden) Enforce() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.observing = false
	dropped := w.book.DropObserved()
	maps.DeleteFunc(w.pending, func(p netip.Prefix, _ time.Time) bool { return w.book.Find(p) == nil })
	w.log.Info("bans are enforced again", "only observed", dropped)
	select {
	case w.again <- struct{}{}:
	default: // asked for already
	}
}

// holdsReal reports whether nothing is dropped, and a ban from before that would. mu is held.
func (w *Warden) holdsReal(p netip.Prefix, now time.Time) bool {
	held, ok := w.book.Get(p, now)
	return w.observing && ok && !held.Observed
}
