package jails

import (
	"fmt"
	"net/netip"
	"time"

	"pbxjail/configs"
)

const (
	// slack allows for the kernel's whole seconds.
	slack = 3 * time.Second
	// renewBefore: ipset(8) holds no timeout beyond 2147483 s, some 24 days.
	renewBefore = 7 * 24 * time.Hour
	// maxPushes is how many waiting bans are tried each second, maxRefusals how
	// many of them may fail: each can take seconds, and no event is judged then.
	maxPushes   = 1000
	maxRefusals = 10
)

// Restore makes kernel and book agree at start: bans of the ledger that the
// kernel lost are put back with the time they have left, members the ledger does
// not know are adopted, as after a damaged ledger. Protected addresses are let out.
func (w *Warden) Restore(now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spare(now)
	return w.settle(now, w.adopt)
}

// settle puts into the kernel what it lacks, and calls stray for each of its
// members that the book does not know. mu is held.
func (w *Warden) settle(now time.Time, stray func(p netip.Prefix, left time.Duration, now time.Time)) error {
	missing := make(map[netip.Prefix]bool, w.book.Len())
	for b := range w.book.Each {
		if _, live := b.Left(now); live {
			missing[b.Prefix] = true
		}
	}
	strays := map[netip.Prefix]time.Duration{}
	err := w.enforcer.Each(func(p netip.Prefix, left time.Duration, _, _ uint64) {
		if b, ok := w.book.Get(p, now); !ok {
			strays[p] = left
		} else if want, _ := b.Left(now); sameLeft(want, left) {
			delete(missing, p)
		}
	})
	if err != nil {
		return fmt.Errorf("list the bans of the kernel: %w", err)
	}
	for p, left := range strays {
		if left == Forever || left > slack { // else it ends by itself
			stray(p, left, now)
		}
	}
	for p := range missing {
		w.wait(p, now)
	}
	_, err = w.push(now, len(missing))
	return err
}

// sameLeft allows for the kernel's limit: a longer ban is renewed before the
// kernel ends it.
func sameLeft(want, have time.Duration) bool {
	if want == Forever || have == Forever {
		return want == have
	}
	return (want-have).Abs() <= slack || want > have && have > renewBefore
}

// adopt takes a member of the kernel for a ban. mu is held.
func (w *Warden) adopt(p netip.Prefix, left time.Duration, now time.Time) {
	if why := w.judge.protects(p, nil); why != "" {
		w.letOut(p, why, now)
		return
	}
	b := Ban{Prefix: p, Jail: "unknown", Since: now.UTC(), Until: until(now, left), Strike: w.book.strike(p, configs.Growth{}, now), By: "kernel",
		Reason: "found in the kernel, where the ledger knew nothing of it"}
	if w.book.Put(b) {
		w.write(b)
	}
}

// expel lets out what the book knows to be over: it was put back while the clock
// was behind. What it does not know it adopts. mu is held.
func (w *Warden) expel(p netip.Prefix, left time.Duration, now time.Time) {
	if _, over := w.book.strikes[p]; !over {
		w.adopt(p, left, now)
	} else if err := w.enforcer.Unban(p); err != nil {
		w.log.Error("is not let out, though its ban is over", "prefix", p, "err", err)
	}
}

// spare lets out those whom a log had banned and who are protected now. What was
// banned by hand stays: it was meant. mu is held.
func (w *Warden) spare(now time.Time) {
	w.changed = false
	for b := range w.book.Each {
		if b.By != "log" && b.By != "kernel" {
			continue
		}
		if why := w.judge.protects(b.Prefix, w.judge.jail(b.Jail)); why != "" && !w.letOut(b.Prefix, why, now) {
			w.changed = true // tried again
		}
	}
}

// letOut ends a ban that should not be. mu is held.
func (w *Warden) letOut(p netip.Prefix, why string, now time.Time) bool {
	b, err := w.free(p, now)
	if err != nil {
		w.log.Error("is not let out", "prefix", p, "why", why, "err", err)
		return false
	}
	if b != nil {
		w.write(*b)
	}
	w.log.Info("unban", "prefix", p, "why", why)
	return true
}

// wait notes that a ban is not in the kernel. mu is held.
func (w *Warden) wait(p netip.Prefix, now time.Time) {
	if _, known := w.pending[p]; !known {
		w.pending[p] = now
	}
}

// push tries to enforce bans that wait for it, at most so many. mu is held.
func (w *Warden) push(now time.Time, most int) (done int, failed error) {
	tries, refusals := 0, 0
	for p := range w.pending {
		if tries == most || refusals == maxRefusals {
			break
		}
		tries++
		if b, ok := w.book.Get(p, now); !ok {
			delete(w.pending, p)
		} else if err := w.enforce(*b, now); err != nil {
			refusals++
			failed = err
		} else {
			done++
		}
	}
	if failed != nil {
		failed = fmt.Errorf("%d bans are not in the kernel: %w", len(w.pending), failed)
	}
	return done, failed
}

// retry enforces what the kernel refused before, and writes what the ledger refused.
func (w *Warden) retry(now time.Time) {
	w.mu.Lock()
	if w.book.Len() >= MaxBans {
		w.book.Expire(now)
	}
	if w.book.Len() < MaxBans {
		w.problem("book", nil)
	}
	if w.changed {
		w.spare(now)
	}
	w.judge.Tick(now, func(v Verdict) { w.carryOut(v, now) })
	if n, _ := w.push(now, maxPushes); n > 0 {
		w.log.Info("bans that waited are enforced now", "bans", n)
	}
	waiting := len(w.unwritten) > 0
	w.mu.Unlock()
	if waiting {
		w.flush()
	}
}

// reconcile repairs what others did to our rules and members. All bans are looked
// at, which takes too long to be done each second.
func (w *Warden) reconcile(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.book.Expire(now)
	w.judge.observed.Expire(now)
	w.rebase(now)
	_, err := w.enforcer.Setup()
	w.broken = err != nil
	if err == nil {
		err = w.settle(now, w.expel)
	}
	if err != nil {
		w.log.Error("not every ban is enforced", "err", err)
	}
	w.problem("enforcer", err)
}

// rebase moves bans that were decided in the future, by a clock that was wrong,
// to now: otherwise they would last until then. mu is held.
func (w *Warden) rebase(now time.Time) {
	for b := range w.book.Each {
		ahead := b.Since.Sub(now)
		if ahead <= time.Minute {
			continue
		}
		b.Since = now.UTC()
		if !b.Until.IsZero() {
			b.Until = b.Until.Add(-ahead)
		}
		w.write(*b)
	}
}
