package warden

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// Order is a ban by hand.
type Order struct {
	Prefix netip.Prefix
	Jail   string         // the jail that gives the bantime; "" is none
	Ports  ports.Set      // what it closes
	For    *time.Duration // nil: the jail's bantime, or one hour; Forever: without end
	Force  bool           // although it is protected
	By     string
}

// ErrProtected is returned for a ban by hand of a protected prefix.
var ErrProtected = errors.New("is protected")

// ErrNoJail is returned for a jail that does not exist.
var ErrNoJail = errors.New("there is no jail of this name")

// Order bans by hand.
func (w *Warden) Order(o Order, now time.Time) (book.Ban, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if why := w.whyNot(o.Prefix, now); why != "" && !o.Force {
		return book.Ban{}, fmt.Errorf("%s %w: %s", o.Prefix, ErrProtected, why)
	}
	if w.holdsReal(o.Prefix, now) {
		return book.Ban{}, hint.Errorf("first run: jailctl on. Then the old ban is in force again; repeat your command to change it", "%s has a ban already, and this ban cannot be changed while pbxjail is switched off", o.Prefix)
	}
	b := book.Ban{Prefix: o.Prefix, Jail: "manual", Ports: o.Ports, Since: now.UTC(), Strike: w.book.NextStrike(o.Prefix, configs.Growth{}, now), By: o.By, Reason: "by hand"}
	d := bantimeByHand
	if o.Jail != "" {
		jail := w.judge.Jail(o.Jail)
		if jail == nil {
			return book.Ban{}, fmt.Errorf("%q: %w", o.Jail, ErrNoJail)
		}
		b.Jail, b.Strike = jail.Name, w.book.NextStrike(o.Prefix, jail.Growth, now)
		d = jail.BanLength(b.Strike, parsers.NoEvidence)
	}
	if o.For != nil {
		d = *o.For
	}
	b.Until, b.Observed = book.EndOf(now, d), w.observing
	if err := w.enter(b, now); err != nil {
		return b, err
	}
	w.announce(Decision{What: BannedByHand, Ban: b})
	return b, nil
}

// Unban ends the bans of prefixes: in the kernel at once, in the ledger before it
// returns, so that no restart brings them back. It reports how many were banned.
func (w *Warden) Unban(prefixes []netip.Prefix, by string, now time.Time) (int, error) {
	free, ended, failed := w.freeAll(prefixes, by, now)
	w.ledgerMu.Lock()
	defer w.ledgerMu.Unlock()
	w.mu.Lock()
	for i := range w.unwritten {
		if b := &w.unwritten[i]; free[b.Prefix] && !b.Since.After(now) {
			b.Forgive(now)
		}
	}
	w.mu.Unlock()
	if err := w.saveMoments(now); err != nil {
		failed = errors.Join(failed, fmt.Errorf("the address is unbanned, but pbxjail cannot write this to the database, and tries again: %w", err))
	}
	if err := w.ledger.Lift(slices.Collect(maps.Keys(free)), by, now); err != nil {
		failed = errors.Join(failed, fmt.Errorf("the ban is ended, but pbxjail cannot write this to the database, and tries again: %w", err))
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(ended) > 0 {
			w.problem("ledger", err)
			w.unwritten = append(ended, w.unwritten...) // before what may have come since
		}
	}
	return len(ended), failed
}

// freeAll is the part of Unban that does not wait for a disk. It returns the prefixes
// that are free now, the bans that ended, and the error of the kernel about the others.
func (w *Warden) freeAll(prefixes []netip.Prefix, by string, now time.Time) (free map[netip.Prefix]bool, ended []book.Ban, failed error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	free = make(map[netip.Prefix]bool, len(prefixes))
	failures := 0
	for _, p := range prefixes {
		b, err := w.free(p, now)
		if err != nil {
			failures++
			failed = cmp.Or(failed, err)
			continue
		}
		free[p] = true
		if b != nil {
			ended = append(ended, *b)
		}
		w.announce(Decision{What: LetOut, Ban: book.Ban{Prefix: p}, By: by})
	}
	if failures > 1 {
		failed = fmt.Errorf("%d bans cannot be removed from the firewall, so their packets are still dropped. The first error: %w", failures, failed)
	}
	return free, ended, failed
}

// free removes a prefix from the kernel, the book and the tallies. It returns the
// ban as it ends now, or nil when there was none. mu is held.
func (w *Warden) free(p netip.Prefix, now time.Time) (*book.Ban, error) {
	_, waits := w.pending[p]
	if err := w.enforcer.Unban(p); err != nil && !waits { // a pending ban is not in the kernel
		return nil, err
	}
	delete(w.pending, p)
	if w.freed != nil {
		w.freed[p] = true
	}
	w.judge.Forget(p)
	b, ok := w.book.Get(p, now)
	w.book.Lift(p)
	if !ok {
		return nil, nil
	}
	w.unbans++
	b.Forgive(now)
	return b, nil
}

// Bans returns the live bans, in any order.
func (w *Warden) Bans(now time.Time) []book.Ban {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]book.Ban, 0, w.book.Len())
	for b := range w.book.Each {
		if _, live := b.Left(now); live {
			list = append(list, *b)
		}
	}
	return list
}

// Prefixes returns those of the live bans, in any order.
func (w *Warden) Prefixes(now time.Time) []netip.Prefix {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]netip.Prefix, 0, w.book.Len())
	for b := range w.book.Each {
		if _, live := b.Left(now); live {
			list = append(list, b.Prefix)
		}
	}
	return list
}

// Pending reports whether a ban is decided and not in the kernel.
func (w *Warden) Pending(p netip.Prefix) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.pending[p]
	return ok
}

// Change replaces the jails, protections and senses. Run then ends the bans of
// addresses that are protected now.
func (w *Warden) Change(list []*jails.Jail, g *jails.Guard, s jails.Senses) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.SetJails(list)
	w.judge.SetGuard(g)
	w.judge.SetSenses(s)
	w.changed = true
}

// Tune takes over three settings of the main file: how long an account is at home where
// it logged in, how many times maxretry is allowed there, and how many packets restart a
// ban (0: a ban is never restarted). They hold from the next event on.
func (w *Warden) Tune(protectLogins time.Duration, allowance int, stubborn uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.Home.ProtectLogins, w.judge.Allowance, w.Stubborn = protectLogins, allowance, stubborn
}

// SetCustomer takes over how long the prefix of one IPv6 customer is, in bits: see
// jails.Judge.SetCustomer. It holds from the next event on.
func (w *Warden) SetCustomer(bits int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.SetCustomer(bits)
}

// Report is the warden's state for a status screen.
type Report struct {
	Counts  jails.Counts
	Unbans  uint64
	Evicted uint64
	// Displaced is how many bans ended to make room for others, Forged how many records
	// reported something that no packet did.
	Displaced, Forged uint64
	Jails             []jails.JailState
	Problems          map[string]error // by subject
	Pending           int
	Repairs           Repairs
	Bans              int      // live ones
	Degraded          []string // what the enforcer cannot do, in words
}

// Report returns the state of the warden. It looks at each ban, with the lock held.
func (w *Warden) Report(now time.Time) Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	banned := map[string]int{}
	for b := range w.book.Each {
		if _, live := b.Left(now); live {
			banned[b.Jail]++
		}
	}
	return w.report(banned)
}

// report is Report with the live bans of each jail. mu is held.
func (w *Warden) report(banned map[string]int) Report {
	r := Report{Evicted: w.judge.Evicted(), Displaced: w.displaced, Forged: w.judge.Forged(), Counts: w.counts, Unbans: w.unbans, Problems: maps.Clone(w.problems), Pending: len(w.pending), Repairs: w.repairs, Degraded: w.Degraded}
	for _, n := range banned {
		r.Bans += n
	}
	r.Jails = w.judge.States(banned)
	return r
}
