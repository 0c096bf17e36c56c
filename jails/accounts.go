package jails

import (
	"net/netip"
	"pbxjail/jails/book"
	"pbxjail/jails/home"
	"time"

	"pbxjail/jails/tally"
	"pbxjail/parsers"
)

// accountID is a number for an account: it differs between the accounts of an address; 0
// is none.
func (j *Judge) accountID(account []byte) uint32 {
	if len(account) == 0 {
		return 0
	}
	return hash(j.hashKey, account) | 1
}

// hash is a hash under a secret key, which the next run has too (maphash has no such key).
// Without the key, an attacker cannot choose two texts with one hash.
func hash(key uint64, text []byte) uint32 {
	for _, b := range text { // FNV-1a, which begins at the key
		key = (key ^ uint64(b)) * 0x100000001b3
	}
	key = (key ^ key>>33) * 0xff51afd7ed558ccd // the finalizer of MurmurHash3: each bit changes all
	return uint32(key ^ key>>33)
}

// repeatID is the number of what an event is a repeat of, if it comes again: its account, or
// what the event names in place of it.
func (j *Judge) repeatID(e *parsers.Event) uint32 {
	switch {
	case e.Once && !e.Same.Empty():
		return j.accountID(e.Same.Raw())
	case e.Once:
		return j.accountID(e.Account.Raw())
	}
	return j.accountID(home.AccountName(e.Account.Raw()))
}

// forgive removes the failures of an account at an address before it logged in there: its
// password was corrected.
func (j *Judge) forgive(a netip.Addr, account []byte, now time.Time) {
	if len(account) == 0 {
		return
	}
	if !j.table.Knows(a) && !j.customers.knows(a) { // most who log in did nothing before
		return
	}
	id := j.accountID(account)
	for _, jail := range j.jails {
		if t := j.table.Find(tally.KeyOf(a, jail.memory.id), jail.span, now.UnixMilli()); t != nil {
			t.Forgive(id)
		}
		j.forgiveCustomer(jail, a, id, now)
	}
}

// verdictOf makes a verdict of an alarm about the accounts at home.
func verdictOf(a home.Alarm, now time.Time) Verdict {
	return Verdict{Ban: book.Ban{Prefix: netip.PrefixFrom(a.Addr, a.Addr.BitLen()), Jail: a.Kind, Since: now.UTC(), Reason: a.Reason}, Alarm: true, Rare: true}
}
