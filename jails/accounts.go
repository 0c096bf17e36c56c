package jails

import (
	"hash/maphash"
	"net/netip"
	"pbxjail/jails/book"
	"pbxjail/jails/home"
	"time"

	"pbxjail/jails/tally"
)

// accountID tells the accounts of an address apart; 0 is none.
func (j *Judge) accountID(account []byte) uint32 {
	if len(account) == 0 {
		return 0
	}
	return uint32(maphash.Bytes(j.seed, account)) | 1
}

// forgive takes back what an account did wrong at an address before it logged in there:
// a corrected password.
func (j *Judge) forgive(a netip.Addr, account []byte, now time.Time) {
	if len(account) == 0 {
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

// verdictOf is an alarm about who is at home, as the judge tells it.
func verdictOf(a home.Alarm, now time.Time) Verdict {
	return Verdict{Ban: book.Ban{Prefix: netip.PrefixFrom(a.Addr, a.Addr.BitLen()), Jail: a.Kind, Since: now.UTC(), Reason: a.Reason}, Alarm: true, Rare: true}
}
