// Package daemon puts the rooms together: watcher, parsers, jails, actions,
// ledger and control socket. cmd/pbxjail runs it, tests embed it. It is wiring:
// nothing here decides who is banned, and nothing here may outlive Run.
package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"pbxjail/actions"
	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/names"
	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/jails/feeds"
	"pbxjail/jails/geoip"
	"pbxjail/jails/store"
	"pbxjail/jails/warden"
	"pbxjail/watcher"
)

// Options of a Daemon.
type Options struct {
	Config  string // the main file; "" is configs.DefaultMain, where that exists
	Observe bool   // decide and record, ban nothing, whatever the main file says
	Log     *slog.Logger
	Level   *slog.LevelVar     // set from the main file; may be nil
	Notify  func(state string) // sd_notify(3); may be nil
}

// Daemon is everything that runs.
type Daemon struct {
	opts     Options
	log      *slog.Logger
	since    time.Time
	main     *configs.Main
	store    *store.Store
	places   *geoip.Tables
	enforcer actions.Enforcer
	degraded []string // at its first Setup
	warden   *warden.Warden
	watcher  *watcher.Watcher
	server   *control.Server
	reading  *reading

	mu       sync.Mutex // guards what a reload changes
	jails    map[string]*jails.Jail
	bad      map[string]error // jail files that are refused, by jail
	guard    guardState
	files    asteriskFiles
	lists    lists
	names    *names.Resolver
	feeds    *feeds.Feeds
	packets  packetRules
	stale    atomic.Bool       // a name has other addresses than before, or others changed the firewall
	problems []control.Problem // found at start, for status
}

// New reads the configuration and sets everything up; nothing runs before Run. On
// an error it takes back what it had set up. Errors carry a hint.
func New(opts Options) (d *Daemon, err error) {
	d = &Daemon{opts: opts, log: opts.Log, since: time.Now().UTC()}
	defer func() {
		if err != nil {
			d.Close()
			d = nil
		}
	}()
	path := cmp.Or(opts.Config, configs.DefaultMain)
	if d.main, err = configs.LoadMain(path, opts.Config != ""); err != nil {
		return d, err
	}
	d.setLevel()
	for _, w := range d.main.Warnings {
		d.log.Warn(w.Error(), "hint", w.Hint())
	}
	if err = d.openControl(); err != nil {
		return d, err
	}
	if err = d.openSlow(); err != nil {
		return d, err
	}
	d.openFeeds()
	if err = d.openJails(); err != nil {
		return d, err
	}
	d.protectFeeds()
	d.openPacketRules()
	d.openWatcher()
	return d, nil
}

// openSlow opens side by side what takes a tenth of a second each: the ledger, which
// is checked, the firewall, which is asked for its rules, and the files of places.
func (d *Daemon) openSlow() (err error) {
	var others sync.WaitGroup
	var unread error
	others.Go(d.openPlaces)
	others.Go(func() { unread = d.openStore() })
	err = d.openEnforcer()
	others.Wait()
	return cmp.Or(unread, err)
}

// Close gives up what New took. Bans stay in the kernel.
func (d *Daemon) Close() error {
	var errs []error
	if d.server != nil {
		errs = append(errs, d.server.Close())
	}
	if d.enforcer != nil {
		errs = append(errs, d.enforcer.Close())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	return errors.Join(errs...)
}

func (d *Daemon) openControl() error {
	d.server = control.New(control.Options{Path: d.main.Socket, Group: d.main.Group, Backend: &backend{d}, Log: d.log})
	note, err := d.server.Listen()
	if err != nil {
		return err
	}
	if note != "" {
		d.log.Info(note)
	}
	return nil
}

func (d *Daemon) openStore() (err error) {
	var notes store.Notes
	if d.store, notes, err = store.Open(d.main.Database, d.since); err != nil {
		return err
	}
	if notes.Aside != "" {
		d.trouble("the ledger was damaged and is at "+notes.Aside+" now; bans were taken from the kernel",
			"strikes and history start anew; keep the file if you need them, otherwise remove it")
		d.log.Error("ledger was damaged: a new one is in its place", "aside", notes.Aside, "err", notes.Cause)
	}
	return nil
}

// trouble notes a problem for status. Before Run only.
func (d *Daemon) trouble(what, hint string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problems = append(d.problems, control.Problem{What: what, Hint: hint})
}

func (d *Daemon) openEnforcer() (err error) {
	kind := d.main.Enforcer
	if !d.enforcing() {
		kind = "observe"
	}
	var notes []string
	d.enforcer, notes, err = actions.Open(kind, actions.Options{Chain: d.main.Chain, Hook: d.main.Hook, EndTCP: d.main.EndTCP})
	if err != nil {
		return err
	}
	_, degraded, err := d.enforcer.Setup()
	if err != nil {
		return fmt.Errorf("set up the firewall: %w", err)
	}
	d.limited(notes, "it works all the same; for what iptables shows too give it the kernel's sets (apt-get install iptables ipset; modprobe xt_set ip_set_hash_net) and start again")
	for _, n := range degraded {
		d.log.Warn(n, "hint", degradedHint)
	}
	d.degraded = degraded
	return nil
}

// enforcing reports whether packets are to be dropped at all.
func (d *Daemon) enforcing() bool {
	return !d.main.Observe && !d.opts.Observe && d.main.Enforcer != "observe"
}

const degradedHint = "the rest is enforced; mend this, it is tried again every minute"

// limited notes what the enforcer cannot do. Before Run only.
func (d *Daemon) limited(notes []string, hint string) {
	for _, n := range notes {
		d.trouble(n, hint)
		d.log.Warn(n, "hint", hint)
	}
}

// Run runs until ctx ends, and then stops within two seconds. reload asks for
// Reload each time it can be received from; it may be nil.
func (d *Daemon) Run(ctx context.Context, reload <-chan struct{}) error {
	d.announce()
	ctx, cancel := context.WithCancelCause(ctx)
	var parts sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	start("warden", d.warden.Run)
	if d.enforcing() {
		start("firewall", func(ctx context.Context) error { return actions.Watch(ctx, d.enforcer, d.warden.Wake) })
	}
	start("names", d.names.Run)
	start("feeds", d.feeds.Run)
	start("places", d.places.Run)
	start("watcher", func(ctx context.Context) error { return d.watcher.Run(ctx, d.reading.deliver) })
	start("reload", func(ctx context.Context) error { return d.housekeeping(ctx, reload) })
	// Events are judged already, while the ledger is read and what the kernel lost goes back.
	d.restore(cancel)
	// Who is told that we are up may count on it: a line that is written now is seen.
	select {
	case <-d.watcher.Ready():
		start("control", d.server.Run)
		d.notify("READY=1")
	case <-ctx.Done():
	}
	<-ctx.Done()
	d.notify("STOPPING=1")
	d.wait(&parts)
	d.savePositions()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	d.log.Info("stopped: bans stay in the kernel")
	return nil
}

// restore reads the ledger and makes the kernel agree with it. A ledger that cannot be
// read ends the daemon: it would lift no ban, and know no strike.
func (d *Daemon) restore(cancel context.CancelCauseFunc) {
	// Little of what is read goes away meanwhile: collect later, but not so late that the
	// peak is twice what stays.
	defer debug.FreeOSMemory() // but the reading itself, after
	defer debug.SetGCPercent(debug.SetGCPercent(restoreGC))
	err := d.warden.Restore(time.Now())
	if errors.Is(err, warden.ErrLedger) {
		cancel(err)
		return
	}
	if err != nil {
		d.log.Error("not every ban could be restored", "err", err, "hint", control.HintOf(err))
	}
	d.log.Info("bans are restored", "bans", d.warden.Report(time.Now()).Bans)
}

// restoreGC is GOGC while the ledger is read.
const restoreGC = 50

// stopTime is how long the parts get to end; a ledger on a dead disk must not
// keep the machine from going down.
const stopTime = 1500 * time.Millisecond

func (d *Daemon) wait(parts *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { parts.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopTime):
		d.log.Error("stopped before everything was written")
	}
}

func (d *Daemon) notify(state string) {
	if d.opts.Notify != nil {
		d.opts.Notify(state)
	}
}

func (d *Daemon) setLevel() {
	if d.opts.Level == nil {
		return
	}
	if err := d.opts.Level.UnmarshalText([]byte(d.main.LogLevel)); err != nil {
		d.log.Warn("log_level is not understood", "level", d.main.LogLevel)
	}
}
