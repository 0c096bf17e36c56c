package jails

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// Enforcer is what the warden needs of package actions. All methods may be called
// from any goroutine.
type Enforcer interface {
	Setup() (degraded []string, err error)
	Ban(p netip.Prefix, d time.Duration) error
	Unban(p netip.Prefix) error
	Each(yield func(p netip.Prefix, left time.Duration, packets, bytes uint64)) error
}

// Warden owns all ban state of a running daemon. An event is judged and the ban is
// in the kernel before Hear returns; the ledger is written behind it, by Run. All
// methods may be called from any goroutine.
type Warden struct {
	enforcer Enforcer
	ledger   Ledger
	log      *slog.Logger
	kick     chan struct{} // Run has something to write

	ledgerMu sync.Mutex // orders Record and Lift; taken before mu

	mu        sync.Mutex // guards all below
	judge     *Judge
	book      *Book
	counts    Counts
	unwritten []Ban                      // for the ledger
	pending   map[netip.Prefix]time.Time // decided, not in the kernel: since when
	told      map[netip.Prefix]time.Time // when an alert about a protected address was last logged
	problems  map[string]error           // what is wrong now, by what it is about
	unbans    uint64
}

const (
	// reconcileEvery is how often ledger and kernel are compared.
	reconcileEvery = time.Minute
	// maxUnwritten bounds what waits for a ledger that cannot be written; beyond it
	// bans are kept without their lines.
	maxUnwritten = 1000
	// alertEvery is how often a protected address is told about.
	alertEvery = 10 * time.Minute
	maxAlerts  = 1000
	// bantimeByHand is how long a ban by hand lasts when nothing is said.
	bantimeByHand = time.Hour
)

// NewWarden reads the ledger. Nothing is enforced before Restore. The judge must
// not be used by anybody else.
func NewWarden(judge *Judge, enforcer Enforcer, ledger Ledger, log *slog.Logger) *Warden {
	return &Warden{
		judge: judge, book: judge.book, enforcer: enforcer, ledger: ledger, log: log, kick: make(chan struct{}, 1),
		pending: map[netip.Prefix]time.Time{}, told: map[netip.Prefix]time.Time{}, problems: map[string]error{},
	}
}

// Hear judges the event of a log's record, and bans. at is when it happened, now
// what the clock says: they differ for a log that is read after the fact.
func (w *Warden) Hear(file string, e *parsers.Event, at, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Count(e)
	if e.Result == parsers.Offence {
		w.judge.Hear(w.judge.Source(file), e, at, func(v Verdict) { w.carryOut(v, now) })
	}
}

// Lines counts lines that were read.
func (w *Warden) Lines(n int) {
	w.mu.Lock()
	w.counts.Lines += uint64(n)
	w.mu.Unlock()
}

// Patterns are the own patterns of the jails that read a log.
func (w *Warden) Patterns(file string) []*parsers.Pattern {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Source(file).Patterns()
}

// carryOut enforces a verdict. mu is held.
func (w *Warden) carryOut(v Verdict, now time.Time) {
	b := v.Ban
	switch {
	case v.Protected != "":
		w.alert(b, v.Protected, now)
		return
	case v.Observe:
		w.log.Info("would ban", "prefix", b.Prefix, "jail", b.Jail, "reason", b.Reason)
		b.Until, b.By = b.Since, "observe"
		w.write(b)
		return
	}
	if _, live := b.Left(now); !live { // a log read after the fact: its ban is over
		w.write(b)
		return
	}
	if err := w.enter(b, now); err != nil {
		w.log.Error("ban is not enforced", "prefix", b.Prefix, "jail", b.Jail, "err", err)
		return
	}
	w.counts.Bans++
	w.log.Info("ban", "prefix", b.Prefix, "jail", b.Jail, "reason", b.Reason, "evidence", b.Evidence, "strike", b.Strike, "for", forWords(b))
}

func forWords(b Ban) string {
	if b.Until.IsZero() {
		return "forever"
	}
	return configs.FormatDuration(b.Until.Sub(b.Since).Round(time.Second))
}

// errFull is told when the book holds MaxBans.
var errFull = errors.New("as many bans as pbxjail keeps")

// enter puts a ban into book, kernel and, soon, the ledger. mu is held. A kernel
// that refuses leaves the ban pending: Run tries again.
func (w *Warden) enter(b Ban, now time.Time) error {
	kept := b
	kept.Lines = nil // the ledger has them
	if !w.book.Put(kept) {
		w.problem("book", errFull)
		return errFull
	}
	w.write(b)
	return w.enforce(b, now)
}

func (w *Warden) enforce(b Ban, now time.Time) error {
	left, live := b.Left(now)
	if !live {
		return nil
	}
	err := w.enforcer.Ban(b.Prefix, left)
	if err != nil {
		if _, known := w.pending[b.Prefix]; !known {
			w.pending[b.Prefix] = now
		}
	} else {
		delete(w.pending, b.Prefix)
	}
	w.problem("enforcer", err)
	return err
}

// write queues a ban for the ledger. mu is held.
func (w *Warden) write(b Ban) {
	if len(w.unwritten) >= maxUnwritten {
		b.Lines = nil
	}
	if len(w.unwritten) < MaxBans {
		w.unwritten = append(w.unwritten, b)
	}
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// alert tells that a protected address did what would have banned it. Anybody who
// forges its packets can make it do so, hence the limit.
func (w *Warden) alert(b Ban, why string, now time.Time) {
	if last, ok := w.told[b.Prefix]; ok && now.Sub(last) < alertEvery {
		return
	}
	if len(w.told) >= maxAlerts {
		clear(w.told)
	}
	w.told[b.Prefix] = now
	w.log.Warn("not banned: the address is protected", "prefix", b.Prefix, "jail", b.Jail, "protection", why, "reason", b.Reason)
}

// problem notes what is wrong, or with nil that it is right again. mu is held.
func (w *Warden) problem(about string, err error) {
	if err == nil {
		delete(w.problems, about)
	} else {
		w.problems[about] = err
	}
}

// Restore makes kernel and book agree at start: bans of the ledger that the
// kernel lost are put back with the time they have left, members the ledger does
// not know are adopted, as after a damaged ledger.
func (w *Warden) Restore(now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settle(now)
}

func (w *Warden) settle(now time.Time) error {
	missing := make(map[netip.Prefix]bool, w.book.Len())
	for b := range w.book.Each {
		if _, live := b.Left(now); live {
			missing[b.Prefix] = true
		}
	}
	var adopt []Ban
	err := w.enforcer.Each(func(p netip.Prefix, left time.Duration, _, _ uint64) {
		b, ok := w.book.Get(p, now)
		if !ok {
			adopt = append(adopt, Ban{Prefix: p, Jail: "unknown", Since: now.UTC(), Until: until(now, left), Strike: 1, By: "kernel",
				Reason: "found in the kernel, where the ledger knew nothing of it"})
			return
		}
		if want, _ := b.Left(now); sameLeft(want, left) {
			delete(missing, p)
		}
	})
	if err != nil {
		return fmt.Errorf("list the bans of the kernel: %w", err)
	}
	for _, b := range adopt {
		if w.book.Put(b) {
			w.write(b)
		}
	}
	var failed error
	for p := range missing {
		if b, ok := w.book.Get(p, now); ok {
			failed = errors.Join(failed, w.enforce(*b, now))
		}
	}
	return failed
}

// sameLeft allows for the kernel's whole seconds, and for its limit: a longer ban
// is renewed before the kernel ends it.
func sameLeft(want, have time.Duration) bool {
	const slack = 3 * time.Second
	if want == Forever || have == Forever {
		return want == have
	}
	return (want-have).Abs() <= slack || want > have && have > renewBefore
}

// renewBefore: ipset(8) holds no timeout beyond 2147483 s, some 24 days.
const renewBefore = 7 * 24 * time.Hour

// Run writes the ledger, tries pending bans again and compares with the kernel,
// until ctx ends; what waits is written before it returns.
func (w *Warden) Run(ctx context.Context) error {
	second, minute := time.NewTicker(time.Second), time.NewTicker(reconcileEvery)
	defer second.Stop()
	defer minute.Stop()
	for {
		select {
		case <-ctx.Done():
			return w.flush()
		case <-w.kick:
			w.flush()
		case now := <-second.C:
			w.retry(now)
		case now := <-minute.C:
			w.reconcile(now)
		}
	}
}

// retry enforces what the kernel refused before, and writes what the ledger refused.
func (w *Warden) retry(now time.Time) {
	w.mu.Lock()
	w.book.Expire(now)
	tries := 0
	for p := range w.pending {
		b, ok := w.book.Get(p, now)
		if !ok {
			delete(w.pending, p)
		} else if w.enforce(*b, now) == nil {
			w.log.Info("ban is enforced now", "prefix", p)
		}
		if tries++; tries == 1000 {
			break
		}
	}
	waiting := len(w.unwritten) > 0
	w.mu.Unlock()
	if waiting {
		w.flush()
	}
}

func (w *Warden) reconcile(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.enforcer.Setup(); err != nil {
		w.problem("enforcer", err)
		w.log.Error("not enforcing", "err", err)
		return
	}
	err := w.settle(now)
	if err != nil {
		w.log.Error("bans of ledger and kernel differ", "err", err)
	}
	w.problem("enforcer", err)
}

// flush writes what waits for the ledger. What cannot be written is kept.
func (w *Warden) flush() error {
	w.ledgerMu.Lock()
	defer w.ledgerMu.Unlock()
	w.mu.Lock()
	batch := w.unwritten
	w.unwritten = nil
	w.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := w.ledger.Record(batch)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.unwritten = append(batch, w.unwritten...)
		if w.problems["ledger"] == nil {
			w.log.Error("ledger is not written: bans hold, and are kept in memory", "err", err)
		}
	} else if w.problems["ledger"] != nil {
		w.log.Info("ledger is written again")
	}
	w.problem("ledger", err)
	return err
}
