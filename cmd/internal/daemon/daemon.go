// Package daemon puts the rooms together: watcher, parsers, jails, actions,
// ledger and control socket. cmd/pbxjail runs it, tests embed it. It is wiring:
// nothing here decides who is banned, and nothing here may outlive Run.
//
// The parts with a state of their own: upkeep (what a reload may change), guard (who is never banned), jailFiles and lists (what is read from files), packetRules,
// reading (where all sources meet), positions, backend (answers jailctl).
package daemon

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"pbxjail/actions"
	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/guard"
	"pbxjail/cmd/internal/host"
	"pbxjail/cmd/internal/messages"
	"pbxjail/cmd/internal/metrics"
	"pbxjail/cmd/internal/setup"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/jails/book"
	"pbxjail/jails/feeds"
	"pbxjail/jails/geoip"
	"pbxjail/jails/store"
	"pbxjail/jails/warden"
	"pbxjail/jails/witness"
	"pbxjail/watcher"
	"pbxjail/watcher/wire"
)

// Options of a Daemon.
type Options struct {
	Config  string        // where the main file is, for reloads; "" is configs.DefaultMain, where that exists
	Main    *configs.Main // what it says at start, if that is known already; nil: New reads it
	Observe bool          // decide and record, ban nothing, whatever the main file says
	Log     *slog.Logger
	Level   *slog.LevelVar     // set from the main file; may be nil
	Notify  func(state string) // sd_notify(3); may be nil
	// Lost is how many lines of the log were dropped so far; may be nil.
	Lost func() uint64
	// Watchdog is how often the service manager wants to hear of us; 0: never. It hears
	// twice as often, as long as events can be judged.
	Watchdog time.Duration
	// MaxAddresses is how many addresses fit into the memory of this run, whatever the main
	// file says; 0: as many as that says.
	MaxAddresses int
}

// Daemon is everything that runs. New makes it, Run runs it, Close gives it up.
type Daemon struct {
	opts  Options
	log   *slog.Logger
	since time.Time

	upkeep    *upkeep
	troubles  troubles
	server    *control.Server
	store     *store.Store
	places    *geoip.Tables
	enforcer  *actions.Switch
	off       *offSwitch
	degraded  []string // at the enforcer's first Setup
	feeds     *feeds.Feeds
	warden    *warden.Warden
	notifiers notifiers // receive its decisions
	post      *messages.Post
	metrics   *metrics.Server
	senders   *senders    // nil: the kernel is not to remember them
	wire      *wireSource // nil: it is switched off
	ami       *amiSource  // nil: no user is given
	watcher   *watcher.Watcher
	journals  *journals
	reading   *reading
	positions *positions
	past      *past // the history
	calls     *callWatch
	soon      soon      // housekeeping has something to do
	own       *host.Own // nil: the kernel does not tell of own addresses
	left      unfinished
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
	d.openUpkeep()
	if err = d.upkeep.open(opts.Main); err != nil {
		return d, err
	}
	answers := &backend{}
	if err = d.openControl(answers.handlers()); err != nil { // first: it keeps a second daemon out
		return d, err
	}
	if err = d.openSlow(); err != nil {
		return d, err
	}
	d.openFeeds()
	d.openWitnesses()
	d.openWarden()
	d.upkeep.spareFromFeeds()
	d.openPacketRules()
	d.openOff()
	d.openPast()
	d.openSources()
	d.openCalls()
	d.fill(answers)
	d.openMetrics(answers)
	return d, nil
}

func (d *Daemon) openUpkeep() {
	d.soon = newSoon()
	u := &upkeep{soon: d.soon, log: d.log, path: d.opts.Config, level: d.opts.Level, since: d.since}
	u.files, u.lists, u.found = newJailFiles(d.log), newLists(d.log), &foundLogs{log: d.log}
	u.files.logs = func(spec *configs.Jail) { u.found.current().AddTo(spec) }
	u.followFail2ban()
	u.guard = guard.New(d.log, guard.ThisHost(os.Getenv("SSH_CONNECTION")), func() { u.change(&u.stale) })
	u.sight = newAsteriskSight("/proc")
	u.ports = &portGroups{log: d.log, settings: u.settings, sight: u.sight}
	u.rules = &packetRules{log: d.log, spared: u.uncut}
	d.upkeep = u
}

func (d *Daemon) openControl(answers []control.Handler) error {
	main := d.upkeep.settings()
	notice := func() string { return d.off.notice() } // no caller is served before Run
	d.server = control.New(control.Options{Path: main.Socket, Group: main.Group, Handlers: answers, Notice: notice, Log: d.log, Admin: d.upkeep.admin, Audit: d.audit})
	note, err := d.server.Listen()
	if err != nil {
		return err
	}
	if note != "" {
		d.log.Info(note)
	}
	return nil
}

// openSlow opens side by side what takes long: the database, the geoip databases, and the
// files of the jails. The firewall comes after them: it has to know the ports that the jails
// name, and whether it was switched off.
func (d *Daemon) openSlow() (err error) {
	main := d.upkeep.settings()
	var ledger, places sync.WaitGroup
	places.Go(func() { d.places = openPlaces(main.GeoIP.Files, d.log, d.since) })
	ledger.Go(func() { err = d.openStore(main.Database) })
	d.upkeep.found.look(main, d.since)
	d.upkeep.files.load(main)
	if ledger.Wait(); err == nil {
		err = d.openEnforcer(main)
	}
	places.Wait()
	d.upkeep.place = d.places
	d.upkeep.ports.enforcer = d.enforcer
	return err
}

// openEnforcer sets the firewall up. Where nothing is to be dropped, it takes out what a run
// before left there.
func (d *Daemon) openEnforcer(main *configs.Main) error {
	live, err := d.store.Ports(d.since)
	if err != nil { // restore finds out what that means
		d.log.Error("the database cannot be read, so pbxjail does not know which ports old bans close. Old bans may close too few ports", "err", err, "hint", todo(err, moreHint))
	}
	options := actions.Options{Chain: main.Chain, Hook: main.Hook, EndTCP: main.EndTCP, Reject: main.Action == "reject", Groups: d.upkeep.ports.first(d.upkeep.files.list(), live)}
	d.enforcer = actions.NewSwitch(options, func() (actions.Enforcer, []string, error) { return actions.Open(main.Enforcer, options) })
	d.off = &offSwitch{log: d.log, enforcer: d.enforcer, rules: d.upkeep.rules, ledger: d.store, observes: !d.enforcing(main)}
	off, err := d.store.Off()
	if err != nil {
		d.log.Error("pbxjail is on now, because it could not read whether an admin had switched it off (jailctl off)", "err", err, "hint", "to switch pbxjail off: jailctl off. "+hint.Of(err))
	}
	if !off.Holds(d.since) {
		off = book.Off{} // its time is over, too
	}
	if d.off.observes || !off.Since.IsZero() {
		d.off.set(off, clearBefore(d.enforcer, d.log), time.Time{})
		return nil
	}
	notes, degraded, err := d.enforcer.On()
	if err != nil {
		return err
	}
	for _, n := range notes {
		what, do := warnNote(d.log, n, otherEnforcerHint)
		d.troubles.note(control.AboutFirewall, what, do)
	}
	for _, n := range degraded {
		warnNote(d.log, n, degradedHint)
	}
	d.degraded = degraded
	return nil
}

// openOff completes the switch.
func (d *Daemon) openOff() {
	d.off.senders, d.off.warden, d.off.note = d.senders, d.warden, d.noteOf
}

const (
	degradedHint      = "all other bans and rules are in force, and pbxjail tries again every minute. To see which parts work: jailctl doctor"
	otherEnforcerHint = "bans work. To use ipset: apt-get install iptables ipset; modprobe -a xt_set ip_set_hash_net; systemctl restart pbxjail. In OpenVZ only the provider can load these modules"
)

// enforcing reports whether packets are to be dropped at all.
func (d *Daemon) enforcing(main *configs.Main) bool {
	return !main.Observe && !d.opts.Observe && main.Enforcer != "observe"
}

// openFeeds starts with the copies on disk, so that no network is needed. None of
// them bans before spareFromFeeds has said which addresses to spare.
func (d *Daemon) openFeeds() {
	main := d.upkeep.settings()
	d.feeds = feeds.New(feeds.Options{Dir: filepath.Join(filepath.Dir(main.Database), "feeds"), Enforcer: d.enforcer, Log: d.log})
	d.feeds.Set(main.Feeds)
	d.upkeep.feeds = d.feeds
}

func (d *Daemon) openWarden() {
	u, main := d.upkeep, d.upkeep.settings()
	d.loadAllowed()
	u.guard.Read(main, d.since)
	u.guard.LogAll()
	u.lists.read(main)
	judge := setup.Judge(d.fitting(main), u.files.list(), u.guard.Current().Guard(), u.knowledge(), false)
	judge.Young = d.young()
	if d.opts.MaxAddresses > 0 {
		judge.SetRoom(d.opts.MaxAddresses)
	}
	var heard witness.Heard // nil, and no nil *senders: the judge asks whether there is one
	if d.senders != nil {
		heard = d.senders
	}
	var wire witness.Wire
	if d.wire != nil {
		wire = d.wire
	}
	judge.SetWitnesses(heard, wire)
	d.warden = warden.New(judge, d.enforcer, d.store, d.log)
	if !d.enforcer.IsOn() {
		d.warden.Observe()
	}
	d.notifiers.add("log", logger{d.log}, nil)
	d.openMessages(main)
	d.warden.Decided = d.notifiers.tell
	d.warden.Repaired = func() { u.change(&u.stale) }
	d.warden.Ours = d.ours()
	d.warden.Neighbours = func() []string { return actions.Neighbours(main.Chain) }
	d.warden.Degraded = d.degraded
	d.warden.Stubborn = uint64(main.Stubborn)
	u.judge = d.warden
	u.sides.set(u.guard.Current(), nil)
}

// openWitnesses makes what knows who sent packets: the kernel's sets, where the firewall is
// ours to change, and the sensor on the wire. Where nothing is dropped, Asterisk answers
// those who are banned, and the sensor reads them too.
func (d *Daemon) openWitnesses() {
	main := d.upkeep.settings()
	switch {
	case !d.enforcing(main):
	case main.Heard.Enabled:
		d.senders = openSenders(d.enforcer, d.upkeep.settings, d.upkeep.sight, d.log)
	default:
		d.clearSenders(main)
	}
	if !main.Wire.Enabled {
		return
	}
	traffic := wire.LiveOptions{Own: d.upkeep.sides.own, Known: d.upkeep.sides.known}
	if d.enforcing(main) {
		traffic.Banned = func(a netip.Addr) bool { return d.enforcer.IsOn() && d.warden.Holds(a, time.Now()) }
	}
	d.wire = newWireSource(main.Wire, wirePorts(main, d.upkeep.sight), d.log, traffic)
	d.upkeep.wire = d.wire
}

func (d *Daemon) openPacketRules() {
	u, main := d.upkeep, d.upkeep.settings()
	u.rules.hook, u.rules.paused = main.Hook, !d.enforcer.IsOn()
	if !d.enforcing(main) {
		u.rules.open(nil, main)
		return
	}
	kernel, err := actions.NewPacketRules(actions.Options{Chain: main.Chain, Hook: main.Hook})
	if err != nil {
		u.rules.refuse(err)
		return
	}
	u.rules.open(kernel, main)
}

// openSources makes what reads, and the one place where all that is read meets.
func (d *Daemon) openSources() {
	d.positions = newPositions(d.store, d.warden.Flush)
	d.reading = newReading(d.warden, d.positions)
	d.reading.soon = d.soon
	if d.wire != nil {
		d.wire.hear = d.reading.hear
		d.reading.catchUp = d.wire.catchUp
	}
	d.openAMI(d.upkeep.settings().AMI)
	resume := d.positions.resume(d.log)
	d.watcher = watcher.New(watcher.Options{
		Patterns: filesOf(d.upkeep.files.patterns()),
		Resume:   resume,
		Missed: func(file string, files int) {
			d.log.Error("lines of a log are lost, because the log was rotated more than once before pbxjail could read these lines", "file", file, "files_not_read", files, "hint", missedHint)
		},
		Notify: func(file string, problem error) {
			switch {
			case errors.Is(problem, fs.ErrNotExist): // announced at start; it is followed once it is there
				d.log.Debug("log does not exist", "file", file)
			case errors.Is(problem, watcher.ErrSame):
				d.log.Info("two names lead to one log: pbxjail reads this log once, so nothing is lost", "file", file, "err", problem, "hint", todo(problem, moreHint))
			case problem != nil:
				d.log.Error("log cannot be read, so pbxjail sees no attacks in this log", "file", file, "err", problem, "hint", todo(problem, moreHint))
			default:
				d.log.Info("log can be read again", "file", file)
			}
		},
	})
	d.journals = newJournals(d.log, resume, d.reading.deliver)
	d.journals.set(d.upkeep.files.patterns())
	d.upkeep.read, d.upkeep.logs, d.upkeep.journals = d.reading, d.watcher, d.journals
}

// fill gives the backend what it answers from.
func (d *Daemon) fill(b *backend) {
	u, main := d.upkeep, d.upkeep.settings()
	*b = backend{
		log: d.log, since: d.since, main: mainFile{main.File, main.Chain, main.Hook, main.MaxAddresses, d.maxBans()}, drops: d.enforcer.IsOn, off: d.off,
		problems: d.problems, reload: d.reload, lost: d.opts.Lost, queues: d.notifiers.queues,
		guard: u.guard, follow: u.follow, keepAdmins: func() time.Duration { return u.settings().ProtectAdmins },
		warden: d.warden, enforcer: d.enforcer, store: d.store, places: d.places, feeds: d.feeds,
		files: u.files, lists: u.lists, ports: u.ports, rules: u.rules, logs: d.watcher, journals: d.journals, reading: d.reading, found: u.found, wire: d.wire, ami: d.ami, past: d.past, post: d.post, calls: d.calls,
	}
}

// reload reads all files again, and reports that to the service manager.
func (d *Daemon) reload(by string) (waiting []string, err error) {
	d.notify("RELOADING=1")
	defer d.notify("READY=1")
	return d.upkeep.reload(by)
}
