package jails

import (
	"slices"
	"sync"
	"time"
)

// strikesKept is how far back the ledger is asked for strikes.
const strikesKept = 365 * 24 * time.Hour

// Load fills the book of an Unread warden from the ledger. It takes as long as a disk
// and a hundred thousand bans take, and detection does not wait for it: whom a log
// bans meanwhile is held by the kernel at once, and gets his strike and his place in
// the book at the end. Restore comes next, and Run after that.
//
// An empty kernel, as after a boot, gets bans while the rest is read: either takes half
// a second.
func (w *Warden) Load(now time.Time) error {
	w.look.Lock()
	defer w.look.Unlock()
	_, members, err := w.enforcer.Check()
	empty := err == nil && members == 0
	parts := make(chan []*Ban, 4)
	var pushing sync.WaitGroup
	pushing.Go(func() {
		for part := range parts {
			empty = empty && w.offer(part, now) // what is missing then is Restore's to tell
		}
	})
	err = w.readBans(now, parts)
	close(parts)
	var strikes []Strike
	if err == nil {
		strikes, err = w.ledger.Strikes(now.Add(-strikesKept), now, MaxStrikes)
	}
	pushing.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range strikes {
		w.book.strikes[s.Prefix] = s
	}
	w.Unread = false
	if err == nil {
		w.log.Info("ledger is read", "bans", w.book.Len(), "strikes", len(strikes))
	}
	for _, v := range w.early {
		w.late(v, now)
	}
	w.early = nil
	return err
}

// readBans enters the bans of the ledger, in parts.
func (w *Warden) readBans(now time.Time, parts chan<- []*Ban) error {
	var part []*Ban
	enter := func() {
		w.mu.Lock()
		for _, b := range part {
			w.book.enter(b)
		}
		w.mu.Unlock()
		parts <- part
		part = nil
	}
	err := w.ledger.EachBan(now, func(b Ban) {
		if part = append(part, &b); len(part) == maxPart {
			enter()
		}
	})
	if len(part) > 0 {
		enter()
	}
	return err
}

// offer puts bans into the kernel, all or none, but not those that Restore will lift.
// Reading does not wait for it. Who is banned anew meanwhile is put right by late.
func (w *Warden) offer(part []*Ban, now time.Time) bool {
	w.mu.Lock()
	part = slices.DeleteFunc(part, func(b *Ban) bool { return w.spares(b) != "" })
	w.mu.Unlock()
	return w.enforcer.BanAll(leftOf(part, now)) == nil
}

// before holds a verdict that came before the book was read. mu is held.
func (w *Warden) before(v Verdict, now time.Time) {
	if len(w.early) >= MaxBans {
		return
	}
	w.early = append(w.early, v)
	if left, live := v.Ban.Left(now); live && v.Bans() {
		if err := w.enforcer.Ban(v.Ban.Prefix, left); err != nil {
			w.log.Error("ban is not enforced yet", "prefix", v.Ban.Prefix, "jail", v.Ban.Jail, "err", err)
		}
	}
}

// late carries out a verdict of before with what the book knows: who was banned
// already keeps that ban, as he would have. mu is held.
func (w *Warden) late(v Verdict, now time.Time) {
	b, jail := &v.Ban, w.judge.jail(v.Ban.Jail)
	if !v.Bans() || jail == nil {
		w.carryOut(v, now)
		return
	}
	b.Strike = w.book.strike(b.Prefix, jail.Growth, b.Since)
	b.Until = until(b.Since, jail.bantime(b.Strike, b.Evidence))
	held, banned := w.book.Covering(b.Prefix, now)
	switch {
	case !banned || held.Jail != b.Jail && longer(*b, *held):
		w.carryOut(v, now)
	case held.Prefix == b.Prefix:
		w.enforce(*held, now) // the kernel took the new time; what it refuses waits
	default:
		if err := w.enforcer.Unban(b.Prefix); err != nil {
			w.log.Error("is not let out of its own ban, beside a wider one", "prefix", b.Prefix, "err", err)
		}
	}
}
