package jails

import (
	"net/netip"
	"time"

	"pbxjail/parsers"
)

// leniency is what an address gains from the accounts that are at home there: an office may
// set up a new phone, and mistype its password. The zero value is no leniency.
type leniency struct {
	allowance int              // maxretry is multiplied by this
	least     parsers.Evidence // weaker evidence does not count
	more      parsers.Points   // added after that: an office has as many phones as accounts
}

// MostAllowance is the largest Allowance: tallies have room for this many times maxretry.
const MostAllowance = 5

// mostPhones bounds the phones that an office gains points for.
const mostPhones = 100

// leniency returns the leniency of an address at a time. Where the wire sees whether
// challenges are answered, forgeable packets do not count against addresses with log-ins.
func (j *Judge) leniency(a netip.Addr, s parsers.Service, now time.Time) leniency {
	if !j.Home.LogsIn(a, now) && (s != parsers.Provisioning || !j.fetched.any(a, now)) {
		return leniency{}
	}
	l := leniency{allowance: min(max(j.Allowance, 1), MostAllowance)}
	if s == parsers.Provisioning {
		l.more = parsers.Point * parsers.Points(min(j.Home.Phones(a, now), mostPhones))
	}
	if !s.Foreign() && j.gate.Reads(a, s, now) {
		l.least = parsers.Proven
	}
	return l
}

// limit is maxretry with this leniency.
func (l leniency) limit(maxretry parsers.Points) parsers.Points {
	return maxretry*parsers.Points(max(l.allowance, 1)) + l.more
}
