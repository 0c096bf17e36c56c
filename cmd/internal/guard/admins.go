package guard

import (
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/prefix"
	"pbxjail/jails"
	"pbxjail/jails/book"
)

// admins remember from where this machine was administered, and when last. The zero value
// knows none. The caller holds a lock.
type admins struct {
	last map[netip.Addr]admin
}

type admin struct {
	at    time.Time
	why   string
	saved time.Time // the at that the ledger knows
}

const (
	maxAdmins = 256
	sshWhy    = "an admin's SSH session"
	callerWhy = "an admin called jailctl from this address, over SSH"
	// adminSaved is how old what the ledger knows of an admin may be.
	adminSaved = 5 * time.Minute
)

// see notes the sessions that are open now.
func (a *admins) see(sessions func() []netip.Addr, now time.Time) {
	if sessions == nil {
		return
	}
	for _, addr := range sessions() {
		a.note(addr, sshWhy, now)
	}
}

// note remembers an address. The one that was seen longest ago makes room.
func (a *admins) note(addr netip.Addr, why string, now time.Time) (fresh bool) {
	if a.last == nil {
		a.last = map[netip.Addr]admin{}
	}
	old, known := a.last[addr]
	if known {
		why = old.why
	} else if len(a.last) >= maxAdmins {
		oldest, first := netip.Addr{}, true
		for k, v := range a.last {
			if first || v.at.Before(a.last[oldest].at) {
				oldest, first = k, false
			}
		}
		delete(a.last, oldest)
	}
	a.last[addr] = admin{now, why, old.saved}
	return !known
}

// protections are those seen within keep, in order, and forgets the others. 0 is none;
// book.Forever is all.
func (a *admins) protections(keep time.Duration, now time.Time) (list []jails.Protection) {
	var addrs []netip.Addr
	for addr, seen := range a.last {
		if keep != book.Forever && now.Sub(seen.at) > keep {
			delete(a.last, addr)
			continue
		}
		addrs = append(addrs, addr)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	for _, addr := range addrs {
		list = append(list, protection(addr, a.last[addr].why))
	}
	return list
}

// LoadAdmins takes over the admins that a ledger knows.
func (p *Protections) LoadAdmins(list []book.Moment, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range list {
		if m.Kind == book.Admin && m.Prefix.IsSingleIP() && !m.At.After(now) {
			p.admins.note(m.Prefix.Addr(), m.Why, m.At)
		}
	}
}

// UnsavedAdmins are the admins that the ledger does not know, or has too old an entry of.
// keep is how long an admin is protected. AdminsSaved says that the ledger knows them.
func (p *Protections) UnsavedAdmins(keep time.Duration) (list []book.Moment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for addr, seen := range p.admins.last {
		if seen.at.Sub(seen.saved) < adminSaved {
			continue
		}
		if keep == book.Forever {
			keep = mostKept
		}
		list = append(list, book.Moment{Kind: book.Admin, Prefix: prefix.Of(addr), At: seen.at.UTC(), Until: seen.at.Add(keep).UTC(), Why: seen.why})
	}
	return list
}

// mostKept is how long the ledger keeps an admin that is protected without end.
const mostKept = 10 * 365 * 24 * time.Hour

// AdminsSaved notes that the ledger knows admins.
func (p *Protections) AdminsSaved(list []book.Moment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range list {
		if seen, known := p.admins.last[m.Prefix.Addr()]; known {
			seen.saved = m.At
			p.admins.last[m.Prefix.Addr()] = seen
		}
	}
}

// Admin notes that an admin called from an address, and reports whether that is news: Read
// protects it then.
func (p *Protections) Admin(a netip.Addr, now time.Time) (fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.admins.note(a, callerWhy, now)
}
