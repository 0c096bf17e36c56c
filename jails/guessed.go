package jails

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// Guessed is an alarm: an account logged in where it was not at home, after failures of
// the same account there. Until somebody has seen it (Ack) the account is not at home
// there.
type Guessed struct {
	Account string // as Asterisk knows it; may hold any byte
	Addr    netip.Addr
	Service parsers.Service
	Guesses int       // failures before the log-in
	At      time.Time // of the log-in
}

// String tells people of it; the account is escaped.
func (g Guessed) String() string {
	return fmt.Sprintf("the password of %s may be guessed: it logged in from %s after %s there",
		show.Escaped(g.Account), g.Addr, show.Count(g.Guesses, "failure"))
}

// tries are failures of an account at an address where it is not at home.
type tries struct {
	tellings
	last   int64  // unix ms
	digest uint64 // of the last one on the wire
}

// tellings count what several witnesses tell of the same: as much as one of them tells.
type tellings struct {
	by [claims]witness
	n  [claims]uint16
}

// add counts what a witness tells. One more than it knows is not counted.
func (t *tellings) add(w witness) {
	for i := range t.n {
		if t.n[i] == 0 || t.by[i] == w {
			t.by[i], t.n[i] = w, min(t.n[i]+1, mostAttempts)
			return
		}
	}
}

// count is what the witness tells that tells most.
func (t *tellings) count() int { return int(slices.Max(t.n[:])) }

const (
	maxTries = 16_384
	// mayGuess is how many failures before a first log-in make it an alarm.
	mayGuess = 5
	// triesKept is how long after the last failure the others are forgotten.
	triesKept  = 7 * 24 * time.Hour
	maxGuessed = 1024
)

// alarmsToTell are changes of alarms that the ledger does not know: true is a new one,
// false one that was seen.
type alarmsToTell map[homeKey]AlarmChange

// AlarmChange is an alarm for the ledger. Seen: it is over.
type AlarmChange struct {
	Guessed
	Seen bool
}

// try counts a failure of an account that is not at home there.
func (j *Judge) try(s *Source, e *parsers.Event, now time.Time) {
	f, account := familyOf[e.Service], accountName(e.Account.Raw())
	if f == noFamily || len(account) == 0 || !e.Addr.IsValid() {
		return
	}
	key := homeKey{homeOf(e.Addr), f, string(account)}
	t, _ := j.home.tries.get(key)
	if now.UnixMilli()-t.last > triesKept.Milliseconds() {
		t = tries{}
	}
	t.last = now.UnixMilli()
	if e.Digest != 0 && e.Digest == t.digest {
		return // the same answer again is no other guess
	}
	if e.Digest != 0 {
		t.digest = e.Digest
	}
	t.add(witness{s.id, e.Channel, e.Service})
	j.home.tries.put(key, t)
}

// mayBeGuessed reports whether a log-in of an account that is not at home there says
// nothing for it, because its password may be guessed.
func (j *Judge) mayBeGuessed(e *parsers.Event, key homeKey, now time.Time, decide func(Verdict)) bool {
	if j.home.guessed[key] != nil {
		return true
	}
	t, _ := j.home.tries.get(key)
	if t.count() < mayGuess || now.UnixMilli()-t.last > triesKept.Milliseconds() {
		return false
	}
	if len(j.home.guessed) >= maxGuessed {
		j.dropOldestGuessed()
	}
	g := Guessed{Account: key.account, Addr: e.Addr, Service: e.Service, Guesses: t.count(), At: now.UTC()}
	j.home.guessed[key] = &g
	j.home.told[key] = AlarmChange{Guessed: g}
	p := netip.PrefixFrom(e.Addr, e.Addr.BitLen())
	reason := g.String() + "; when that was you, or after a new password: jailctl ack " + g.Addr.String()
	decide(Verdict{Ban: book.Ban{Prefix: p, Jail: "guessed", Since: now.UTC(), Reason: reason}, Alarm: true, Rare: true})
	return true
}

func (j *Judge) dropOldestGuessed() {
	var oldest homeKey
	var at time.Time
	for key, g := range j.home.guessed {
		if at.IsZero() || g.At.Before(at) {
			oldest, at = key, g.At
		}
	}
	j.endGuessed(oldest)
}

func (j *Judge) endGuessed(key homeKey) {
	j.home.told[key] = AlarmChange{Guessed: *j.home.guessed[key], Seen: true}
	delete(j.home.guessed, key)
	j.home.tries.put(key, tries{})
}

// Guessed lists the alarms that nobody has seen yet, oldest first.
func (j *Judge) Guessed() (list []Guessed) {
	for _, g := range j.home.guessed {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(x, y Guessed) int {
		return cmp.Or(x.At.Compare(y.At), x.Addr.Compare(y.Addr), cmp.Compare(x.Account, y.Account))
	})
	return list
}

// LoadGuessed takes over the alarms that a ledger keeps.
func (j *Judge) LoadGuessed(list []Guessed) {
	for _, g := range list {
		if len(j.home.guessed) < maxGuessed && g.Addr.IsValid() {
			j.home.guessed[homeKey{homeOf(g.Addr), familyOf[g.Service], g.Account}] = new(g)
		}
	}
}

// Ack ends the alarms that match, and returns them: somebody has seen them. From its next
// log-in an account is at home there, unless it fails again before.
func (j *Judge) Ack(match func(Guessed) bool) (list []Guessed) {
	for _, g := range j.Guessed() {
		if match(g) {
			j.endGuessed(homeKey{homeOf(g.Addr), familyOf[g.Service], g.Account})
			list = append(list, g)
		}
	}
	return list
}

// UnsavedAlarms returns the alarms that began or ended, and the ledger does not know it.
// AlarmsSaved says that it does.
func (j *Judge) UnsavedAlarms() (list []AlarmChange) {
	for _, c := range j.home.told {
		list = append(list, c)
	}
	return list
}

// AlarmsSaved notes that the ledger knows changes of alarms.
func (j *Judge) AlarmsSaved(list []AlarmChange) {
	for _, c := range list {
		key := homeKey{homeOf(c.Addr), familyOf[c.Service], c.Account}
		if j.home.told[key] == c {
			delete(j.home.told, key)
		}
	}
}
