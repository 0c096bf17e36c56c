package warden

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/ports"
	"pbxjail/jails"
	"pbxjail/jails/book"
)

const (
	// slack allows for the kernel's whole seconds.
	slack = 3 * time.Second
	// renewBefore: ipset(8) holds no timeout beyond 2147483 s, some 24 days.
	renewBefore = 7 * 24 * time.Hour
	// maxPushes is how many waiting bans are tried each second, maxRefusals how
	// many of them may fail: each can take seconds.
	maxPushes   = 1000
	maxRefusals = 10
	// maxPart is how many bans go to the kernel at once, maxHold how long events may
	// wait for that: where it takes longer, as with plain rules, fewer go at once.
	maxPart = 1000
	maxHold = 20 * time.Millisecond
)

// settle puts missing bans into the kernel, and calls stray for each member of the kernel
// that the book does not know. look is held; mu is not, because the list may take long.
// Bans and unbans made meanwhile are left as they are.
func (w *Warden) settle(ctx context.Context, now time.Time, stray func(m kernelBan, now time.Time)) error {
	w.mu.Lock()
	if w.freed == nil {
		w.freed = map[netip.Prefix]bool{}
	}
	w.book.StartComparison()
	list := make(members, 0, w.book.Places())
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.restored {
			w.freed = nil
		}
	}()
	begin := time.Now()
	err := w.enforcer.Each(list.add)
	w.firewall.listed = time.Since(begin)
	if err != nil {
		return fmt.Errorf("cannot list the bans in the firewall: %w", err)
	}
	for part := range slices.Chunk(list.joined(), maxPart) {
		w.compare(part, now, stray)
	}
	missing, lost := w.missing(now)
	done, err := w.push(ctx, missing, now)
	w.mu.Lock()
	w.repairs.PutBack += uint64(min(done, lost))
	w.mu.Unlock()
	return err
}

// compare looks members up in the book.
func (w *Warden) compare(part []kernelBan, now time.Time, stray func(m kernelBan, now time.Time)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range part {
		b, ok := w.book.Get(m.prefix, now)
		if !ok {
			// A member in its last seconds ends by itself.
			if !w.freed[m.prefix] && (m.left == book.Forever || m.left > slack) {
				stray(m, now)
			}
			continue
		}
		if w.stubborn(b, m, now) {
			continue
		}
		if want, _ := b.Left(now); sameLeft(want, m.left) && m.closes(b.Ports) {
			w.book.MarkFound(b)
		}
	}
}

// missing returns the bans that the kernel does not hold, or not for as long as it
// should. lost is how many of them it held before.
func (w *Warden) missing(now time.Time) (list []netip.Prefix, lost int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for b := range w.book.NotFound {
		if _, live := b.Left(now); !live {
			continue
		}
		list = append(list, b.Prefix)
		if _, waits := w.pending[b.Prefix]; !waits {
			lost++
		}
	}
	return list, lost
}

// sameLeft allows for the kernel's limit: a longer ban is renewed before the
// kernel ends it.
func sameLeft(want, have time.Duration) bool {
	if want == book.Forever || have == book.Forever {
		return want == have
	}
	return (want-have).Abs() <= slack || want > have && have > renewBefore
}

// adopt takes a member of the kernel for a ban. mu is held.
func (w *Warden) adopt(m kernelBan, now time.Time) {
	p := m.prefix
	if why := w.judge.Protects(p, nil); why != "" {
		w.letOut(p, why, now)
		return
	}
	b := book.Ban{Prefix: p, Jail: "unknown", Ports: w.judge.PortsOf(m.groups), Since: now.UTC(), Until: book.EndOf(now, m.left), Strike: w.book.NextStrike(p, configs.Growth{}, now), By: "kernel",
		Reason: "found in the firewall, but not in the database of pbxjail"}
	if w.book.Put(b) {
		w.repairs.Adopted++
		w.write(b)
	}
}

// stuckHint is what to do when a ban cannot be removed from the kernel.
const stuckHint = "nothing to do now; if this message comes again and again: systemctl restart pbxjail (it keeps all bans)"

// expel removes a member whose ban is over in the book: it was put back while the clock
// was behind. It adopts a member that the book does not know. mu is held.
func (w *Warden) expel(m kernelBan, now time.Time) {
	p := m.prefix
	if _, over := w.book.History(p); !over {
		w.adopt(m, now)
	} else if err := w.enforcer.Unban(p); err != nil {
		w.log.Error("a ban is over, but the firewall still drops packets from this address: pbxjail tries again within a minute", "prefix", p, "err", err, "hint", stuckHint)
	} else {
		w.repairs.Expelled++
	}
}

// spare ends the bans of jails on addresses that are protected now. Bans by hand stay,
// because a person ordered them. mu is held.
func (w *Warden) spare(now time.Time) {
	w.changed = false
	for b := range w.book.Each {
		w.spareOne(b, now)
	}
}

// spareOne is spare for one ban. It reports whether the ban stays.
func (w *Warden) spareOne(b *book.Ban, now time.Time) bool {
	if b.By != "log" && b.By != "kernel" {
		return true
	}
	why := w.judge.Protects(b.Prefix, w.judge.Jail(b.Jail))
	if why == "" {
		return true
	}
	if !w.letOut(b.Prefix, why, now) {
		w.changed = true // tried again
	}
	return false
}

// letOut ends the ban of a protected prefix. mu is held.
func (w *Warden) letOut(p netip.Prefix, why string, now time.Time) bool {
	b, err := w.free(p, now)
	if err != nil {
		w.log.Error("the firewall still drops packets from an address that is protected now: pbxjail tries again within a minute", "prefix", p, "why", why, "err", err, "hint", stuckHint)
		return false
	}
	if b != nil {
		w.write(*b)
	}
	w.announce(Decision{What: LetOut, Ban: book.Ban{Prefix: p}, Why: why})
	return true
}

// wait notes that a ban is not in the kernel. mu is held.
func (w *Warden) wait(p netip.Prefix, now time.Time) {
	if _, known := w.pending[p]; !known {
		w.pending[p] = now
	}
}

// push enforces bans of the book, in parts, so that events are judged in between. Bans
// that are refused, or not tried after too many refusals, become pending. The first part
// is one ban; parts grow while that is fast. When ctx ends, the rest is not tried.
func (w *Warden) push(ctx context.Context, list []netip.Prefix, now time.Time) (done int, failed error) {
	w.mu.Lock()
	size, refusals := max(w.part, 1), 0
	w.mu.Unlock()
	for len(list) > 0 && ctx.Err() == nil {
		part := list[:min(size, len(list))]
		list = list[len(part):]
		begin := time.Now()
		ok, refused, err := w.pushPart(part, maxRefusals-refusals, now)
		done, refusals = done+ok, refusals+refused
		if err != nil {
			failed = err
		}
		if took := time.Since(begin); took > maxHold {
			size = max(size/2, 1)
		} else if took < maxHold/2 {
			size = min(2*size, maxPart)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = size
	if failed != nil {
		failed = fmt.Errorf("%d bans are not in the firewall, so packets from these addresses pass: %w", len(w.pending), failed)
	}
	return done, failed
}

// pushPart tries all bans at once. When that fails, it tries one by one, until most are
// refused.
func (w *Warden) pushPart(part []netip.Prefix, most int, now time.Time) (done, refused int, failed error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var bans []*book.Ban
	for _, p := range part {
		if b, ok := w.book.Get(p, now); ok {
			bans = append(bans, b)
		} else {
			delete(w.pending, p)
		}
	}
	if most > 0 && w.enforcer.BanAll(leftOf(bans, now)) == nil {
		for _, b := range bans {
			delete(w.pending, b.Prefix)
		}
		w.allHeld()
		return len(bans), 0, nil
	}
	for _, b := range bans {
		if refused == most {
			w.wait(b.Prefix, now)
		} else if err := w.enforce(*b, now); err != nil {
			refused, failed = refused+1, err
		} else {
			done++
		}
	}
	return done, refused, failed
}

// leftOf yields bans with the time they have left.
func leftOf(bans []*book.Ban, now time.Time) iter.Seq[ports.Ban] {
	return func(yield func(ports.Ban) bool) {
		for _, b := range bans {
			if left, live := b.Left(now); live && !yield(ports.Ban{Prefix: b.Prefix, Ports: b.Ports, For: left}) {
				return
			}
		}
	}
}

// retry enforces what the kernel refused before, and writes what the ledger refused.
func (w *Warden) retry(ctx context.Context, now time.Time) {
	w.mu.Lock()
	if w.book.Len() >= w.book.Limit() {
		w.book.Expire(now)
	}
	if w.book.Len() < w.book.Limit() {
		w.problem("book", nil)
	}
	if w.changed {
		w.spare(now)
	}
	w.judge.Tick(now, func(v jails.Verdict) { w.carryOut(v, now) })
	var list []netip.Prefix
	for p := range w.pending {
		if list = append(list, p); len(list) == maxPushes {
			break
		}
	}
	waiting := len(w.unwritten) > 0
	w.mu.Unlock()
	if n, _ := w.push(ctx, list, now); n > 0 {
		w.log.Info("bans that were missing in the firewall are in it now", "bans", n)
	}
	if waiting {
		w.Flush()
	}
}

// rebase moves bans that begin in the future to now: the clock was wrong when they were
// made, and they would last too long. mu is held.
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
