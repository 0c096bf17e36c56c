package warden

import (
	"net/netip"
	"time"

	"pbxjail/jails"
	"pbxjail/jails/home"
	"pbxjail/jails/rates"
)

// Why lists all that is known of an address at now.
func (w *Warden) Why(a netip.Addr, now time.Time) jails.Account {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Why(a, now)
}

// LoggedIn lists the addresses that a login protects at now, in order. Who logged in
// before the daemon started is not known.
func (w *Warden) LoggedIn(now time.Time) []home.Login {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Home.LoggedIn(now)
}

// Top lists who does most at now, as Judge.Top does.
func (w *Warden) Top(n int, now time.Time) rates.Tops {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Top(n, now)
}

// Holds reports whether a live ban contains an address.
func (w *Warden) Holds(a netip.Addr, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, held := w.book.Holding(a, now)
	return held
}

// AtHome says who is at home in a prefix at now; "" when nobody.
func (w *Warden) AtHome(p netip.Prefix, now time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Home.AtHome(p, now)
}
