package daemon

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"pbxjail/cmd/internal/names"
	"pbxjail/cmd/internal/packetrules"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/prefix"
	"pbxjail/jails"
)

// protections know who must never be banned: our own addresses, the gateway, the SSH
// session that started us, ignoreip, and the hosts and trunks that have a name. All
// methods may be called from any goroutine. Only names.Run has a goroutine.
type protections struct {
	log   *slog.Logger
	names *names.Resolver
	host  host

	mu    sync.Mutex // guards all below
	files asteriskFiles
	state guardState
}

// host is what this machine says of itself.
type host struct {
	addresses  func() ([]net.Addr, error)
	gateways   func() []netip.Addr
	connection string // SSH_CONNECTION
}

// thisHost asks the kernel and the environment.
func thisHost() host {
	return host{addresses: net.InterfaceAddrs, gateways: gateways, connection: os.Getenv("SSH_CONNECTION")}
}

// newProtections reads nothing. changed is called when a name has other addresses
// than before.
func newProtections(log *slog.Logger, changed func()) *protections {
	return &protections{log: log, names: names.New(nil, changed), host: thisHost()}
}

// guardState is what a Guard is made of. Two of them can be compared.
type guardState struct {
	own      []netip.Addr
	ignoreip []netip.Prefix
	trusts   []jails.Protection
	pending  bool // a name was not looked up yet; says nothing of who is protected
}

func (g guardState) guard() *jails.Guard { return jails.NewGuard(g.own, g.ignoreip, g.trusts...) }

// prefixes are all that it protects.
func (g guardState) prefixes() []netip.Prefix {
	var list []netip.Prefix
	for _, a := range g.own {
		list = append(list, protection(a, "").Prefix)
	}
	list = append(list, g.ignoreip...)
	for _, t := range g.trusts {
		list = append(list, t.Prefix)
	}
	return list
}

func (g guardState) equal(o guardState) bool {
	return slices.Equal(g.own, o.own) && slices.Equal(g.ignoreip, o.ignoreip) && slices.Equal(g.trusts, o.trusts)
}

// current is what the last read found.
func (p *protections) current() guardState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// read asks the kernel and the files again, and reports whether the answer is another
// one. Where the kernel does not answer, its last answer is kept.
func (p *protections) read(main *configs.Main) (changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := guardState{own: p.own(), ignoreip: main.Ignoreip}
	for _, a := range p.host.gateways() {
		g.trusts = append(g.trusts, protection(a, "the gateway"))
	}
	if a, ok := sshPeer(p.host.connection); ok {
		g.trusts = append(g.trusts, protection(a, "the SSH session pbxjail was started from"))
	}
	named, pending := p.named(main)
	g.trusts, g.pending = append(g.trusts, named...), pending
	changed = !g.equal(p.state)
	p.state = g
	return changed
}

// own are the addresses of this machine. mu is held.
func (p *protections) own() (list []netip.Addr) {
	addrs, err := p.host.addresses()
	if err != nil {
		p.log.Error("own addresses cannot be read: those known before stay protected", "err", err)
		return p.state.own
	}
	for _, a := range addrs {
		if network, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, prefix.Addr(network.Addr()))
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// named are the hosts of the main file, and whom Asterisk's own files trust. mu is held.
func (p *protections) named(main *configs.Main) (list []jails.Protection, pending bool) {
	why := map[string]string{}
	for _, h := range main.IgnoreHosts {
		why[h] = "ignore_hosts " + h
	}
	for _, t := range p.files.trusts(main.Asterisk, p.log) {
		if t.Host == "" {
			list = append(list, jails.Protection{Prefix: t.Prefix, Why: t.Why})
		} else if why[t.Host] == "" {
			why[t.Host] = t.Why
		}
	}
	var hosts []string
	for h := range why {
		hosts = append(hosts, h)
	}
	slices.Sort(hosts)
	p.names.Set(hosts)
	for _, h := range hosts {
		addrs, _, err := p.names.Addrs(h)
		if err != nil {
			p.log.Debug("name is not answered", "host", h, "err", err)
		}
		pending = pending || errors.Is(err, names.ErrPending)
		for _, a := range addrs {
			list = append(list, protection(a, why[h]))
		}
	}
	return list, pending
}

// known is who a packet rule must not cut, beside those who logged in. main may be
// another one than that of the last read: a reload is judged by its own ignoreip.
func (p *protections) known(main *configs.Main) (k packetrules.Known) {
	p.mu.Lock()
	defer p.mu.Unlock()
	guard := p.state
	guard.ignoreip = main.Ignoreip
	k.Protected = guard.prefixes()
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
func (p *protections) peers(t asterisk.Trust) (list []packetrules.Peer) {
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

// logAll says at start who is protected, except for our own addresses and ignoreip.
func (p *protections) logAll() {
	for _, t := range p.current().trusts {
		p.log.Info("protects", "prefix", t.Prefix, "why", t.Why)
	}
}

func protection(a netip.Addr, why string) jails.Protection {
	return jails.Protection{Prefix: prefix.Of(a), Why: why}
}

// sshPeer reads the client's address out of SSH_CONNECTION: sshd(8).
func sshPeer(env string) (netip.Addr, bool) {
	client, _, _ := strings.Cut(env, " ")
	a, err := netip.ParseAddr(client)
	return a.Unmap(), err == nil
}
