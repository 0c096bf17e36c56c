package home

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/show"
	"pbxjail/jails/customer"
	"pbxjail/jails/recent"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// Guessed is an alarm: an account logged in where it was not at home, after failures of the
// same account there. Until an operator has acknowledged it (Ack), the account is not at
// home there.
type Guessed struct {
	Account string // as Asterisk knows it; may hold any byte
	Addr    netip.Addr
	Service parsers.Service
	Guesses int       // failures before the log-in
	At      time.Time // of the log-in
}

// String is the alarm as text for people; the account is escaped.
func (g Guessed) String() string {
	return fmt.Sprintf("someone may have guessed the password of %s: %s logged in as %s after %d failed tries",
		show.Escaped(g.Account), g.Addr, show.Escaped(g.Account), g.Guesses)
}

// tries are failures of an account at an address where it is not at home.
type tries struct {
	witness.Tellings
	last   int64  // unix ms
	digest uint64 // of the last one on the wire
}

const (
	maxTries = 16_384
	// mayGuess is how many failures before a first log-in make it an alarm.
	mayGuess = 5
	// triesKept is how long after the last failure the others are forgotten.
	triesKept  = 7 * 24 * time.Hour
	maxGuessed = 1024
)

// alarmChanges are changes of alarms that the ledger does not know: true is a new one,
// false one that was seen.
type alarmChanges map[homeKey]AlarmChange

// AlarmChange is an alarm for the ledger. Seen: it is over.
type AlarmChange struct {
	Guessed
	Seen bool
}

// triesKey is the key of the failures of an account at an address.
func (hs *Homes) triesKey(a netip.Addr, f witness.Family, account []byte) uint64 {
	return rowKey(hs.seed, a, f, account)
}

// try counts a failure of an account that is not at home there.
func (hs *Homes) try(log uint16, e *parsers.Event, now time.Time) {
	f, account := witness.FamilyOf(e.Service), AccountName(e.Account.Raw())
	if f == witness.NoFamily || len(account) == 0 || !e.Addr.IsValid() {
		return
	}
	key := hs.triesKey(customer.Home(e.Addr), f, account)
	if e.Digest != 0 {
		if t, _ := hs.tries.Get(key); e.Digest == t.digest && now.UnixMilli()-t.last <= triesKept.Milliseconds() {
			return // the same answer again is no other guess
		}
	}
	t := hs.tries.At(key)
	if now.UnixMilli()-t.last > triesKept.Milliseconds() {
		*t = tries{}
	}
	t.last = now.UnixMilli()
	if e.Digest != 0 {
		t.digest = e.Digest
	}
	t.Add(witness.Witness{Source: log, Channel: e.Channel, Service: e.Service})
}

// mayBeGuessed reports whether a log-in of an account that is not at home there says
// nothing for it, because its password may be guessed.
func (hs *Homes) mayBeGuessed(e *parsers.Event, a netip.Addr, account []byte, now time.Time, alarm func(Alarm)) bool {
	f := witness.FamilyOf(e.Service)
	if len(hs.guessed) > 0 && hs.guessed[homeKey{recent.AddrOf(a), f, string(account)}] != nil {
		return true
	}
	t := hs.tries.Find(hs.triesKey(a, f, account))
	if t == nil || t.Count() < mayGuess || now.UnixMilli()-t.last > triesKept.Milliseconds() {
		return false
	}
	key := homeKey{recent.AddrOf(a), f, string(account)}
	if len(hs.guessed) >= maxGuessed {
		hs.dropOldestGuessed()
	}
	g := Guessed{Account: key.account, Addr: e.Addr, Service: e.Service, Guesses: t.Count(), At: now.UTC()}
	hs.guessed[key] = &g
	hs.changedAlarms[key] = AlarmChange{Guessed: g}
	reason := g.String() + ". This alarm bans no address. If the owner of the account did not make this log-in: jailctl ban " + g.Addr.String() +
		", and set a new password. Then clear the alarm: jailctl ack " + g.Addr.String()
	alarm(Alarm{"guessed", e.Addr, reason})
	return true
}

func (hs *Homes) dropOldestGuessed() {
	var oldest homeKey
	var at time.Time
	for key, g := range hs.guessed {
		if at.IsZero() || g.At.Before(at) {
			oldest, at = key, g.At
		}
	}
	hs.endGuessed(oldest)
}

func (hs *Homes) endGuessed(key homeKey) {
	hs.changedAlarms[key] = AlarmChange{Guessed: *hs.guessed[key], Seen: true}
	delete(hs.guessed, key)
	hs.tries.Put(hs.triesKey(key.addr.Netip(), key.family, []byte(key.account)), tries{})
}

// Guessed lists the alarms that no operator has acknowledged yet, oldest first.
func (hs *Homes) Guessed() (list []Guessed) {
	for _, g := range hs.guessed {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(x, y Guessed) int {
		return cmp.Or(x.At.Compare(y.At), x.Addr.Compare(y.Addr), cmp.Compare(x.Account, y.Account))
	})
	return list
}

// LoadGuessed takes over the alarms that a ledger keeps.
func (hs *Homes) LoadGuessed(list []Guessed) {
	for _, g := range list {
		if len(hs.guessed) < maxGuessed && g.Addr.IsValid() {
			hs.guessed[homeKey{homeOf(g.Addr), witness.FamilyOf(g.Service), g.Account}] = new(g)
		}
	}
}

// Ack ends the alarms that match, and returns them: the operator has seen them. From its next
// log-in an account is at home there, unless it fails again before.
func (hs *Homes) Ack(match func(Guessed) bool) (list []Guessed) {
	for _, g := range hs.Guessed() {
		if match(g) {
			hs.endGuessed(homeKey{homeOf(g.Addr), witness.FamilyOf(g.Service), g.Account})
			list = append(list, g)
		}
	}
	return list
}

// UnsavedAlarms returns the alarms that began or ended, and the ledger does not know it.
// AlarmsSaved says that it does.
func (hs *Homes) UnsavedAlarms() (list []AlarmChange) {
	for _, c := range hs.changedAlarms {
		list = append(list, c)
	}
	return list
}

// AlarmsSaved notes that the ledger knows changes of alarms.
func (hs *Homes) AlarmsSaved(list []AlarmChange) {
	for _, c := range list {
		key := homeKey{homeOf(c.Addr), witness.FamilyOf(c.Service), c.Account}
		if hs.changedAlarms[key] == c {
			delete(hs.changedAlarms, key)
		}
	}
}
