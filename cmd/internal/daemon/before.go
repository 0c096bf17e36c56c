package daemon

import (
	"context"
	"time"
)

const (
	// homesTime is how long events wait until it is known who logs in from where, and
	// answersTime until the names of trunks and of others are answered.
	homesTime   = 10 * time.Second
	answersTime = 3 * time.Second
	askAgain    = 20 * time.Millisecond
)

// homes finds out who logs in from where: from the ledger, and at the first start from
// Asterisk and its old logs. Log-ins to another program are read from its log once its jail is on.
func (d *Daemon) homes(ctx context.Context) error {
	d.warden.RestoreHomes(time.Now())
	if homes, alarms, err := d.store.Homes(1); err == nil && len(homes)+len(alarms) == 0 && !d.young().IsZero() {
		d.firstDay(ctx, time.Now())
	} else {
		d.learnForeign(ctx, time.Now())
	}
	return nil
}

// awaitProtections returns when it is known who must not be banned: the lines of the time
// when we were not there come first of all, and among them are those of phones with an old
// password. A slow disk and a name server that does not answer keep events waiting no longer
// than a few seconds.
func (d *Daemon) awaitProtections(ctx context.Context, homes <-chan struct{}) {
	began := time.Now()
	select {
	case <-homes:
	case <-ctx.Done():
		return
	case <-time.After(homesTime):
		d.log.Warn("pbxjail is still reading the known log-ins from the database. Until this is done, the address of a known phone may be banned", "after", homesTime, "hint", "wait. If this comes at each start, move the database to a faster disk: write database: PATH into the main file; then: systemctl restart pbxjail")
	}
	if d.ami != nil {
		select {
		case <-d.ami.ready:
		case <-ctx.Done():
			return
		case <-time.After(amiFirst):
		}
	}
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for d.upkeep.guard.Pending() && time.Since(began) < answersTime {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	d.upkeep.follow()
}
