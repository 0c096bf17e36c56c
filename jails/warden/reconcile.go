package warden

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/jails/book"
)

// Repairs count what was done to the kernel beside bans and unbans.
type Repairs struct {
	Rules    uint64 // times our chain, its rules, its sets or the jump to it were put back
	PutBack  uint64 // bans that the kernel had lost
	Adopted  uint64 // members that the book did not know
	Expelled uint64 // members whose ban was over
}

const (
	// lullFor is how long nothing must change before we look what did, and lullMost
	// how long we wait for that: who repairs in the middle of another's commands
	// makes them fail.
	lullFor  = 400 * time.Millisecond
	lullMost = 1200 * time.Millisecond
	// idleLooks is how far apart closer looks are that find nothing amiss.
	idleLooks = time.Second
	// A fight is so many repairs within so long. Then we pause, twice as long each
	// time, until there is peace.
	fightRepairs = 5
	fightWithin  = time.Minute
	tellWithin   = 10 * time.Minute // as many in this time are told, without a pause
	firstPause   = 10 * time.Second
	longestPause = 10 * time.Minute
	// restAfterList is how many times as long as a list of all members takes no comparison
	// follows by the clock: half a million take nftables many seconds. What others remove is
	// seen without it.
	restAfterList = 20
)

// lull waits until others are done with the firewall.
type lull struct {
	*time.Timer
	until time.Time // at the latest; zero: nothing waits
	by    string
}

func newLull() *lull {
	l := &lull{Timer: time.NewTimer(time.Hour)}
	l.Stop()
	return l
}

func (l *lull) waits() bool { return !l.until.IsZero() }

func (l *lull) wait(by string, now time.Time) {
	if !l.waits() {
		l.until = now.Add(lullMost)
	}
	l.by = by
	l.Reset(min(lullFor, l.until.Sub(now)))
}

func (l *lull) over() (by string) {
	l.until = time.Time{}
	return l.by
}

// Wake says that somebody changed the firewall: by is the name of a program, or "".
// It never waits.
func (w *Warden) Wake(by string) {
	select {
	case w.woken <- by:
	default: // one more is looked for soon
	}
}

// peace is what we know of others who remove our rules.
type peace struct {
	by      string      // the program that changed the firewall last
	repairs []time.Time // within tellWithin
	pause   time.Duration
	rest    time.Time     // no repair before
	idle    time.Time     // no closer look before
	lacks   int           // members too few after a comparison that found nothing missing
	listed  time.Duration // how long the last list of all members took
	compare time.Time     // no comparison of all bans by the clock before
}

// check repairs what others did to our rules, and what of our members is gone. It
// is cheap when nothing is wrong.
func (w *Warden) check(ctx context.Context, by string, now time.Time) {
	w.look.Lock()
	defer w.look.Unlock()
	w.peace.by = cmp.Or(by, w.peace.by)
	if now.Before(w.peace.rest) {
		return
	}
	intact, members, err := w.enforcer.Check()
	w.checked(err)
	mended := false
	if !intact && !now.Before(w.peace.idle) {
		mended = w.mend(now)
	}
	w.calm(now)
	if err != nil && !mended {
		return
	}
	lacks := w.lacking(members, now)
	if !mended && lacks <= w.peace.lacks {
		w.peace.lacks = lacks
		return
	}
	if err := w.settle(ctx, now, w.expel); err != nil {
		w.unsettled(err)
	}
	if _, members, err := w.enforcer.Check(); err == nil {
		w.peace.lacks = w.lacking(members, now)
	}
}

// checked notes what a look at the kernel came to. A set that is gone is repaired, and
// no problem of its own.
func (w *Warden) checked(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.problems["kernel"] == nil {
		w.log.Error("the firewall cannot be looked at", "err", err)
	}
	w.problem("kernel", err)
}

// mend puts back what is missing of our rules and sets, and reports whether
// anything was. look is held.
func (w *Warden) mend(now time.Time) bool {
	made, degraded, err := w.enforcer.Setup()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && !slices.Equal(degraded, w.Degraded) {
		w.log.Warn("what cannot be enforced has changed", "now", strings.Join(degraded, "; "))
		w.Degraded = degraded
	}
	if err != nil {
		if !w.broken {
			w.log.Error("the firewall is not repaired", "err", err)
		}
		w.problem("enforcer", err)
	}
	w.broken = err != nil
	w.allHeld()
	if len(made) == 0 {
		w.peace.idle = now.Add(idleLooks)
		return false
	}
	w.repairs.Rules++
	if w.Repaired != nil {
		w.Repaired()
	}
	w.log.Warn("the firewall was changed, and is repaired", "missing", strings.Join(made, ", "), "by", cmp.Or(w.peace.by, "unknown"))
	w.fought(now)
	return true
}

// fought counts a repair, and gives up for a while where they are too many: two who
// repair each other's work stop a machine. look and mu are held.
func (w *Warden) fought(now time.Time) {
	p := &w.peace
	p.repairs = slices.DeleteFunc(p.repairs, func(t time.Time) bool { return now.Sub(t) >= tellWithin })
	p.repairs = append(p.repairs, now)
	recent := 0
	for _, t := range p.repairs {
		if now.Sub(t) < fightWithin {
			recent++
		}
	}
	if p.pause > 0 || recent >= fightRepairs {
		p.pause = min(max(2*p.pause, firstPause), longestPause)
		p.rest = now.Add(p.pause)
	}
	if len(p.repairs) < fightRepairs && p.pause == 0 {
		return
	}
	what := fmt.Sprintf("our rules were removed %d times within %s, last by %s", len(p.repairs), tellWithin, cmp.Or(p.by, "a program that is not known"))
	if w.Neighbours != nil {
		if others := w.Neighbours(); len(others) > 0 {
			what += "; there is " + strings.Join(others, ", ")
		}
	}
	if p.pause > 0 {
		what += fmt.Sprintf("; they are put back again only in %s", p.pause)
		w.log.Error("the firewall is not repaired for a while", "pause", p.pause, "by", p.by)
	}
	w.problem("firewall", hint.New("keep that program from flushing what is not its own; beside the FreePBX firewall set hook: filter and chain: f2b-pbxjail, which it keeps", what))
}

// calm forgets a fight that is over. look is held.
func (w *Warden) calm(now time.Time) {
	p := &w.peace
	if n := len(p.repairs); n == 0 || now.Sub(p.repairs[n-1]) < max(tellWithin, p.pause+fightWithin) {
		return
	}
	*p = peace{by: p.by, lacks: p.lacks, listed: p.listed, compare: p.compare}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problem("firewall", nil)
}

// lacking is how many bans the kernel has too few of, by their number. Below 0 it was
// not counted: nobody can have removed any.
func (w *Warden) lacking(members int, now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if members < 0 || w.book.Places()-len(w.pending) <= members { // the book still counts some that are over
		return 0
	}
	want := 0
	for b := range w.book.Each {
		if left, live := b.Left(now); live && (left == book.Forever || left > slack) {
			want += b.Ports.Places()
		}
	}
	return max(want-len(w.pending)-members, 0)
}

// reconcile repairs what others did to our rules, and compares every ban, which
// takes too long to be done each second.
func (w *Warden) reconcile(ctx context.Context, now time.Time) {
	w.look.Lock()
	defer w.look.Unlock()
	w.mu.Lock()
	w.book.Expire(now)
	w.judge.Observed().Expire(now)
	w.rebase(now)
	w.mu.Unlock()
	if now.Before(w.peace.rest) {
		return
	}
	w.mend(now)
	w.mu.Lock()
	broken := w.broken
	w.mu.Unlock()
	if broken || now.Before(w.peace.compare) {
		return
	}
	err := w.settle(ctx, now, w.expel)
	if err != nil {
		w.unsettled(err)
		return
	}
	w.peace.compare = now.Add(restAfterList * w.peace.listed)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problem("enforcer", nil)
}

// unsettled notes why not every ban is in the kernel.
func (w *Warden) unsettled(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.problems["enforcer"] == nil {
		w.log.Error("not every ban is enforced", "err", err)
	}
	w.problem("enforcer", err)
}

// stubborn begins the ban anew of who sent too much into it. mu is held. Only a log
// can do that: a ban by hand lasts as long as was said, and what anybody can forge
// holds no longer than its evidence allows.
func (w *Warden) stubborn(b *book.Ban, m found, now time.Time) bool {
	jail := w.judge.Jail(b.Jail)
	if w.Stubborn == 0 || m.packets < w.Stubborn || b.By != "log" || b.Until.IsZero() || jail == nil {
		return false
	}
	again := *b
	again.Until = book.EndOf(now, jail.Length(*b))
	if !longerLeft(again, *b, now) {
		return false
	}
	w.book.Put(again)
	w.write(again)
	if err := w.enforce(again, now); err != nil {
		w.log.Error("ban is not extended", "prefix", b.Prefix, "err", err)
	} else {
		w.log.Info("ban begins anew: it is still sending", "prefix", b.Prefix, "packets", m.packets, "until", again.Until)
	}
	return true
}

// longerLeft reports whether a ends well after b: kernel times are whole seconds.
func longerLeft(a, b book.Ban, now time.Time) bool {
	left, _ := a.Left(now)
	old, _ := b.Left(now)
	return left == book.Forever || left > old+slack
}
