package daemon

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"pbxjail/actions"
	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/guard"
	"pbxjail/cmd/internal/messages"
	"pbxjail/configs"
	"pbxjail/configs/ports"
	"pbxjail/jails/book"
	"pbxjail/jails/feeds"
	"pbxjail/jails/geoip"
	"pbxjail/jails/store"
	"pbxjail/jails/warden"
	"pbxjail/watcher"
)

// backend answers jailctl. It knows the parts of the daemon, changes none of them
// itself, and speaks the API's types alone: a page and metrics read the same ones.
type backend struct {
	log      *slog.Logger
	since    time.Time
	main     mainFile
	drops    func() bool // packets are dropped now
	off      *offSwitch
	problems func() []control.Problem // found at start, and of parts without a room of their own
	lost     func() uint64            // lines of our own log; may be nil
	queues   func() []control.Queue   // of the notifiers
	reload   func(by string) (waiting []string, err error)

	guard      *guard.Protections
	follow     func()               // takes over at once who is protected
	keepAdmins func() time.Duration // how long an admin is protected

	warden   *warden.Warden
	enforcer actions.Enforcer
	store    *store.Store
	places   *geoip.Tables
	feeds    *feeds.Feeds
	files    *jailFiles
	lists    *lists
	rules    *packetRules
	ports    *portGroups
	logs     *watcher.Watcher
	journals *journals
	reading  *reading
	found    *foundLogs
	wire     *wireSource // nil: it is switched off
	ami      *amiSource  // nil: no user is given
	past     *past
	post     *messages.Post
	calls    *callWatch
}

// mainFile are the settings at start that answers depend on.
type mainFile struct {
	file        string // "": the built-in defaults
	chain, hook string
	addresses   int // how many have a score at most
	bans        int // how many there may be at once
}

// path is where the settings are, or would be.
func (m mainFile) path() string { return cmp.Or(m.file, configs.DefaultMain) }

// handlers are the calls that the daemon answers, one line each.
func (b *backend) handlers() []control.Handler {
	return []control.Handler{
		control.Handle(control.CallVersion, func(control.None, string) (control.VersionAnswer, error) {
			return control.VersionAnswer{Version: control.Release()}, nil
		}),
		control.Handle(control.CallStatus, func(control.None, string) (control.Status, error) { return b.Status(), nil }),
		control.HandleEach(control.CallBans, b.eachBan),
		control.Handle(control.CallWhy, func(q control.WhyRequest, _ string) (control.Why, error) { return b.Why(q.Addr), nil }),
		control.Handle(control.CallTop, func(q control.TopRequest, _ string) (control.Top, error) { return b.Top(q.N), nil }),
		control.Handle(control.CallFeeds, func(control.None, string) ([]control.Feed, error) { return b.Feeds(), nil }),
		control.Handle(control.CallRules, func(control.None, string) (control.Rules, error) { return b.rules.counted() }),
		control.Handle(control.CallAlarms, func(control.None, string) ([]control.Alarm, error) { return b.Alarms(), nil }),
		control.Handle(control.CallAuditLog, b.AuditLog),
		control.HandleEach(control.CallHistory, b.eachPast),
		control.Handle(control.CallHistorySums, b.pastSums),
		control.Handle(control.CallExport, b.Export),
		control.Handle(control.CallErase, b.Erase),
		control.Handle(control.CallAck, b.Ack),
		control.Handle(control.CallAllowed, func(control.None, string) ([]control.Allowed, error) { return b.Allowed(), nil }),
		control.Handle(control.CallProtected, func(q control.ProtectedRequest, _ string) ([]control.Protected, error) { return b.Protected(q), nil }),
		control.Handle(control.CallAllow, b.Allow),
		control.Handle(control.CallDisallow, b.Disallow),
		control.Handle(control.CallBan, b.Ban),
		control.Handle(control.CallUnban, b.Unban),
		control.Handle(control.CallNotify, func(control.None, string) ([]control.Channel, error) { return b.channels(), nil }),
		control.Handle(control.CallNotifyTry, b.notifyTest),
		control.Handle(control.CallCalls, b.Calls),
		control.Handle(control.CallUnbar, b.unbar),
		control.Handle(control.CallReload, b.Reload),
		control.Handle(control.CallOff, b.Off),
		control.Handle(control.CallOn, b.On),
		control.RootOnly(control.Handle(control.CallAgents, b.agents)),
		control.HandleStream(control.StreamWire, b.followWire),
	}
}

// errNoWire is the answer to questions that the sensor alone can answer.
var errNoWire = control.Refuse(http.StatusConflict, "write wire: {enabled: true} into the main file; then: systemctl restart pbxjail", "pbxjail reads no packets, because wire is switched off")

func (b *backend) agents(control.None, string) ([]control.Agent, error) {
	if b.wire == nil {
		return nil, errNoWire
	}
	return b.wire.agents(), nil
}

func (b *backend) followWire(ctx context.Context, q control.WireRequest, to control.Caller[control.Transaction]) error {
	if b.wire == nil {
		return errNoWire
	}
	return b.wire.follow(ctx, q, to)
}

// Reload reads all files again.
func (b *backend) Reload(_ control.None, by string) (control.Reloaded, error) {
	waiting, err := b.reload(by)
	return control.Reloaded{Waiting: waiting}, err
}

func (b *backend) ban(ban book.Ban, now time.Time) control.Ban {
	return b.shown(&ban, b.warden.Pending(ban.Prefix), now)
}

// shown is a ban in the API's words.
func (b *backend) shown(ban *book.Ban, pending bool, now time.Time) control.Ban {
	left, _ := ban.Left(now)
	return control.Ban{
		Prefix: ban.Prefix, Jail: ban.Jail, Country: b.places.Place(ban.Prefix.Addr()).Country, Since: ban.Since.UTC(), Until: control.Moment(ban.Until),
		LeftSeconds: int64(max(left, 0).Round(time.Second) / time.Second), Strike: ban.Strike, Evidence: ban.Evidence.String(),
		By: ban.By, Reason: ban.Reason, Ports: ban.Ports.String(), Pending: pending, Observed: ban.Observed,
	}
}

// Ban bans by hand.
func (b *backend) Ban(req control.BanRequest, by string) (control.Ban, error) {
	order := warden.Order{Prefix: req.Prefix, Jail: req.Jail, Force: req.Force, By: by}
	if req.ForSeconds != nil {
		order.For = new(time.Duration(*req.ForSeconds) * time.Second)
	}
	var err error
	if order.Ports, err = ports.Read(req.Ports); err != nil {
		return control.Ban{}, control.Refuse(http.StatusBadRequest, "write --ports sip, or iax, ami, http, all, or ports such as 5060,10000-20000/udp", "ports: %w", err)
	}
	now := time.Now()
	if err := b.needPorts(order.Ports, now); err != nil {
		return control.Ban{}, control.Refuse(http.StatusConflict, todo(err, moreHint), "%w", err)
	}
	ban, err := b.warden.Order(order, now)
	switch {
	case errors.Is(err, warden.ErrProtected):
		return control.Ban{}, control.Refuse(http.StatusForbidden, "to ban it anyway, add --force to the command; to see all protected addresses: jailctl protected", "%w", err)
	case errors.Is(err, warden.ErrNoJail):
		return control.Ban{}, control.Refuse(http.StatusNotFound, "to see the names of all jails: jailctl status", "%w", err)
	case err != nil:
		return b.ban(ban, now), err
	}
	return b.ban(ban, now), nil
}

// needPorts has the enforcer know a list of ports before a ban takes it.
func (b *backend) needPorts(set ports.Set, now time.Time) error {
	if set.Lists() == nil {
		return nil
	}
	var live []ports.Set
	for _, ban := range b.warden.Bans(now) {
		if ban.Ports.Lists() != nil {
			live = append(live, ban.Ports)
		}
	}
	return b.ports.need(set, live)
}

// Unban lifts the bans of a prefix and of what is in it, or all.
func (b *backend) Unban(q control.UnbanRequest, by string) (control.UnbanAnswer, error) {
	now, grace := time.Now(), defaultGrace
	if q.GraceSeconds != nil {
		grace = time.Duration(*q.GraceSeconds) * time.Second
	}
	list := append(b.warden.Inside(q.Prefix, now), q.Prefix)
	if q.All {
		list = b.warden.Prefixes(now)
		b.warden.Pardon([]netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}, grace, now)
	} else {
		b.warden.Pardon([]netip.Prefix{q.Prefix}, grace, now)
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	list = slices.Compact(list)
	n, err := b.warden.Unban(list, by, now)
	answer := control.UnbanAnswer{Lifted: n}
	if q.All {
		return answer, err
	}
	answer.Covered = b.coversOf(q.Prefix, now)
	if n > 0 {
		answer.Prefixes = list[:min(len(list), mostNamed)]
	}
	return answer, err
}

const (
	// defaultGrace is the grace of an unban that names none.
	defaultGrace = 10 * time.Minute
	// mostNamed bounds the prefixes that an answer names.
	mostNamed = 100
)

// Off switches off.
func (b *backend) Off(q control.OffRequest, by string) (control.OffAnswer, error) {
	now := time.Now()
	if err := b.off.turnOff(time.Duration(q.ForSeconds)*time.Second, by, now); err != nil {
		return control.OffAnswer{}, err
	}
	return control.OffAnswer{Was: true, Off: offOf(b.off.state())}, nil
}

// On switches on again.
func (b *backend) On(_ control.None, by string) (control.OffAnswer, error) {
	was, err := b.off.turnOn(by, time.Now())
	return control.OffAnswer{Was: was, Observes: b.off.observes}, err
}

func offOf(off book.Off) *control.Off {
	if off.Since.IsZero() {
		return nil
	}
	return &control.Off{Since: off.Since, Until: control.Moment(off.Until), By: off.By}
}
