package daemon

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pbxjail/cmd/internal/guard"
	"pbxjail/cmd/internal/messages"
	"pbxjail/cmd/internal/metrics"
	"pbxjail/cmd/internal/packetrules"
	"pbxjail/cmd/internal/setup"
	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/jails/feeds"
	"pbxjail/jails/geoip"
	"pbxjail/jails/warden"
	"pbxjail/parsers"
	"pbxjail/watcher"
)

// upkeep keeps what may change while the daemon runs: the main file, the jails, the
// lists, and who is protected. It hands each change to all who must know it. All
// methods may be called from any goroutine; those that change something wait for
// each other.
type upkeep struct {
	log      *slog.Logger
	path     string             // of the main file; "" is configs.DefaultMain, where that exists
	level    *slog.LevelVar     // set from the main file; may be nil
	since    time.Time          // when the daemon started
	files    *jailFiles         // the jails
	found    *foundLogs         // the logs that Asterisk's files name
	lists    *lists             // numbers and user agents
	over     *overlay           // settings that web interfaces write for fail2ban
	guard    *guard.Protections // who is never banned
	rules    *packetRules       // in the kernel
	wire     *wireSource        // nil: it is switched off
	sides    sides              // whose packets are whose
	feeds    *feeds.Feeds       // lists of others
	place    *geoip.Tables      // where addresses are
	soon     soon               // given with moved and stale
	moved    atomic.Bool        // something in Asterisk's folder, or in that of the jails, has changed
	stale    atomic.Bool        // a name has other addresses than before, or others changed the firewall
	judge    *warden.Warden     // hears of each change
	read     *reading           // takes new patterns
	logs     *watcher.Watcher   // follows the logs of the jails
	journals *journals          // follows those that are units in the journal
	ports    *portGroups        // what bans close
	post     *messages.Post     // messages for admins
	metrics  *metrics.Server    // counters for Prometheus
	calls    *callWatch         // calls of accounts

	save func([]book.Moment, time.Time) error // into the ledger; nil: there is none yet

	changing sync.Mutex            // orders changes; taken before mu
	letNames map[netip.Prefix]bool // addresses of allowed names that were let in; guarded by changing
	mu       sync.Mutex
	main     *configs.Main // guarded by mu; what it points to never changes

	sight     *asteriskSight // what Asterisk shows of itself
	portsBy   *configs.Main  // the settings by which the ports of the wire were read; owned by look
	portsSeen uint64         // fingerprint of Asterisk's files then
}

// change notes that something has changed, which housekeeping looks at soon.
func (u *upkeep) change(what *atomic.Bool) {
	what.Store(true)
	u.soon.give()
}

// load reads the main file.
func (u *upkeep) load() (*configs.Main, error) {
	return configs.LoadMain(cmp.Or(u.path, configs.DefaultMain), u.path != "")
}

// overlaid is a main file with what a web interface wrote for fail2ban.
func (u *upkeep) overlaid(main *configs.Main) *configs.Main {
	u.over.read(main.Fail2ban)
	return u.over.except(main)
}

// open takes the main file of the start, and reads it when main is nil.
func (u *upkeep) open(main *configs.Main) (err error) {
	if main == nil {
		if main, err = u.load(); err != nil {
			return err
		}
	}
	u.take(u.overlaid(main))
	for _, w := range main.Warnings {
		u.log.Warn(w.Error(), "hint", w.Hint())
	}
	return nil
}

// settings are the main file as it holds now. They must not be written to.
func (u *upkeep) settings() *configs.Main {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.main
}

// take puts a main file in place of the one before.
func (u *upkeep) take(main *configs.Main) {
	u.mu.Lock()
	u.main = main
	u.mu.Unlock()
	if u.level == nil {
		return
	}
	if err := u.level.UnmarshalText([]byte(main.LogLevel)); err != nil {
		u.log.Warn("log_level in the main file is not a known level, so the old level stays", "level", main.LogLevel, "hint", "write log_level: info (or debug, warn, error) into the main file; then: jailctl reload")
	}
}

// knowledge is what the judge knows beside the main file.
func (u *upkeep) knowledge() setup.Knowledge {
	agents, numbers := u.lists.current()
	return setup.Knowledge{Places: u.place, Feeds: u.feeds, Agents: agents, Numbers: numbers}
}

// senses are what the judge knows beside the logs.
func (u *upkeep) senses() jails.Senses { return setup.Senses(u.settings(), u.knowledge()) }

// uncut are the addresses that no packet rule may drop.
func (u *upkeep) uncut(main *configs.Main) packetrules.Known {
	known := u.guard.Known(main)
	for _, l := range u.judge.LoggedIn(time.Now()) {
		if l.Service == parsers.PJSIP || l.Service == parsers.SIP {
			known.LoggedIn = append(known.LoggedIn, l.Addr)
		}
	}
	return known
}

// namesTime is how long feeds that ban wait for the names of those to be spared.
const namesTime = 10 * time.Second

// spareFromFeeds says which addresses no feed may ban.
func (u *upkeep) spareFromFeeds() {
	state := u.guard.Current()
	if state.Pending && time.Since(u.since) < namesTime {
		return // a trunk that is known by its name alone must not be dropped meanwhile
	}
	u.feeds.Protect(append(state.Prefixes(), u.atHome()...))
}

// atHome are the addresses with a log-in that a feed bans: no list of others drops a phone
// of ours.
func (u *upkeep) atHome() (list []netip.Prefix) {
	if u.judge == nil { // not made yet
		return nil
	}
	for _, l := range u.judge.LoggedIn(time.Now()) {
		if u.feeds.Names(l.Addr) {
			list = append(list, netip.PrefixFrom(l.Addr, l.Addr.BitLen()))
		}
	}
	return list
}

// look is due from time to time: who is protected may have changed, and others may
// have changed our packet rules.
func (u *upkeep) look() {
	if u.renewGuard() {
		u.rules.renew(u.settings())
	}
	u.saveAdmins(time.Now())
	u.rules.repair()
	u.sight.look(u.settings())
	u.lookAtPorts()
	u.ports.look()
}

// lookAtLogs follows other logs when Asterisk's files name others.
func (u *upkeep) lookAtLogs() {
	if u.found.look(u.settings(), time.Now()) {
		u.reloadJails("Asterisk's logs changed") // what is refused is logged
	}
}

// lookAtPorts has the wire read other ports when Asterisk's files, or ours, have changed.
func (u *upkeep) lookAtPorts() {
	if u.wire == nil {
		return
	}
	main := u.settings()
	if seen := u.sight.changed(main); seen != u.portsSeen || main != u.portsBy {
		u.portsSeen, u.portsBy = seen, main
		u.wire.watch(wirePorts(main, u.sight), time.Now())
	}
}

func (u *upkeep) renewGuard() (changed bool) {
	u.changing.Lock()
	defer u.changing.Unlock()
	if changed = u.guard.Read(u.settings(), time.Now()); changed {
		g := u.guard.Current()
		u.log.Info("protected addresses changed", "own", fmt.Sprint(g.Own), "others", len(g.Ignoreip)+len(g.Trusts))
		u.judge.Change(u.files.list(), g.Guard(), u.senses())
		u.letInNames(time.Now())
	}
	u.sides.set(u.guard.Current(), u.judge.LoggedIn(time.Now()))
	u.spareFromFeeds()
	return changed
}

// reload reads the main file and the jail files again. waiting names the keys that
// differ and take effect at the next start. On an error everything stays as it was.
func (u *upkeep) reload(by string) (waiting []string, err error) {
	asked, err := u.load()
	if err != nil {
		return nil, err
	}
	asked = u.overlaid(asked)
	u.changing.Lock()
	old := u.settings()
	fresh, waiting := old.Reloaded(asked)
	plan, err := u.rules.plan(asked)
	if err != nil {
		u.changing.Unlock()
		return nil, err
	}
	for _, key := range waiting {
		u.log.Warn("a setting has changed, but the old value stays in use until pbxjail restarts", "key", key, "hint", "systemctl restart pbxjail")
	}
	u.take(fresh)
	u.judge.Tune(fresh.ProtectLogins, fresh.LoginAllowance, uint64(fresh.Stubborn))
	u.judge.SetCustomer(fresh.IPv6)
	u.changing.Unlock()
	u.rules.set(plan)
	u.place.SetFiles(fresh.GeoIP.Files)
	u.post.Set(fresh.Notify)
	u.metrics.Set(fresh.Metrics.Listen)
	err = u.reloadJails(by)
	u.calls.change(fresh)
	u.feeds.Set(fresh.Feeds) // last: it is known now which addresses they must spare
	return waiting, err
}

// reloadJails takes the good jail files and says which are refused.
func (u *upkeep) reloadJails(by string) error {
	u.changing.Lock()
	defer u.changing.Unlock()
	main := u.settings()
	u.found.look(main, time.Now())
	u.files.load(main)
	u.lists.read(main)
	u.guard.Read(main, time.Now())
	list := u.files.list()
	u.ports.setJails(list)
	u.judge.Change(list, u.guard.Current().Guard(), u.senses())
	u.spareFromFeeds()
	u.read.renew()
	u.logs.SetPatterns(filesOf(u.files.patterns()))
	u.journals.set(u.files.patterns())
	u.log.Info("jails loaded", "by", by, "jails", len(list), "refused", len(u.files.refused()))
	return u.files.refusal()
}
