package home

import (
	"pbxjail/jails/recent"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// WarmTries reads what is known of the accounts that fail in events, at most recent.WarmAtOnce
// of them, and changes nothing: see recent.Map.
func (hs *Homes) WarmTries(events []*parsers.Event) int {
	var keys [recent.WarmAtOnce]uint64
	for i, e := range events {
		keys[i] = hs.triesKey(e.Addr, witness.FamilyOf(e.Service), AccountName(e.Account.Raw()))
	}
	return hs.tries.Warm(keys[:len(events)])
}

// WarmSites does the same for the accounts at home at addresses.
func (hs *Homes) WarmSites(keys []recent.Addr) (read int) {
	var sites [recent.WarmAtOnce]*site
	for i, k := range keys {
		sites[i] = hs.table.sites.Get(k)
	}
	var rows [recent.WarmAtOnce]*homeRow
	for i := range keys {
		if s := sites[i]; s != nil && len(s.rows) > 0 {
			rows[i] = s.rows[0]
		}
	}
	for i := range keys {
		if r := rows[i]; r != nil {
			read += len(r.Account) + int(r.Times) + r.changed
		}
	}
	return read
}
