package guard

import (
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/prefix"
	"pbxjail/jails"
	"pbxjail/jails/book"
)

// SetAllowed replaces what operators allow. The next Read uses it.
func (p *Protections) SetAllowed(list []book.Allowed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = slices.Clone(list)
}

// Allowed is what operators allow at now, in the order of SetAllowed.
func (p *Protections) Allowed(now time.Time) []book.Allowed {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = slices.DeleteFunc(p.allowed, func(a book.Allowed) bool { return a.Over(now) })
	return slices.Clone(p.allowed)
}

// nowAllowed are the addresses and networks among them. mu is held.
func (p *Protections) nowAllowed(now time.Time) (list []jails.Protection) {
	for _, a := range p.allowed {
		if a.Host == "" && !a.Over(now) {
			list = append(list, jails.Protection{Prefix: a.Prefix, Why: allowedWhy(a)})
		}
	}
	return list
}

func allowedWhy(a book.Allowed) string {
	why := "allowed with jailctl allow: " + a.What()
	if a.Note != "" {
		why += " (" + a.Note + ")"
	}
	return why
}

// Addrs are the addresses of a name that is followed, as far as they are known.
func (p *Protections) Addrs(name string) []netip.Addr {
	addrs, _, _ := p.names.Addrs(name)
	return addrs
}

// Protected is a prefix that is never banned, why, and until when at the latest where that
// is known; zero: as long as the reason holds.
type Protected struct {
	Prefix netip.Prefix
	Why    string
	Until  time.Time
}

// List is which prefixes are protected at now, in the order in which they are compared.
// keepAdmins is how long an admin is; book.Forever has no end.
func (p *Protections) List(keepAdmins time.Duration, now time.Time) (list []Protected) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.state.Own {
		list = append(list, Protected{Prefix: prefix.Of(a), Why: "an address of this machine"})
	}
	for _, n := range p.state.Ignoreip {
		list = append(list, Protected{Prefix: n, Why: "ignoreip " + n.String()})
	}
	for _, t := range p.state.Trusts {
		one := Protected{Prefix: t.Prefix, Why: t.Why}
		for _, a := range p.allowed {
			if allowedWhy(a) == t.Why {
				one.Until = a.Until
			}
		}
		if seen, ok := p.admins.last[t.Prefix.Addr()]; ok && seen.why == t.Why && keepAdmins != book.Forever {
			one.Until = seen.at.Add(keepAdmins)
		}
		list = append(list, one)
	}
	return list
}
