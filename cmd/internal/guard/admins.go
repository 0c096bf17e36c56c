package guard

import (
	"net/netip"
	"slices"
	"time"

	"pbxjail/jails"
	"pbxjail/jails/book"
)

// admins remember from where this machine was administered, and when last. The zero value
// knows nobody. The caller holds a lock.
type admins struct {
	last map[netip.Addr]admin
}

type admin struct {
	at  time.Time
	why string
}

const (
	maxAdmins = 256
	sshWhy    = "an admin's SSH session"
	callerWhy = "an admin called jailctl from there, over SSH"
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
	a.last[addr] = admin{now, why}
	return !known
}

// protections are those seen within keep, in order, and forgets the others. 0 is nobody;
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

// Admin notes that an admin called from an address, and reports whether that is news: Read
// protects it then.
func (p *Protections) Admin(a netip.Addr, now time.Time) (fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.admins.note(a, callerWhy, now)
}
