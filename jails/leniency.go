package jails

import (
	"net/netip"
	"time"

	"pbxjail/parsers"
)

// leniency is what an address gains by the accounts that are at home there: an office sets
// up a new phone, and mistypes. The zero value is that of an address without any.
type leniency struct {
	allowance int              // so many times maxretry
	least     parsers.Evidence // only this, or better, counts
}

// MostAllowance is the largest Allowance: tallies have room for so many times maxretry.
const MostAllowance = 5

// leniency of an address at a time. Where the wire sees whether our challenges are
// answered, what anybody can forge counts nothing against those who log in.
func (j *Judge) leniency(a netip.Addr, s parsers.Service, now time.Time) leniency {
	if !j.Home.LogsIn(a, now) {
		return leniency{}
	}
	l := leniency{allowance: min(max(j.Allowance, 1), MostAllowance)}
	if j.gate.Reads(a, s, now) {
		l.least = parsers.Proven
	}
	return l
}

// limit is what maxretry is with a leniency.
func (l leniency) limit(maxretry parsers.Points) parsers.Points {
	return maxretry * parsers.Points(max(l.allowance, 1))
}
