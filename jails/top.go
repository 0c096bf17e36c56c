package jails

import (
	"net/netip"
	"time"

	"pbxjail/jails/rates"
)

// Top tells who does most at now: at most n jails, countries, accounts and
// addresses. An offence that two jails count is two samples, and so is an attempt
// that two logs tell of.
func (w *Warden) Top(n int, now time.Time) rates.Tops {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.rates.Top(n, now)
}

// Holds reports whether a live ban contains an address.
func (w *Warden) Holds(a netip.Addr, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, held := w.book.Holding(a, now)
	return held
}
