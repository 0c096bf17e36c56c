package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/actions"
	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/jails/warden"
)

// offSwitch is `jailctl off` and `jailctl on`: it takes all that is ours out of the kernel,
// and puts it back. What it says outlives a restart. All methods may be called from any
// goroutine.
type offSwitch struct {
	log      *slog.Logger
	enforcer *actions.Switch
	rules    *packetRules
	senders  *senders // nil: the kernel is not to remember them
	warden   *warden.Warden
	ledger   interface {
		SaveOff(off book.Off) error
	}
	observes bool // nothing is ever dropped in this run
	// note keeps that the clock switched it on; nil: nothing is kept.
	note func(by, verb string)

	turning  sync.Mutex // orders off and on; taken before mu
	mu       sync.Mutex // guards all below
	off      book.Off
	loggedAt time.Time // when the log last said that it is off
	problem  error     // what could not be removed or brought back
}

// offLoggedEvery is how often the log says that pbxjail is switched off.
const offLoggedEvery = time.Hour

// state is whether it is off.
func (o *offSwitch) state() book.Off {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.off
}

// set notes a state, and what is wrong with it; nil: nothing.
func (o *offSwitch) set(off book.Off, problem error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.off, o.problem, o.loggedAt = off, problem, now
}

// turnOff takes everything out of the kernel. It is off even when some of that fails: then
// the error says what may still drop packets.
func (o *offSwitch) turnOff(d time.Duration, by string, now time.Time) error {
	o.turning.Lock()
	defer o.turning.Unlock()
	off := book.Off{Since: now.UTC(), Until: book.EndOf(now, d), By: by}
	if before := o.state(); !before.Since.IsZero() {
		off.Since = before.Since
	}
	unsaved := o.ledger.SaveOff(off)
	o.warden.Observe()
	errs := []error{o.rules.pause()}
	if o.senders != nil {
		errs = append(errs, o.senders.pause())
	}
	err := errors.Join(append(errs, o.enforcer.Off())...)
	o.set(off, err, now)
	if err == nil {
		o.log.Warn("pbxjail is switched off: nothing is dropped", "by", by, "until", untilText(off), "hint", onHint)
	} else {
		o.log.Error("pbxjail is switched off, but some of its rules could not be removed from the firewall, and may still drop packets", "by", by, "until", untilText(off), "err", err, "hint", cmp.Or(hint.Of(err), leftHint))
	}
	if unsaved != nil {
		err = errors.Join(err, hint.Add(hint.Of(unsaved)+". Then give the command again", fmt.Errorf("pbxjail is off now, but its next start switches it on again, because this could not be saved: %w", unsaved)))
	}
	return err
}

// turnOn brings everything back. It reports false when it was not off.
func (o *offSwitch) turnOn(by string, now time.Time) (was bool, err error) {
	o.turning.Lock()
	defer o.turning.Unlock()
	off := o.state()
	if off.Since.IsZero() {
		return false, nil
	}
	if !o.observes {
		if err := o.enforce(); err != nil {
			o.set(off, err, now)
			return true, err
		}
	}
	o.set(book.Off{}, nil, now)
	o.log.Info("pbxjail is switched on", "by", by)
	if err := o.ledger.SaveOff(book.Off{}); err != nil {
		return true, hint.Add(hint.Of(err)+". Then: jailctl off; jailctl on", fmt.Errorf("pbxjail is on now, but its next start switches it off again, because this could not be saved: %w", err))
	}
	return true, nil
}

func (o *offSwitch) enforce() error {
	notes, degraded, err := o.enforcer.On()
	if err != nil {
		return err
	}
	for _, n := range append(notes, degraded...) {
		warnNote(o.log, n, degradedHint)
	}
	o.warden.Enforce()
	o.rules.resume()
	if o.senders != nil {
		o.senders.resume(o.enforcer)
	}
	return nil
}

// look switches on when the time is over, and says once an hour that it is off.
func (o *offSwitch) look(now time.Time) {
	o.mu.Lock()
	off, due := o.off, now.Sub(o.loggedAt) >= offLoggedEvery
	retry := o.problem == nil || now.Sub(o.loggedAt) >= time.Minute // one that failed is tried each minute
	o.mu.Unlock()
	switch {
	case off.Since.IsZero():
	case !off.Holds(now) && retry:
		if _, err := o.turnOn("the clock", now); err != nil {
			o.log.Error("the time of jailctl off is over, but pbxjail could not be switched on again, so nothing is dropped. pbxjail tries again each minute", "err", err, "hint", todo(err, "to try again now: jailctl on; or: systemctl restart pbxjail"))
		} else if o.note != nil {
			o.note("the clock", "on")
		}
	case due:
		o.log.Warn("pbxjail is switched off: nothing is dropped", "by", off.By, "since", off.Since, "until", untilText(off), "hint", onHint)
		o.mu.Lock()
		o.loggedAt = now
		o.mu.Unlock()
	}
}

// notice is the first line of each answer while it is off; "" while it is on.
func (o *offSwitch) notice() string {
	off := o.state()
	if off.Since.IsZero() {
		return ""
	}
	return fmt.Sprintf("OFF since %s by %s, %s: nothing is dropped; to switch pbxjail on: jailctl on", show.Stamp(off.Since), show.Terminal(off.By), untilText(off))
}

// untilText is the end of off as words.
func untilText(off book.Off) string {
	if off.Until.IsZero() {
		return "until jailctl on"
	}
	return "until " + show.Stamp(off.Until)
}

// problems are for status.
func (o *offSwitch) problems() []control.Problem {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.problem == nil {
		return nil
	}
	what := "off: rules of pbxjail may still drop packets: "
	if !o.off.Holds(time.Now()) {
		what = "off: pbxjail could not be switched on again: "
	}
	return []control.Problem{{About: control.AboutFirewall, What: what + strings.ReplaceAll(o.problem.Error(), "\n", "; "), Hint: cmp.Or(hint.Of(o.problem), leftHint)}}
}

// leftHint is how to see what is left in the firewall, for an error without a hint.
const leftHint = "to see what is left: iptables-save | grep pbxjail; nft list ruleset | grep pbxjail. To try again: jailctl off"

// onHint is how to end off.
const onHint = "to switch pbxjail on: jailctl on"

// Flush takes all that is ours out of the kernel, where no daemon runs. The ledger stays as
// it is. Its errors carry a hint.
func Flush(main *configs.Main) error {
	server := control.New(control.Options{Path: main.Socket, Group: main.Group})
	if _, err := server.Listen(); err != nil { // else a daemon would put it back at once
		return hint.Add("pbxjail --flush is only for the time when the daemon does not run. If the daemon runs: jailctl off", err)
	}
	defer server.Close()
	return actions.Clear(actions.Options{Chain: main.Chain})
}

// clearBefore removes what a run before left in the kernel, where nothing is to be dropped.
// Without the right to look it cannot tell, and says so.
func clearBefore(e *actions.Switch, log *slog.Logger) error {
	err := e.Off()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		log.Warn("pbxjail has no permission to look for its own old firewall rules. If there are any, they may still drop packets", "hint", "to remove old rules: systemctl stop pbxjail; then as root: pbxjail --flush; systemctl start pbxjail")
		return nil
	}
	if err != nil {
		log.Error("old firewall rules of pbxjail may still drop packets", "err", err, "hint", cmp.Or(hint.Of(err), leftHint))
	}
	return err
}
