package jails

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"pbxjail/parsers"
)

// Login is an address that logged in with a password, over what, and when last.
type Login struct {
	Addr    netip.Addr
	Service parsers.Service
	At      time.Time
}

// LoggedIn lists the addresses that a login protects at now, in order. Who logged in
// before the daemon started is not known.
func (j *Judge) LoggedIn(now time.Time) []Login {
	var list []Login
	for key, e := range j.trust.logins.each {
		a := netip.AddrFrom16(key).Unmap()
		if _, ok := j.loggedIn(netip.PrefixFrom(a, a.BitLen()), now); ok {
			list = append(list, Login{Addr: a, Service: e.over, At: time.UnixMilli(e.last).UTC()})
		}
	}
	slices.SortFunc(list, func(x, y Login) int { return cmp.Or(x.Addr.Compare(y.Addr), x.At.Compare(y.At)) })
	return list
}
