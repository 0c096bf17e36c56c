package home

import (
	"maps"
	"net/netip"
	"slices"

	"pbxjail/jails/book"
	"pbxjail/jails/customer"
)

// Forget removes what is known of the addresses in a prefix, or of an account when that is
// not "": homes, alarms, and what waits for the ledger. What remains says nothing of who it
// was, or is forgotten within a week. An account that is forgotten is at home again with its
// next log-in.
func (hs *Homes) Forget(p netip.Prefix, account string) {
	is := func(addrs ...netip.Addr) bool {
		for _, a := range addrs {
			if p.IsValid() && a.IsValid() && (p.Contains(a) || p.IsSingleIP() && customer.Home(p.Addr()) == a) {
				return true
			}
		}
		return false
	}
	named := func(name string) bool { return account != "" && name == account }
	for _, row := range slices.Collect(hs.table.rows.all) { // to remove one moves others
		if is(row.Addr, row.Latest) || named(row.Account) {
			hs.table.remove(row)
		}
	}
	hs.table.forgetSpare()
	maps.DeleteFunc(hs.registered.where, func(k registration, _ bool) bool { return is(k.addr) || named(k.account) })
	maps.DeleteFunc(hs.guessed, func(k homeKey, g *Guessed) bool { return is(g.Addr) || named(k.account) })
	maps.DeleteFunc(hs.changedAlarms, func(k homeKey, c AlarmChange) bool { return is(c.Addr) || named(k.account) })
	maps.DeleteFunc(hs.moments, func(k momentKey, _ book.Moment) bool { return is(k.prefix.Addr()) })
}
