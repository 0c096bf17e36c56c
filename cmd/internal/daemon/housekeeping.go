package daemon

import (
	"context"
	"time"

	"pbxjail/cmd/internal/guard"
	"pbxjail/configs/hint"
)

const (
	lookEvery  = 500 * time.Millisecond // at the folder of jail files: a stat or two each
	guardEvery = 10 * time.Second       // at our own addresses, and at those that Asterisk trusts
	saveEvery  = 2 * time.Second        // positions
	trimEvery  = time.Hour              // history
)

// housekeeping does what is due from time to time, and reloads when asked.
func (d *Daemon) housekeeping(ctx context.Context, reload <-chan struct{}) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	seen := guard.Fingerprint(d.upkeep.settings().Jails)
	threads := newThreadFinder()
	threads.look(d.upkeep.sight.running(d.upkeep.settings()), d.reading.threads.Learn)
	guarded, saved, trimmed := time.Now(), time.Now(), time.Time{}
	started := time.AfterFunc(guardEvery, forgetStart)
	defer started.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-reload:
			if _, err := d.reload("signal"); err != nil {
				d.log.Error("reload failed: no setting changed", "err", err, "hint", hint.Of(err))
			}
			seen = guard.Fingerprint(d.upkeep.settings().Jails)
		case now := <-look.C:
			main := d.upkeep.settings()
			if f := guard.Fingerprint(main.Jails); f != seen {
				seen = f
				d.upkeep.reloadJails("jail folder changed") // what is refused is logged
			}
			if d.upkeep.moved.Swap(false) {
				d.upkeep.lookAtLogs()
			}
			d.off.look(now)
			d.expire(now)
			d.reading.settle(now)
			if now.Sub(guarded) >= guardEvery || d.upkeep.stale.Swap(false) {
				guarded = now
				d.upkeep.look()
				threads.look(d.upkeep.sight.running(main), d.reading.threads.Learn)
			}
			if now.Sub(saved) >= saveEvery {
				saved = now
				d.savePositions(now)
			}
			if now.Sub(trimmed) >= trimEvery {
				trimmed = now
				if err := d.store.Trim(now, main.Retention); err != nil {
					d.log.Warn("old history cannot be deleted from the ledger", "err", err)
				}
			}
		}
	}
}

func (d *Daemon) expire(now time.Time) {
	if err := d.enforcer.Expire(now); err != nil {
		d.log.Error("expired bans are still in the firewall, because they could not be removed: pbxjail tries again every few seconds", "err", err, "hint", "if this is logged again and again: systemctl restart pbxjail")
	}
}

// savePositions remembers how far each log was read. A crash before that reads some
// lines twice, and they find their ban in place.
func (d *Daemon) savePositions(now time.Time) {
	if err := d.positions.save(now); err != nil {
		d.log.Debug("positions in the logs could not be saved", "err", err)
	}
}
