package jails

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"time"

	"pbxjail/parsers"
)

// homes is what the wire says for and against an address: which accounts logged in
// from it, how many passwords of other accounts it guessed, and that it answered a
// challenge at all. Owned by one Judge; bounded. It forgets with the daemon.
type homes struct {
	accounts recent[addrKey, household]
	guesses  recent[addrKey, guesses]
	proven   recent[addrKey, int64] // when, unix ms
}

// household are the accounts that logged in from an address, by their hashes, the
// latest of them.
type household struct {
	members [16]uint32
	next    uint8
}

// guesses are wrong passwords of accounts that never logged in from an address. One
// is forgotten every guessForgotten.
type guesses struct {
	level float64
	at    time.Time // of the last one
	told  time.Time // when the admin was told
}

const (
	maxHomes = 16_384
	// strangers is how many wrong passwords of other accounts a log-in excuses: an
	// office sets up a new phone. Each guessForgotten takes one off.
	strangers      = 20
	guessForgotten = 30 * time.Second
	guessesTold    = time.Hour
	// provenFor is how long it counts that an address answered a challenge.
	provenFor = 24 * time.Hour
)

func newHomes() homes {
	return homes{
		accounts: recent[addrKey, household]{max: maxHomes}, guesses: recent[addrKey, guesses]{max: maxHomes},
		proven: recent[addrKey, int64]{max: maxHomes},
	}
}

// meet takes what an event of the wire says for its address, or against it. decide is
// told once when the address guesses more than its log-ins excuse.
func (j *Judge) meet(e *parsers.Event, now time.Time, decide func(Verdict)) {
	if !e.Addr.IsValid() {
		return
	}
	key := addrKey(e.Addr.As16())
	if e.Evidence == parsers.Proven {
		j.homes.proven.put(key, now.UnixMilli())
	}
	account := uint32(maphash.Bytes(j.seed, e.Account.Raw()))
	switch {
	case e.Kind == parsers.Success && e.Password:
		h, _ := j.homes.accounts.get(key)
		if h.add(account) {
			j.homes.accounts.put(key, h)
		}
	case e.Kind == parsers.BadPassword && e.Result == parsers.Offence && e.Evidence == parsers.Proven:
		h, ok := j.homes.accounts.get(key)
		if !ok || h.has(account) {
			return
		}
		g, _ := j.homes.guesses.get(key)
		g.level, g.at = g.now(now)+1, now
		told := g.level <= strangers || !g.told.IsZero() && now.Sub(g.told).Abs() < guessesTold
		if !told {
			g.told = now
		}
		j.homes.guesses.put(key, g)
		if !told {
			p := netip.PrefixFrom(e.Addr, e.Addr.BitLen())
			reason := fmt.Sprintf("it logged in, and guesses passwords of other accounts, %s the last: its log-ins do not protect it any more", e.Account)
			decide(Verdict{Ban: Ban{Prefix: p, Jail: "guessing", Since: now.UTC(), Reason: reason}, Alarm: true})
		}
	}
}

func (h *household) has(account uint32) bool {
	for _, m := range h.members {
		if m == account && m != 0 {
			return true
		}
	}
	return false
}

// add reports whether the account is new.
func (h *household) add(account uint32) bool {
	if h.has(account) {
		return false
	}
	h.members[h.next%uint8(len(h.members))] = account
	h.next++
	return true
}

// now is the level at a time.
func (g guesses) now(at time.Time) float64 {
	return max(0, g.level-max(0, at.Sub(g.at).Seconds()/guessForgotten.Seconds()))
}

// thief reports whether an address guesses more passwords of others than its log-ins
// excuse.
func (j *Judge) thief(key addrKey, now time.Time) bool {
	g, ok := j.homes.guesses.get(key)
	return ok && g.now(now) > strangers
}

// proved reports whether an address answered a challenge of late.
func (j *Judge) proved(a netip.Addr, now time.Time) bool {
	at, ok := j.homes.proven.get(addrKey(a.As16()))
	return ok && now.Sub(time.UnixMilli(at)).Abs() < provenFor
}
