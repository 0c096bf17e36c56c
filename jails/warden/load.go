package warden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/jails/book"
)

// ErrLedger marks a ledger that cannot be read at start.
var ErrLedger = errors.New("the database cannot be read")

// Restore reads the ledger into the book, and makes kernel and book agree: bans that the
// kernel lost are put back with the time they have left, members that the ledger does not
// know are adopted (the ledger may be damaged), and protected addresses are unbanned. That
// takes a second for 100,000 bans. Events are judged meanwhile: a ban that is made before
// its history is read gets its right strike afterwards.
//
// When ctx ends first, it returns the error of ctx at once: the rest is in the ledger, and
// comes back with the next start.
func (w *Warden) Restore(ctx context.Context, now time.Time) error {
	w.look.Lock()
	defer w.look.Unlock()
	w.RestoreHomes(now) // no address at home may be banned meanwhile
	older, err := w.loadBans(ctx, now)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLedger, err)
	}
	failed := w.settle(ctx, now, w.adopt)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	strikes, err := w.ledger.Strikes(now.Add(-strikesKept), now, book.MaxStrikes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLedger, err)
	}
	for part := range slices.Chunk(strikes, maxPart) {
		w.loadStrikes(part)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.early() {
		w.reconsider(b, older[b.Prefix], now)
	}
	w.freed, w.restored = nil, true
	return failed
}

// strikesKept is how far back the ledger is asked for strikes.
const strikesKept = 365 * 24 * time.Hour

// loadBans reads the bans of the ledger. Where the kernel is empty, as after a boot, it
// is filled while the next ones are read. It returns the bans of the ledger that were
// not loaded, because the book got a newer ban of the same prefix meanwhile.
func (w *Warden) loadBans(ctx context.Context, now time.Time) (older map[netip.Prefix]*book.Ban, err error) {
	_, members, failed := w.enforcer.Check()
	empty := failed == nil && members == 0
	w.mu.Lock()
	w.freed = map[netip.Prefix]bool{}
	w.mu.Unlock()
	older = map[netip.Prefix]*book.Ban{}
	parts := make(chan []book.Ban, 4)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(parts)
		err = w.ledger.Read(now, func(part []book.Ban) { parts <- part })
	})
	for part := range parts {
		list := w.loadPart(part, older, now)
		if !empty {
			continue
		}
		done, failed := w.push(ctx, list, now)
		empty = failed == nil // else all the others are tried later, at once
		w.mu.Lock()
		w.repairs.PutBack += uint64(done)
		w.mu.Unlock()
	}
	reader.Wait()
	return older, err
}

// loadPart enters bans, except those of protected addresses, and returns the prefixes of
// the bans it entered.
func (w *Warden) loadPart(part []book.Ban, older map[netip.Prefix]*book.Ban, now time.Time) (list []netip.Prefix) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range part {
		b := &part[i]
		if b.Observed && !w.observing {
			continue
		}
		switch known := w.book.Find(b.Prefix); {
		case known == nil && !w.freed[b.Prefix]:
			w.book.Load(b)
			known = b
			fallthrough
		case known != nil && known.Loaded():
			if w.spareOne(known, now) {
				list = append(list, b.Prefix)
			}
		case known != nil:
			older[b.Prefix] = b
		}
	}
	return list
}

func (w *Warden) loadStrikes(part []book.Strike) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range part {
		_, known := w.book.History(s.Prefix)
		if b := w.book.Find(s.Prefix); !known && !w.freed[s.Prefix] && (b == nil || !b.Loaded()) { // else the ban has the strike
			w.book.LoadStrike(s)
		}
	}
}

// early are the bans of logs that came in before the ledger was read. mu is held.
func (w *Warden) early() (list []*book.Ban) {
	for b := range w.book.Each {
		if !b.Loaded() && b.By == "log" {
			list = append(list, b)
		}
	}
	return list
}

// reconsider corrects a ban that was made before its history was read: its strike, its
// end and its ports. old is the ban of the ledger that it replaced, or nil. mu is held.
func (w *Warden) reconsider(b, old *book.Ban, now time.Time) {
	jail := w.judge.Jail(b.Jail)
	if jail == nil {
		return
	}
	fresh := *b
	w.book.Remove(b.Prefix)
	if old != nil {
		w.book.Load(old)
	}
	fresh.Strike = w.book.NextStrike(b.Prefix, jail.Growth, b.Since)
	fresh.Until, fresh.Ports = book.EndOf(b.Since, jail.Length(fresh)), jail.Closed(fresh)
	held, banned := w.book.Holding(b.Prefix.Addr(), now)
	if banned && held.Ports.Covers(fresh.Ports) && (held.Jail == b.Jail || !fresh.Outlasts(*held)) {
		w.withdraw(b, old, now)
		return
	}
	if banned {
		fresh.Join(*held)
	}
	w.book.Put(fresh)
	if fresh.Strike == b.Strike && fresh.Ports == b.Ports && fresh.Until.Equal(b.Until) {
		return
	}
	w.write(fresh)
	if err := w.enforce(fresh, now); err != nil {
		w.log.Error("ban is not in the firewall yet, so packets from this address pass: pbxjail tries again", "prefix", b.Prefix, "err", err, "hint", cmp.Or(hint.Of(err), stuckHint))
	}
}

// withdraw undoes a second ban of an address that was banned already: lines from before
// the crash are read again. mu is held.
func (w *Warden) withdraw(b, old *book.Ban, now time.Time) {
	w.unwritten = slices.DeleteFunc(w.unwritten, func(o book.Ban) bool {
		return o.Prefix == b.Prefix && o.Jail == b.Jail && o.Since.Equal(b.Since)
	})
	w.counts.Bans--
	var err error
	if old != nil {
		err = w.enforce(*old, now)
	} else {
		delete(w.pending, b.Prefix)
		err = w.enforcer.Unban(b.Prefix)
	}
	w.log.Info("second ban removed: the address was banned already, and stays banned", "prefix", b.Prefix, "jail", b.Jail, "err", err)
}
