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
	// quietFor is how long the firewall must not change before the warden looks at it,
	// and quietMost the longest wait for that. A repair in the middle of the commands of
	// another program makes them fail.
	quietFor  = 400 * time.Millisecond
	quietMost = 1200 * time.Millisecond
	// setupEvery is how often Setup is called though nothing looks changed: it sees more than
	// Check does.
	setupEvery = 10 * time.Minute
	// idleLooks is the time between closer looks that find nothing wrong.
	idleLooks = time.Second
	// A fight is fightRepairs repairs within fightWithin. Then the warden pauses, twice
	// as long each time, until the other program stops.
	fightRepairs = 5
	fightWithin  = time.Minute
	countWithin  = 10 * time.Minute // as many within this time are reported, without a pause
	firstPause   = 10 * time.Second
	longestPause = 10 * time.Minute
	// restAfterList: after a list of all members that took a time t, the next comparison
	// by the clock comes after restAfterList times t at the earliest. nftables needs many
	// seconds to list half a million. Members that others remove are seen without it.
	restAfterList = 20
)

// quietTimer waits until other programs are done with the firewall.
type quietTimer struct {
	*time.Timer
	until time.Time // at the latest; zero: nothing waits
	by    string
}

func newQuietTimer() *quietTimer {
	l := &quietTimer{Timer: time.NewTimer(time.Hour)}
	l.Stop()
	return l
}

func (l *quietTimer) waits() bool { return !l.until.IsZero() }

func (l *quietTimer) wait(by string, now time.Time) {
	if !l.waits() {
		l.until = now.Add(quietMost)
	}
	l.by = by
	l.Reset(min(quietFor, l.until.Sub(now)))
}

func (l *quietTimer) over() (by string) {
	l.until = time.Time{}
	return l.by
}

// Wake reports that a program changed the firewall: by is its name, or "".
// It never waits.
func (w *Warden) Wake(by string) {
	select {
	case w.woken <- by:
	default: // a look is due already
	}
}

// firewallState is what is known of the firewall and of programs that remove our rules.
type firewallState struct {
	by      string      // the program that changed the firewall last
	repairs []time.Time // within countWithin
	pause   time.Duration
	rest    time.Time     // no repair before
	idle    time.Time     // no closer look before
	lacks   int           // members too few after a comparison that found nothing missing
	listed  time.Duration // how long the last list of all members took
	compare time.Time     // no comparison of all bans by the clock before

	repaired time.Time // when a comparison of all bans last called Setup
}

// check puts back our rules and members that other programs removed. It is cheap when
// nothing is wrong.
func (w *Warden) check(ctx context.Context, by string, now time.Time) {
	w.look.Lock()
	defer w.look.Unlock()
	w.firewall.by = cmp.Or(by, w.firewall.by)
	if now.Before(w.firewall.rest) {
		return
	}
	intact, members, err := w.enforcer.Check()
	w.checked(err)
	repaired := false
	if !intact && !now.Before(w.firewall.idle) {
		repaired = w.repair(now)
	}
	w.forgetFight(now)
	if err != nil && !repaired {
		return
	}
	lacks := w.lacking(members, now)
	if !repaired && lacks <= w.firewall.lacks {
		w.firewall.lacks = lacks
		return
	}
	if err := w.settle(ctx, now, w.expel); err != nil {
		w.unsettled(err)
	}
	if _, members, err := w.enforcer.Check(); err == nil {
		w.firewall.lacks = w.lacking(members, now)
	}
}

// checked notes whether the kernel could be read. A missing set is no problem here: it is
// repaired.
func (w *Warden) checked(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.problems["kernel"] == nil {
		w.log.Error("pbxjail cannot read the firewall, and does not know which bans are in force: pbxjail tries again", "err", err, "hint", hint.Of(err))
	}
	w.problem("kernel", err)
}

// repair puts back the rules and sets that are missing, and reports whether any were.
// look is held.
func (w *Warden) repair(now time.Time) bool {
	made, degraded, err := w.enforcer.Setup()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && !slices.Equal(degraded, w.Degraded) {
		w.log.Warn("the firewall has other limits now than before", "limits", cmp.Or(strings.Join(degraded, "; "), "none"), "hint", "to see what each limit means, and what to do: jailctl status")
		w.Degraded = degraded
	}
	if err != nil {
		if !w.broken {
			w.log.Error("pbxjail cannot repair its firewall rules, so packets of banned addresses may pass: pbxjail tries again", "err", err, "hint", hint.Of(err))
		}
		w.problem("enforcer", err)
	}
	w.broken = err != nil
	w.allHeld()
	if len(made) == 0 {
		w.firewall.idle = now.Add(idleLooks)
		return false
	}
	w.repairs.Rules++
	w.figures.repairedAfter(w.firewall.by)
	if w.Repaired != nil {
		w.Repaired()
	}
	w.log.Warn("firewall repaired: another program had removed rules or sets of pbxjail", "put_back", strings.Join(made, ", "), "removed_by", cmp.Or(w.firewall.by, "unknown program"))
	w.countRepair(now)
	return true
}

// countRepair counts a repair. After too many it makes pbxjail wait longer before each
// repair, so that two programs do not fight. look and mu are held.
func (w *Warden) countRepair(now time.Time) {
	p := &w.firewall
	p.repairs = slices.DeleteFunc(p.repairs, func(t time.Time) bool { return now.Sub(t) >= countWithin })
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
	what := fmt.Sprintf("another program removed the firewall rules of pbxjail %d times within %s, and packets of banned addresses passed. The last time it was %s", len(p.repairs), countWithin, cmp.Or(p.by, "an unknown program"))
	if w.Neighbours != nil {
		if others := w.Neighbours(); len(others) > 0 {
			what += "; other firewalls on this machine: " + strings.Join(others, ", ")
		}
	}
	if p.pause > 0 {
		what += fmt.Sprintf("; pbxjail repairs its rules again in %s", p.pause)
		w.log.Error("another program removes the firewall rules of pbxjail again and again. pbxjail waits before the next repair; until then packets of banned addresses pass", "wait", p.pause, "removed_by", cmp.Or(p.by, "unknown program"), "hint", fightHint)
	}
	w.problem("firewall", hint.New(fightHint, what))
}

// fightHint is what to do about a program that removes our rules.
const fightHint = "find the program that empties the firewall, such as a firewall script or a cron job, and change it: it must not remove the chains and sets of pbxjail. If it is the FreePBX firewall, write two lines into the main file: \"hook: filter\" and \"chain: f2b-pbxjail\"; then: systemctl restart pbxjail"

// forgetFight ends the pauses when the fight is over. look is held.
func (w *Warden) forgetFight(now time.Time) {
	p := &w.firewall
	if n := len(p.repairs); n == 0 || now.Sub(p.repairs[n-1]) < max(countWithin, p.pause+fightWithin) {
		return
	}
	*p = firewallState{by: p.by, lacks: p.lacks, listed: p.listed, compare: p.compare, repaired: p.repaired}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problem("firewall", nil)
}

// lacking returns how many members the kernel has too few. members below 0 means that
// they were not counted, because no program can have removed any.
func (w *Warden) lacking(members int, now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if members < 0 || w.book.Places()-len(w.pending) <= members { // the book still counts some bans that are over
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

// reconcile puts back our rules, and compares every ban with the kernel, which takes too
// long to be done each second.
func (w *Warden) reconcile(ctx context.Context, now time.Time) {
	w.look.Lock()
	defer w.look.Unlock()
	w.mu.Lock()
	w.book.Expire(now)
	w.judge.Observed().Expire(now)
	w.rebase(now)
	w.mu.Unlock()
	if now.Before(w.firewall.rest) {
		return
	}
	if !w.sound(now) {
		w.repair(now)
		w.firewall.repaired = now
	}
	w.mu.Lock()
	broken := w.broken
	w.mu.Unlock()
	if broken || now.Before(w.firewall.compare) {
		return
	}
	err := w.settle(ctx, now, w.expel)
	if err != nil {
		w.unsettled(err)
		return
	}
	w.firewall.compare = now.Add(restAfterList * w.firewall.listed)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problem("enforcer", nil)
}

// sound reports whether a Setup can be left out: the enforcer finds nothing changed, all
// works, and the last Setup, which starts programs, is not long ago. look is held.
func (w *Warden) sound(now time.Time) bool {
	w.mu.Lock()
	works := !w.broken && len(w.Degraded) == 0
	w.mu.Unlock()
	if ago := now.Sub(w.firewall.repaired); !works || ago < 0 || ago >= setupEvery {
		return false
	}
	intact, _, err := w.enforcer.Check()
	return err == nil && intact
}

// unsettled notes the error that keeps bans out of the kernel.
func (w *Warden) unsettled(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.problems["enforcer"] == nil {
		w.log.Error("some bans are not in the firewall, so packets from these addresses pass: pbxjail tries again", "err", err, "hint", hint.Of(err))
	}
	w.problem("enforcer", err)
}

// stubborn restarts the ban of an address that sent too many packets into it. mu is held.
// Only bans of a jail are restarted: a ban by hand lasts as long as was ordered. A ban
// from forgeable packets lasts no longer than its evidence allows.
func (w *Warden) stubborn(b *book.Ban, m kernelBan, now time.Time) bool {
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
		w.log.Error("pbxjail cannot make a ban longer, although the address still sends packets: the ban ends at its old time", "prefix", b.Prefix, "err", err, "hint", cmp.Or(hint.Of(err), stuckHint))
	} else {
		w.log.Info("a banned address still sends packets, so its ban starts again with the full time", "prefix", b.Prefix, "dropped_packets", m.packets, "until", again.Until)
	}
	return true
}

// longerLeft reports whether a ends well after b: kernel times are whole seconds.
func longerLeft(a, b book.Ban, now time.Time) bool {
	left, _ := a.Left(now)
	old, _ := b.Left(now)
	return left == book.Forever || left > old+slack
}
