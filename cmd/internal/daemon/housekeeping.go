package daemon

import (
	"context"
	"time"

	"pbxjail/cmd/internal/guard"
	"pbxjail/configs/beat"
)

const (
	tidyEvery  = time.Second            // on the beat of the clock, as the other parts look at the kernel
	soonAfter  = 200 * time.Millisecond // after a sign that there is something to do: a record is whole by then, and a file too
	guardEvery = 10 * time.Second       // at our own addresses, at those that Asterisk trusts, and at folders, should an event be lost
	saveEvery  = 2 * time.Second        // positions
	early      = tidyEvery / 8          // a beat may come so much too early
)

// housekeeper does what is due from time to time. It belongs to one goroutine.
type housekeeper struct {
	d       *Daemon
	seen    uint64 // fingerprint of the jail folder
	threads *threadFinder

	guarded, saved time.Time
}

// housekeeping does what is due from time to time, what is due soon, and reloads when asked.
func (d *Daemon) housekeeping(ctx context.Context, reload <-chan struct{}) error {
	now := time.Now()
	h := &housekeeper{d: d, threads: newThreadFinder(), seen: guard.Fingerprint(d.upkeep.settings().Jails), guarded: now, saved: now}
	h.threads.look(d.upkeep.sight.running(d.upkeep.settings()), d.reading.threads.Learn)
	started := time.AfterFunc(guardEvery, forgetStart)
	defer started.Stop()
	next := time.NewTimer(beat.Until(now, tidyEvery))
	defer next.Stop()
	for soon := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-reload:
			d.noteOf("signal", "reload")
			if _, err := d.reload("signal"); err != nil {
				d.log.Error("reload: a file has a mistake, so its old settings stay in use; bans stay in force", "err", err, "hint", afterwards(todo(err, "to see the mistake: jailctl check"), "jailctl reload"))
			}
			h.seen = guard.Fingerprint(d.upkeep.settings().Jails)
		case <-d.soon.sign:
			if !soon {
				soon = true
				next.Reset(soonAfter)
			}
		case now := <-next.C:
			soon = false
			if h.tidy(now) {
				d.soon.give()
			}
			next.Reset(beat.Until(time.Now(), tidyEvery))
		}
	}
}

// tidy does what is due now, and reports whether something is due soon again.
func (h *housekeeper) tidy(now time.Time) (soon bool) {
	d := h.d
	look := due(now, h.guarded, guardEvery)
	if d.upkeep.moved.Swap(false) || look {
		h.folders()
	}
	d.off.look(now)
	d.expire(now)
	soon = d.reading.settle(now)
	if d.upkeep.stale.Swap(false) || look {
		h.guarded = now
		d.upkeep.look()
		h.threads.look(d.upkeep.sight.running(d.upkeep.settings()), d.reading.threads.Learn)
	}
	if due(now, h.saved, saveEvery) {
		h.saved = now
		d.savePositions(now)
	}
	return soon
}

// due reports whether what was done last is to be done again.
func due(now, last time.Time, every time.Duration) bool { return now.Sub(last) >= every-early }

// folders looks at the jail files and at Asterisk's.
func (h *housekeeper) folders() {
	u := h.d.upkeep
	if f := guard.Fingerprint(u.settings().Jails); f != h.seen {
		h.seen = f
		u.reloadJails("jail folder changed") // what is refused is logged
	}
	u.lookAtLogs()
}

// soon is a sign that housekeeping has something to do before its next beat. Any goroutine
// may give it, and never waits.
type soon struct{ sign chan struct{} }

func newSoon() soon { return soon{make(chan struct{}, 1)} }

func (s soon) give() {
	select {
	case s.sign <- struct{}{}:
	default: // it is given already
	}
}

func (d *Daemon) expire(now time.Time) {
	if err := d.enforcer.Expire(now); err != nil {
		d.log.Error("some addresses are still banned after the end of their ban, because pbxjail could not change the firewall", "err", err, "hint", todo(err, retryHint))
	}
}

// savePositions remembers how far each log was read. A crash before that reads some
// lines twice, and they find their ban in place.
func (d *Daemon) savePositions(now time.Time) error {
	err := d.positions.save(now)
	if err != nil {
		d.log.Debug("positions in the logs could not be saved", "err", err)
	}
	return err
}

// saveLast remembers at a stop how far each log was read, and what was counted there.
func (d *Daemon) saveLast(now time.Time) {
	if d.savePositions(now) != nil {
		return // the lines are read again, and count then
	}
	if err := d.warden.KeepCounts(now); err != nil {
		d.log.Warn("bans are saved, but the points of addresses could not be saved. After the next start, pbxjail counts these points from zero", "err", err, "hint", todo(err, moreHint))
	}
}
