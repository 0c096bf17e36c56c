package daemon

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/names"
	"pbxjail/configs/asterisk"
	"pbxjail/jails"
)

// guardState is what a Guard is made of, kept to see when it changes.
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

// openGuard starts with what can be known without asking anybody; names come in
// when they are answered.
func (d *Daemon) openGuard() {
	d.names = names.New(nil, func() { d.stale.Store(true) })
	d.guard = d.readGuard()
	for _, t := range d.guard.trusts {
		d.log.Info("protects", "prefix", t.Prefix, "why", t.Why)
	}
}

// readGuard asks the kernel and the files who must never be banned. Where the
// kernel does not answer, what it said before is kept.
func (d *Daemon) readGuard() guardState {
	g := guardState{own: d.guard.own, ignoreip: d.main.Ignoreip}
	if addrs, err := net.InterfaceAddrs(); err != nil {
		d.log.Error("own addresses cannot be read: those known before stay protected", "err", err)
	} else {
		g.own = nil
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				g.own = append(g.own, p.Addr().Unmap())
			}
		}
		slices.SortFunc(g.own, netip.Addr.Compare)
	}
	for _, a := range gateways() {
		g.trusts = append(g.trusts, protection(a, "the gateway"))
	}
	if a, ok := sshPeer(os.Getenv("SSH_CONNECTION")); ok {
		g.trusts = append(g.trusts, protection(a, "the SSH session pbxjail was started from"))
	}
	named, pending := d.named()
	g.trusts, g.pending = append(g.trusts, named...), pending
	return g
}

// named are the hosts of the main file, and whom Asterisk's own files trust.
func (d *Daemon) named() (list []jails.Protection, pending bool) {
	trusts := d.readTrusts()
	why := map[string]string{}
	for _, h := range d.main.IgnoreHosts {
		why[h] = "ignore_hosts " + h
	}
	var hosts []string
	for _, t := range trusts {
		if t.Host == "" {
			list = append(list, jails.Protection{Prefix: t.Prefix, Why: t.Why})
		} else if why[t.Host] == "" {
			why[t.Host] = t.Why
		}
	}
	for h := range why {
		hosts = append(hosts, h)
	}
	slices.Sort(hosts)
	d.names.Set(hosts)
	for _, h := range hosts {
		addrs, _, err := d.names.Addrs(h)
		if err != nil {
			d.log.Debug("name is not answered", "host", h, "err", err)
		}
		pending = pending || errors.Is(err, names.ErrPending)
		for _, a := range addrs {
			list = append(list, protection(a, why[h]))
		}
	}
	return list, pending
}

// asteriskFiles is what Asterisk's own files said when they were last read.
type asteriskFiles struct {
	dir    string
	seen   uint64 // fingerprint of dir
	read   time.Time
	trusts []asterisk.Trust
}

// readAgain is how long files that dir includes from elsewhere may have changed
// unseen.
const readAgain = 10 * time.Minute

// readTrusts reads Asterisk's files when they changed: those of a large FreePBX are
// many megabytes.
func (d *Daemon) readTrusts() []asterisk.Trust {
	now, seen := time.Now(), fingerprint(d.main.Asterisk)
	if f := &d.files; f.dir == d.main.Asterisk && f.seen == seen && now.Sub(f.read) < readAgain {
		return f.trusts
	}
	trusts, problems := asterisk.Read(d.main.Asterisk)
	for _, p := range problems {
		d.log.Debug("configuration of Asterisk", "err", p, "hint", hintOf(p))
	}
	d.files = asteriskFiles{dir: d.main.Asterisk, seen: seen, read: now, trusts: trusts}
	return trusts
}

func protection(a netip.Addr, why string) jails.Protection {
	a = a.Unmap().WithZone("")
	return jails.Protection{Prefix: netip.PrefixFrom(a, a.BitLen()), Why: why}
}

// sshPeer reads the client's address out of SSH_CONNECTION: sshd(8).
func sshPeer(env string) (netip.Addr, bool) {
	client, _, _ := strings.Cut(env, " ")
	a, err := netip.ParseAddr(client)
	return a.Unmap(), err == nil
}
