package daemon

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"pbxjail/actions"
	"pbxjail/configs/beat"
	"pbxjail/jails/warden"
	"pbxjail/watcher"
)

// Run runs until ctx ends, and then stops within two seconds. reload asks for a
// reload each time it can be received from; it may be nil.
//
// This is the order of start and stop, and a test holds it. A part that fails ends all.
func (d *Daemon) Run(ctx context.Context, reload <-chan struct{}) error {
	d.announce()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	begun := d.left.begin("start")
	parts := newParts(d.log, &d.left, fail)

	parts.start("notifiers", d.notifiers.Run)
	parts.start("messages", d.post.Run)
	parts.start("warden", d.warden.Run)
	if d.enforcing(d.upkeep.settings()) {
		parts.start("firewall", func(ctx context.Context) error { return actions.Watch(ctx, d.enforcer, d.warden.Wake) })
	}
	parts.start("names", d.upkeep.guard.Run)
	parts.start("addresses", d.followAddresses)
	parts.start("folders", d.watchFolders)
	parts.start("homes", d.homes)
	parts.start("feeds", d.feeds.Run)
	parts.start("geoip", d.places.Run)
	if d.senders != nil {
		parts.start("senders", d.senders.Run)
	}
	if d.ami != nil {
		parts.start("ami", d.ami.Run)
	}
	d.awaitProtections(ctx, parts.ended("homes"))
	if d.wire != nil {
		parts.start("wire", d.wire.Run)
	}
	parts.start("watcher", func(ctx context.Context) error {
		defer d.reading.settle(time.Time{}) // what waits for a next line is behind the saved position
		return d.watcher.Run(ctx, d.reading.deliver)
	})
	parts.start("journals", func(ctx context.Context) error {
		defer d.reading.settle(time.Time{})
		return d.journals.Run(ctx)
	})
	parts.start("calls", d.calls.Run)
	parts.start("housekeeping", func(ctx context.Context) error { return d.housekeeping(ctx, reload) })
	parts.start("history", d.past.Run)
	parts.start("restore", d.restore) // events are judged meanwhile
	parts.start("watchdog", d.watchdog)
	if d.ready(ctx, parts.ended("restore")) {
		parts.start("control", d.server.Run)
		parts.start("troubles", d.watchTroubles)
		parts.start("metrics", d.metrics.Run)
		d.notify("READY=1")
	}
	<-ctx.Done()
	begun()
	d.stop(parts)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	d.log.Info("stopped: bans stay in the kernel")
	return nil
}

// stop stops all parts. A part that hangs takes no time from those after it: each step has
// its own end, counted from the beginning.
func (d *Daemon) stop(parts *parts) {
	d.notify("STOPPING=1")
	began := time.Now()
	until := func(share float64) (context.Context, context.CancelFunc) {
		return context.WithDeadline(context.Background(), began.Add(time.Duration(share*float64(stopTime))))
	}
	step := func(share float64, names ...string) bool {
		limit, cancel := until(share)
		defer cancel()
		return parts.stop(limit, names...)
	}
	judged := step(0.5, "ami", "wire", "watcher", "journals", "restore", "homes") // no event comes any more
	step(0.65, "calls", "housekeeping", "history", "names", "addresses", "folders", "feeds", "geoip", "senders", "firewall", "messages", "troubles", "metrics")
	written := step(0.85, "warden")     // it writes what waits for the ledger
	step(0.9, "control")                // it has answered until now
	step(0.95, "watchdog", "notifiers") // all is decided
	if d.post != nil {
		parts.start("unsent", func(context.Context) error { return d.post.Save() })
	}
	if judged && written { // or else the next start reads the last lines again
		limit, cancel := until(1)
		defer cancel()
		parts.finish(limit, "positions", func() { d.saveLast(time.Now()) })
	}
	step(1, "unsent")
}

// watchFolders notices at once when jail files change, or Asterisk's files, so that a log
// that is new in logger.conf is followed from its first line.
func (d *Daemon) watchFolders(ctx context.Context) error {
	main := d.upkeep.settings()
	return watcher.Folders(ctx, []string{main.Asterisk, main.Jails}, func() { d.upkeep.change(&d.upkeep.moved) })
}

// stopTime is how long all parts get to end; a ledger on a dead disk must not stop the
// machine from shutting down.
const stopTime = 1500 * time.Millisecond

// restoreTime is how long we wait for the bans of the ledger before we answer. Plain
// rules take minutes for thousands of them, and then status says so.
const restoreTime = 2 * time.Second

// ready waits until a line that is written now is seen, and a packet too, and until the bans are back or
// take too long. It reports false when ctx ends first.
func (d *Daemon) ready(ctx context.Context, restored <-chan struct{}) bool {
	select {
	case <-restored:
	case <-time.After(restoreTime):
		d.log.Warn("not all bans of the database are in the firewall yet: pbxjail continues to add them", "hint", "wait: this may take some minutes. To see which bans are not in the firewall yet: jailctl list")
	case <-ctx.Done():
		return false
	}
	sources := []<-chan struct{}{d.watcher.Ready()}
	if d.wire != nil {
		sources = append(sources, d.wire.ready)
	}
	for _, c := range sources {
		select {
		case <-c:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// notify reports a state to the service manager, if there is one.
func (d *Daemon) notify(state string) {
	if d.opts.Notify != nil {
		d.opts.Notify(state)
	}
}

// watchdog reports to the service manager that we live, as long as events can be judged.
func (d *Daemon) watchdog(ctx context.Context) error {
	if d.opts.Watchdog <= 0 {
		return nil
	}
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			tick.Reset(beat.Until(now, d.opts.Watchdog/2))
			d.warden.Lines(0) // waits as an event would
			d.notify("WATCHDOG=1")
		}
	}
}

func (d *Daemon) announce() {
	d.log.Info("pbxjail starts", "enforcer", d.enforcer.Name(), "socket", d.upkeep.settings().Socket)
	announce(d.log, d.upkeep.files)
}

// restore checks the ledger, reads it, and makes the kernel agree with it. A ledger that cannot be
// read ends the daemon: without it no ban would end, and no strike would be known.
func (d *Daemon) restore(ctx context.Context) error {
	// Little of what is read goes away meanwhile: collect later, but not so late that the
	// peak is twice what stays.
	defer debug.FreeOSMemory() // but the reading itself, after
	defer debug.SetGCPercent(debug.SetGCPercent(restoreGC))
	if err := d.checkLedger(); err != nil {
		return err
	}
	err := d.warden.Restore(ctx, time.Now())
	if errors.Is(err, context.Canceled) {
		d.log.Info("stopped before all bans were restored: the database still has them")
		return nil
	}
	if errors.Is(err, warden.ErrLedger) {
		return err
	}
	if err != nil {
		d.log.Error("some bans of the database are not in the firewall, so packets of these addresses pass. pbxjail tries again every few seconds", "err", err, "hint", todo(err, "to see which bans are not in the firewall: jailctl list. If this does not end: systemctl restart pbxjail"))
	}
	if err := d.store.Unreadable(); err != nil {
		d.log.Error("some entries of the database are damaged and cannot be read", "err", err, "hint", todo(err, moreHint))
	}
	d.store.Rest()
	d.log.Info("bans are restored", "bans", d.warden.Report(time.Now()).Bans)
	return nil
}

// restoreGC is GOGC while the ledger is read.
const restoreGC = 50
