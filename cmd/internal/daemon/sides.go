package daemon

import (
	"net/netip"
	"sync/atomic"

	"pbxjail/cmd/internal/guard"
	"pbxjail/jails/home"
)

// sides are the addresses that a capture must tell apart: our own, and those that are no
// strangers. They are asked about for each packet, so the sets are replaced and never
// changed. The zero value knows none. All methods may be called from any goroutine.
type sides struct {
	ours, friends atomic.Pointer[map[netip.Addr]bool]
}

// set takes who is protected, and who logged in.
func (s *sides) set(g guard.State, logins []home.Login) {
	ours, friends := map[netip.Addr]bool{}, map[netip.Addr]bool{}
	for _, a := range g.Own {
		ours[a] = true
	}
	for _, t := range g.Trusts {
		if t.Prefix.IsSingleIP() {
			friends[t.Prefix.Addr()] = true
		}
	}
	for _, l := range logins {
		friends[l.Addr] = true
	}
	s.ours.Store(&ours)
	s.friends.Store(&friends)
}

// own reports whether an address is this host's.
func (s *sides) own(a netip.Addr) bool { return has(&s.ours, a) }

// known reports whether an address is no stranger.
func (s *sides) known(a netip.Addr) bool { return has(&s.friends, a) }

func has(set *atomic.Pointer[map[netip.Addr]bool], a netip.Addr) bool {
	m := set.Load()
	return m != nil && (*m)[a]
}
