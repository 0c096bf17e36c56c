package home

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

// LoggedIn lists the addresses where an account is at home at now, in order; of each line
// of IPv6 the last address.
func (hs *Homes) LoggedIn(now time.Time) []Login {
	var list []Login
	for _, s := range hs.table.sites.All {
		if len(s.rows) == 0 {
			continue
		}
		last := s.rows[0]
		for _, r := range s.rows {
			if r.Last.After(last.Last) {
				last = r
			}
		}
		if hs.live(last.Last, now) {
			list = append(list, Login{Addr: last.Latest, Service: last.Service, At: last.Last.Truncate(time.Millisecond)})
		}
	}
	slices.SortFunc(list, func(x, y Login) int { return cmp.Or(x.Addr.Compare(y.Addr), x.At.Compare(y.At)) })
	return list
}
