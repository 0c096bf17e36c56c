package warden

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"pbxjail/configs/beat"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
	"pbxjail/configs/show"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// Enforcer is what the warden needs of package actions. All methods may be called
// from any goroutine.
type Enforcer interface {
	Setup() (made, degraded []string, err error)
	Check() (intact bool, members int, err error)
	Ban(p netip.Prefix, to ports.Set, d time.Duration) error
	BanAll(bans iter.Seq[ports.Ban]) error
	Unban(p netip.Prefix) error
	Each(yield func(ports.Held)) error
}

// Warden owns all ban state of a running daemon. An event is judged and the ban is
// in the kernel before Hear returns; the ledger is written behind it, by Run. All
// methods may be called from any goroutine.
type Warden struct {
	enforcer Enforcer
	ledger   Ledger
	log      *slog.Logger
	kick     chan struct{} // Run has something to write
	woken    chan string   // a program changed the firewall: its name
	again    chan struct{} // compare every ban with the kernel now

	// Neighbours names the other firewalls of this machine, for the report that our rules
	// were removed; may be nil. Set before use.
	Neighbours func() []string
	// Decided is called with each decision, under mu: it must not wait, nor call the
	// warden. Nil: decisions are logged at once. Set before use.
	Decided func(Decision)
	// Repaired is called after the warden put back rules that another program removed:
	// rules beside the bans may be gone too. It must not wait; may be nil. Set before Run.
	Repaired func()
	// Ours finds a present address of this machine in a prefix; the protections may be
	// older. It is called before each ban of a jail, under mu, and must not wait; nil finds
	// none. Set before use.
	Ours func(netip.Prefix) (netip.Addr, bool)
	// Degraded is what the enforcer's Setup could not do. Set before use; each later
	// Setup replaces it, under mu.
	Degraded []string
	// Stubborn is how many packets an address may send into its ban before the ban
	// restarts; 0: any number. Set before use; Tune changes it.
	Stubborn uint64

	look     sync.Mutex // orders comparisons with the kernel, and guards firewall; taken first
	firewall firewallState
	ledgerMu sync.Mutex // orders Record and Lift; taken before mu

	homesOnce sync.Once // the homes are read from the ledger

	mu        sync.Mutex // guards all below
	judge     *jails.Judge
	book      *book.Book
	counts    jails.Counts
	unwritten []book.Ban                 // for the ledger
	pending   map[netip.Prefix]time.Time // decided, not in the kernel: since when
	spared    spared                     // attempts that a protection stopped, for jailctl why
	alerted   reminders                  // of protected addresses
	alarmed   reminders
	problems  map[string]error      // what is wrong now, by subject
	freed     map[netip.Prefix]bool // unbanned while the kernel is listed; nil: no list is running
	repairs   Repairs
	unbans    uint64
	displaced uint64 // bans that ended to make room for others
	figures   figures
	part      int  // how many bans go to the kernel at once; 0 is 1
	observing bool // new bans are marked as observed, and drop nothing
	broken    bool // the last Setup of the enforcer failed
	counted   bool // the counts of the run before are loaded
	restored  bool // Restore is done: until then the kernel may know more than the book
	changed   bool // jails or protections changed, and some bans of protected addresses are not ended yet
}

const (
	// reconcileEvery is how often every ban is compared with the kernel.
	reconcileEvery = time.Minute
	// maxUnwritten bounds the bans that wait for the ledger with their lines; beyond it
	// bans are kept without their lines.
	maxUnwritten = 1000
	// bantimeByHand is how long a ban by hand lasts when the order gives no time.
	bantimeByHand = time.Hour
)

// New touches neither kernel nor ledger; Restore does. Nothing is enforced before. Only
// the warden may use the judge.
func New(judge *jails.Judge, enforcer Enforcer, ledger Ledger, log *slog.Logger) *Warden {
	return &Warden{
		judge: judge, book: judge.Book(), enforcer: enforcer, ledger: ledger, log: log, kick: make(chan struct{}, 1), woken: make(chan string, 1), again: make(chan struct{}, 1),
		pending: map[netip.Prefix]time.Time{}, spared: spared{}, problems: map[string]error{},
	}
}

// Hear judges the event of a log's record, and bans. at is when it happened, now is the
// time of the clock: they differ for a log that is read later.
func (w *Warden) Hear(file string, e *parsers.Event, at, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Count(e)
	w.figures.see(e)
	if e.Result != parsers.None {
		w.judge.Hear(w.judge.Source(file), e, at, func(v jails.Verdict) { w.carryOut(v, now) })
	}
}

// HearWire judges an event that the sensor on the wire reports, and bans. The judge asks
// the sensor meanwhile: the sensor must not hold a lock that its answers need.
func (w *Warden) HearWire(e *parsers.Event, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.figures.see(e)
	if e.Result != parsers.None {
		w.judge.Hear(w.judge.Wire(), e, now, func(v jails.Verdict) { w.carryOut(v, now) })
	}
}

// HearAMI judges a security event that Asterisk reports over its manager interface, and bans.
func (w *Warden) HearAMI(e *parsers.Event, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Result != parsers.None {
		w.judge.Hear(w.judge.AMI(), e, now, func(v jails.Verdict) { w.carryOut(v, now) })
	}
}

// Lines counts lines that were read.
func (w *Warden) Lines(n int) {
	w.mu.Lock()
	w.counts.Lines += uint64(n)
	w.mu.Unlock()
}

// Patterns returns the regex patterns of the jails that read a log.
func (w *Warden) Patterns(file string) []*parsers.Pattern {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Source(file).Patterns()
}

// carryOut enforces a verdict. mu is held.
func (w *Warden) carryOut(v jails.Verdict, now time.Time) {
	b := v.Ban
	if v.Protected == "" && !v.Alarm && w.isOurs(b.Prefix) {
		v.Protected = "an address of this machine"
	}
	switch {
	case v.Protected != "":
		w.figures.protected++
		w.spared.keep(b, v.Protected, now)
		w.alert(b, v.Protected, now)
		return
	case v.Alarm:
		if v.Rare || w.alarmed.due(b.Prefix, now) {
			w.announce(Decision{What: Alarm, Ban: b})
		}
		w.wake() // an alarm about a password is kept
		return
	case v.Observe:
		w.judge.Observed().Put(b.WithoutLines())
		w.announce(Decision{What: WouldBan, Ban: b})
		if _, held := w.book.Get(b.Prefix, now); !held { // in the ledger it would end the present ban
			b.Until, b.By, b.Strike = b.Since, "observe", 0
			w.write(b)
		}
		return
	}
	if w.holdsReal(b.Prefix, now) { // an observed ban replaces no real one
		if w.alerted.due(b.Prefix, now) {
			w.announce(Decision{What: WouldBan, Ban: b})
		}
		return
	}
	b.Observed = w.observing
	full := w.problems["book"] != nil
	if err := w.enter(b, now); err != nil {
		if !full { // logged once
			w.log.Error("ban is not in the firewall yet, so packets from this address pass: pbxjail tries again", "prefix", b.Prefix, "jail", b.Jail, "err", err, "hint", cmp.Or(hint.Of(err), stuckHint))
		}
		return
	}
	w.figures.latency.take(time.Since(now))
	w.announce(Decision{What: Banned, Ban: b})
}

func forWords(b book.Ban) string {
	if b.Until.IsZero() {
		return "forever"
	}
	return show.Duration(b.Until.Sub(b.Since).Round(time.Second))
}

// errFull is shown while the book is full.
func (w *Warden) errFull() error {
	return hint.Errorf("to see which jail has most bans: jailctl status. Write a shorter bantime into the file of this jail; then: jailctl reload. New bans are then shorter. To end a ban now: jailctl unban ADDRESS",
		"pbxjail holds %d bans, and cannot hold more. So each new ban ends an old ban early: first those with the weakest evidence and the least time left", w.book.Limit())
}

// enter puts a ban into book, kernel and, soon, the ledger. mu is held. A kernel
// that refuses leaves the ban pending: Run tries again.
func (w *Warden) enter(b book.Ban, now time.Time) error {
	for !w.book.Put(b.WithoutLines()) {
		w.problem("book", w.errFull())
		if !w.makeRoom(now) {
			return w.errFull()
		}
	}
	w.counts.Bans++
	w.figures.began(b.Jail)
	err := w.enforce(b, now)
	w.write(b) // after enforce: it wakes Run
	return err
}

// makeRoom ends the weakest ban, so that a full book can take a new one.
// mu is held.
func (w *Warden) makeRoom(now time.Time) bool {
	b, ok := w.book.MakeRoom(now)
	if !ok {
		return false
	}
	if err := w.enforcer.Unban(b.Prefix); err != nil { // the next comparison removes it
		w.log.Error("a ban ended early, because pbxjail cannot hold more bans; but the firewall still drops packets from this address: pbxjail tries again", "prefix", b.Prefix, "err", err, "hint", cmp.Or(hint.Of(err), stuckHint))
	}
	delete(w.pending, b.Prefix)
	if w.freed != nil {
		w.freed[b.Prefix] = true
	}
	w.displaced++
	w.write(b)
	return true
}

func (w *Warden) enforce(b book.Ban, now time.Time) error {
	left, live := b.Left(now)
	if !live { // a log that is read later: its ban is over
		return nil
	}
	err := w.enforcer.Ban(b.Prefix, b.Ports, left)
	if err != nil {
		w.wait(b.Prefix, now)
		w.problem("enforcer", err)
		return err
	}
	delete(w.pending, b.Prefix)
	w.allHeld()
	return nil
}

// allHeld clears the problem when every ban is enforced. mu is held.
func (w *Warden) allHeld() {
	if len(w.pending) == 0 && !w.broken {
		w.problem("enforcer", nil)
	}
}

// write queues a ban for the ledger. mu is held.
func (w *Warden) write(b book.Ban) {
	if len(w.unwritten) >= maxUnwritten {
		b.Lines = nil
	}
	if len(w.unwritten) < w.book.Limit() {
		w.unwritten = append(w.unwritten, b)
	}
	w.wake()
}

// wake lets Run write the ledger. mu is held.
func (w *Warden) wake() {
	if w.problems["ledger"] != nil { // tried once a second
		return
	}
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// problem notes what is wrong, or with nil that it is repaired. mu is held.
func (w *Warden) problem(about string, err error) {
	if err == nil {
		delete(w.problems, about)
	} else {
		w.problems[about] = err
	}
}

// Run writes the ledger, tries pending bans again and repairs the firewall, until ctx
// ends. It writes the bans that wait for the ledger before it returns.
func (w *Warden) Run(ctx context.Context) error {
	now := time.Now()
	second, minute := time.NewTimer(beat.Until(now, time.Second)), time.NewTimer(beat.Until(now, reconcileEvery))
	defer second.Stop()
	defer minute.Stop()
	timer := newQuietTimer()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return errors.Join(w.Flush(), w.saveHomes())
		case <-w.kick:
			if w.ready() { // bans on disk must not end before they are read
				w.Flush()
			}
		case by := <-w.woken:
			timer.wait(by, time.Now())
		case <-timer.C:
			if by := timer.over(); w.ready() {
				w.check(ctx, by, time.Now())
			}
		case <-w.again: // otherwise the running Restore does it
			if w.ready() {
				w.reconcile(ctx, time.Now())
			}
		case <-second.C:
			if w.ready() {
				w.retry(ctx, time.Now())
				if !timer.waits() {
					w.check(ctx, "", time.Now())
				}
			}
			second.Reset(beat.Until(time.Now(), time.Second))
		case now := <-minute.C:
			minute.Reset(beat.Until(now, reconcileEvery))
			if w.ready() {
				w.reconcile(ctx, time.Now())
				w.saveHomes()
			}
		}
	}
}

// ready reports whether the ledger is read.
func (w *Warden) ready() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.restored
}

// Flush writes the bans that wait for the ledger. When that fails, they are kept, and the
// error carries a hint.
func (w *Warden) Flush() error {
	w.ledgerMu.Lock()
	defer w.ledgerMu.Unlock()
	w.mu.Lock()
	batch := w.unwritten
	w.unwritten = nil
	w.mu.Unlock()
	if len(batch) == 0 {
		return w.saveAlarms()
	}
	err := w.ledger.Record(batch)
	w.ledgerSays(err)
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.unwritten = append(batch, w.unwritten...)
		return err
	}
	return w.saveAlarms()
}

// ledgerSays notes the result of a write.
func (w *Warden) ledgerSays(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch before := w.problems["ledger"]; {
	case err != nil && before == nil:
		w.log.Error("pbxjail cannot write to the database. Bans stay in force; pbxjail saves them as soon as it can write again", "err", err, "hint", hint.Of(err))
	case err == nil && before != nil:
		w.log.Info("pbxjail can write to the database again")
	}
	w.problem("ledger", err)
}
