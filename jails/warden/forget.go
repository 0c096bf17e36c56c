package warden

import (
	"net/netip"
)

// Forget removes from memory what is known of the addresses in a prefix, or of an account
// when that is not "": attempts, strikes, log-ins and alarms. Live bans stay. It flushes
// first, so that no older ban waits for the ledger; the caller then erases that.
func (w *Warden) Forget(p netip.Prefix, account string) error {
	err := w.Flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.Home.Forget(p, account)
	if !p.IsValid() {
		return err
	}
	w.judge.Forget(p)
	w.book.ForgetStrikes(p)
	w.judge.Observed().ForgetStrikes(p)
	for at := range w.spared {
		if within(at, p) {
			delete(w.spared, at)
		}
	}
	for _, r := range []reminders{w.alerted, w.alarmed} {
		for at := range r.last {
			if within(at, p) {
				delete(r.last, at)
			}
		}
	}
	for i := range w.unwritten { // came since; its lines are not kept
		if within(w.unwritten[i].Prefix, p) {
			w.unwritten[i].Lines, w.unwritten[i].Sum = nil, nil
		}
	}
	return err
}

func within(inner, outer netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}
