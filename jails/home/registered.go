package home

import (
	"net/netip"
	"time"

	"pbxjail/jails/customer"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// Registration is an account that is registered with Asterisk, and the address where. The
// phone wrote the address, so it says something about its own account alone.
type Registration struct {
	Service parsers.Service
	Account string // may hold any byte
	Addr    netip.Addr
}

// registered are those that Asterisk lists now. The failures of a registered account lead to
// no ban at its own address: so phones are protected at once, after a restart too. Nothing else
// follows: the address is no home, it gains nothing for other accounts, and no packet rule lets
// it in. Who has an account could register any address. It becomes a home with a log-in.
type registered struct {
	where map[registration]bool
	at    time.Time // when Asterisk listed them
}

type registration struct {
	addr    netip.Addr // of IPv6 the first of its /64
	family  witness.Family
	account string
}

const (
	// MaxRegistered is how many registrations are kept.
	MaxRegistered = 20_000
	// registeredFor is how long a list counts that Asterisk does not renew.
	registeredFor = time.Hour
)

// SetRegistered replaces the list of who is registered. It takes MaxRegistered of them.
func (hs *Homes) SetRegistered(list []Registration, now time.Time) {
	where := make(map[registration]bool, min(len(list), MaxRegistered))
	for _, r := range list {
		f, account := witness.FamilyOf(r.Service), AccountName([]byte(r.Account))
		if len(where) == MaxRegistered || !f.OfPhones() || len(account) == 0 || !parsers.Bannable(r.Addr) {
			continue
		}
		where[registration{customer.Home(r.Addr), f, string(account)}] = true
	}
	hs.registered = registered{where, now}
}

// has reports whether the account of an event is registered at its address.
func (r *registered) has(e *parsers.Event, now time.Time) bool {
	if len(r.where) == 0 || !e.Addr.IsValid() || now.Sub(r.at).Abs() > registeredFor {
		return false
	}
	account := AccountName(e.Account.Raw())
	return len(account) > 0 && r.where[registration{customer.Home(e.Addr), witness.FamilyOf(e.Service), string(account)}]
}
