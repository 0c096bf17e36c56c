// Package guard finds out which addresses must never be banned: the PBX's own side, its
// routers and name servers, its admins, those that an operator allows, and those that
// Asterisk's own files trust. The daemon keeps it up to date; jailctl replay and check ask
// it once.
//
// It must never take a name or an address out of a log, and never look up a name while a
// caller waits: names.Run does that in the background.
package guard

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"pbxjail/cmd/internal/host"
	"pbxjail/cmd/internal/names"
	"pbxjail/cmd/internal/packetrules"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/prefix"
	"pbxjail/jails"
	"pbxjail/jails/book"
)

// Protections know which addresses must never be banned. All methods may be called from any
// goroutine. Only Run has a goroutine.
type Protections struct {
	log     *slog.Logger
	names   *names.Resolver
	changed func() // who is protected may have changed; may be nil
	host    Host

	mu      sync.Mutex // guards all below
	files   asteriskFiles
	listed  []asterisk.Trust // trunks that Asterisk lists while it runs
	admins  admins
	allowed []book.Allowed
	state   State
}

// Host is what a machine says of itself. A part that is nil says nothing.
type Host struct {
	Addresses   func() ([]netip.Addr, error)
	Gateways    func() []netip.Addr
	NameServers func() []netip.Addr
	Resolvers   func() []netip.AddrPort // name servers too, those on this machine with them
	Sessions    func() []netip.Addr     // from where admins are logged in
	Started     netip.Addr              // the SSH session that started us; zero: none
}

// New reads nothing. changed is called when a name has other addresses than before, or
// Asterisk lists other trunks; it may be nil.
func New(log *slog.Logger, h Host, changed func()) *Protections {
	return &Protections{log: log, names: names.New(names.SIP(h.Resolvers), changed), changed: changed, host: h}
}

// Fixed are Protections that have read s already, for tests.
func Fixed(s State) *Protections { return &Protections{state: s} }

// Run looks names up until ctx ends.
func (p *Protections) Run(ctx context.Context) error { return p.names.Run(ctx) }

// Answered looks names up until each that Read found has had its answer, or ctx ends.
func (p *Protections) Answered(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.names.Run(ctx)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for len(p.names.Pending()) > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	cancel()
	<-ended
}

// SetListed replaces the trunks that Asterisk lists while it runs: those of a database are in
// no file. The next Read protects them too.
func (p *Protections) SetListed(list []asterisk.Trust) {
	p.mu.Lock()
	changed := !slices.Equal(list, p.listed)
	p.listed = list
	p.mu.Unlock()
	if changed && p.changed != nil {
		p.changed()
	}
}

// IsTrunk reports whether an address or a name is that of a trunk, in the files of Asterisk or as
// Asterisk lists it. The zero Addr, and "", are none.
func (p *Protections) IsTrunk(a netip.Addr, name string) bool {
	p.mu.Lock()
	list := slices.Concat(p.files.found, p.listed)
	p.mu.Unlock()
	return slices.ContainsFunc(list, func(t asterisk.Trust) bool {
		switch {
		case t.Role != asterisk.Peer:
			return false
		case t.Host == "":
			return a.IsValid() && t.Prefix.Contains(a) && (t.Prefix.IsSingleIP() || !a.IsPrivate()) // phones of an access list
		}
		return name != "" && strings.EqualFold(t.Host, name) || a.IsValid() && slices.Contains(p.Addrs(t.Host), a)
	})
}

// Pending reports whether a name was not looked up yet.
func (p *Protections) Pending() bool { return len(p.names.Pending()) > 0 }

// Unanswered are the names that have no address, in order.
func (p *Protections) Unanswered() []string { return p.names.Unanswered() }

// State is what a Guard is made of. Two of them can be compared.
type State struct {
	Own      []netip.Addr
	Ignoreip []netip.Prefix
	Trusts   []jails.Protection
	Pending  bool // a name was not looked up yet; says nothing of who is protected
}

// Guard protects all of it.
func (s State) Guard() *jails.Guard { return jails.NewGuard(s.Own, s.Ignoreip, s.Trusts...) }

// Prefixes are all that it protects.
func (s State) Prefixes() []netip.Prefix {
	var list []netip.Prefix
	for _, a := range s.Own {
		list = append(list, prefix.Of(a))
	}
	list = append(list, s.Ignoreip...)
	for _, t := range s.Trusts {
		list = append(list, t.Prefix)
	}
	return list
}

func (s State) equal(o State) bool {
	return slices.Equal(s.Own, o.Own) && slices.Equal(s.Ignoreip, o.Ignoreip) && slices.Equal(s.Trusts, o.Trusts)
}

// Current is what the last Read found.
func (p *Protections) Current() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Read asks the kernel and the files again, and reports whether the answer is another
// one. Where the kernel does not answer, its last answer is kept.
func (p *Protections) Read(main *configs.Main, now time.Time) (changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := State{Own: p.own(), Ignoreip: main.Ignoreip}
	s.Trusts = append(s.Trusts, p.nowAllowed(now)...)
	s.Trusts = append(s.Trusts, ask(p.host.Gateways, "the gateway")...)
	s.Trusts = append(s.Trusts, ask(p.host.NameServers, "a name server of this machine")...)
	if p.host.Started.IsValid() {
		s.Trusts = append(s.Trusts, protection(p.host.Started, "the SSH session in which pbxjail was started"))
	}
	p.admins.see(p.host.Sessions, now)
	s.Trusts = append(s.Trusts, p.admins.protections(main.ProtectAdmins, now)...)
	named, pending := p.named(main, now)
	s.Trusts, s.Pending = append(s.Trusts, named...), pending
	changed = !s.equal(p.state)
	p.state = s
	return changed
}

func ask(addrs func() []netip.Addr, why string) (list []jails.Protection) {
	if addrs == nil {
		return nil
	}
	for _, a := range addrs() {
		list = append(list, protection(a, why))
	}
	return list
}

// own are the addresses of this machine. mu is held.
func (p *Protections) own() []netip.Addr {
	if p.host.Addresses == nil {
		return nil
	}
	list, err := p.host.Addresses()
	if err != nil {
		p.log.Error("pbxjail cannot read the addresses of this machine. It protects the addresses that it knows already, but a new own address may be banned", "err", err, "hint", "systemctl restart pbxjail. If this comes again, write the addresses of this machine into the main file: ignoreip: [ADDRESS]; then: jailctl reload")
		return p.state.Own
	}
	return list
}

// named are the hosts that have a name, and those that Asterisk's own files trust. mu is held.
func (p *Protections) named(main *configs.Main, now time.Time) (list []jails.Protection, pending bool) {
	why := map[string]string{}
	for _, a := range p.allowed {
		if a.Host != "" && !a.Over(now) {
			why[a.Host] = allowedWhy(a)
		}
	}
	for _, h := range main.IgnoreHosts {
		if why[h] == "" {
			why[h] = "ignore_hosts " + h
		}
	}
	for _, t := range slices.Concat(p.files.trusts(main.Asterisk, p.log), p.listed) {
		switch {
		case t.Role == asterisk.LocalNet && !main.ProtectLocalnet:
		case t.Host == "" && t.File == "" && slices.ContainsFunc(list, func(o jails.Protection) bool { return o.Prefix == t.Prefix }): // a file has it
		case t.Host == "":
			list = append(list, jails.Protection{Prefix: t.Prefix, Why: t.Why})
		case why[t.Host] == "":
			why[t.Host] = t.Why
		}
	}
	hosts := make([]string, 0, len(why))
	for h := range why {
		hosts = append(hosts, h)
	}
	slices.Sort(hosts)
	p.names.Set(hosts)
	for _, h := range hosts {
		addrs, _, err := p.names.Addrs(h)
		if err != nil {
			p.log.Debug("host name has no address; the lookup failed", "host", h, "err", err)
		}
		pending = pending || errors.Is(err, names.ErrPending)
		for _, a := range addrs {
			list = append(list, protection(a, why[h]))
		}
	}
	return list, pending
}

// Known is which addresses a packet rule must not block, beside those that logged in. main
// may be another one than that of the last Read: a reload is judged by its own ignoreip.
func (p *Protections) Known(main *configs.Main) (k packetrules.Known) {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := p.state
	state.Ignoreip = main.Ignoreip
	k.Protected = state.Prefixes()
	for _, t := range p.files.trusts(main.Asterisk, p.log) {
		if isIAX(t) {
			k.Peers = append(k.Peers, p.peers(t)...)
		}
	}
	return k
}

func isIAX(t asterisk.Trust) bool { return strings.HasPrefix(filepath.Base(t.File), "iax") }

// peers are the addresses of one trust. A name without an answer has none: its
// addresses come in when it is answered. mu is held.
func (p *Protections) peers(t asterisk.Trust) (list []packetrules.Peer) {
	if t.Host == "" {
		return []packetrules.Peer{{Prefix: t.Prefix, Why: t.Why}}
	}
	addrs, _, _ := p.names.Addrs(t.Host)
	for _, a := range addrs {
		one := protection(a, t.Why)
		list = append(list, packetrules.Peer{Prefix: one.Prefix, Why: one.Why})
	}
	return list
}

// LogAll logs at start which addresses are protected, except for our own addresses and
// ignoreip.
func (p *Protections) LogAll() {
	for _, t := range p.Current().Trusts {
		p.log.Info("address is protected", "prefix", t.Prefix, "why", t.Why)
	}
}

func protection(a netip.Addr, why string) jails.Protection {
	return jails.Protection{Prefix: prefix.Of(a), Why: why}
}

// ThisHost asks the kernel, the environment and the files of the system.
func ThisHost(connection string) Host {
	started, _ := host.Peer(connection)
	return Host{
		Addresses: host.Addresses, Gateways: host.Gateways, Started: started,
		NameServers: func() []netip.Addr { return host.NameServers(host.ResolvConf) },
		Resolvers:   func() []netip.AddrPort { return host.Resolvers(host.ResolvConf) },
		Sessions:    func() []netip.Addr { return host.LoggedIn(host.Utmp, host.Sessions) },
	}
}
