package warden

import (
	"maps"
	"net/netip"
	"time"

	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/jails/home"
	"pbxjail/jails/rates"
	"pbxjail/parsers"
)

// Why returns all that is known of an address at now.
func (w *Warden) Why(a netip.Addr, now time.Time) jails.Account {
	w.mu.Lock()
	defer w.mu.Unlock()
	account := w.judge.Why(a, now)
	account.Spared = w.spared.of(a, now)
	return account
}

// LoggedIn lists the addresses that a login protects at now, in order. Log-ins from
// before the start of the daemon are not known.
func (w *Warden) LoggedIn(now time.Time) []home.Login {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Home.LoggedIn(now)
}

// Top lists the busiest addresses at now, as Judge.Top does.
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

// AtHome says which accounts are at home in a prefix at now; "" is none.
func (w *Warden) AtHome(p netip.Prefix, now time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Home.AtHome(p, now)
}

// EachBan calls yield for each live ban at now, in any order. n is the highest number of
// bans. yield must be quick, must not keep the ban, and must not call the warden.
func (w *Warden) EachBan(now time.Time, yield func(ban *book.Ban, n int)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for b := range w.book.Each {
		if _, live := b.Left(now); live {
			yield(b, w.book.Len())
		}
	}
}

// BansOf calls yield for those of the prefixes that are banned at now, in their order.
// pending reports that the ban is decided and not in the kernel. Like EachBan it holds the
// lock of the warden: ask for a few prefixes at a time.
func (w *Warden) BansOf(list []netip.Prefix, now time.Time, yield func(ban *book.Ban, pending bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range list {
		b := w.book.Find(p)
		if b == nil {
			continue
		}
		if _, live := b.Left(now); live {
			_, pending := w.pending[p]
			yield(b, pending)
		}
	}
}

// Foreign returns the services of other programs that the jails which read a log want.
func (w *Warden) Foreign(file string) parsers.Services {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Source(file).Foreign()
}

// Problems is what is wrong now, by subject: enforcer, kernel, firewall, ledger, book. It is
// cheap, as Report is not.
func (w *Warden) Problems() map[string]error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.problems)
}
