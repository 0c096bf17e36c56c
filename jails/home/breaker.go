package home

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// breaker notices that many accounts that usually log in fail at the same time. Then
// something on the PBX is broken, such as a database or a new set of passwords, and
// failures prove nothing. No failure is charged until that ends. Owned by one Judge.
//
// Only addresses count where an account is at home that fails, and none has logged in since
// it began to. As many different accounts must fail, so that an attacker with one account
// and many addresses cannot trip it. And the addresses that fail must be at least as many
// as those where log-ins still work.
type breaker struct {
	failing map[*homeRow]bool
	working []*site // where log-ins worked within breakerFresh, and some that are older
	weighed time.Time
	last    netip.Addr // that took part when they were last weighed
	since   time.Time  // zero: it does not hold
	counts  [2]int     // addresses that fail, and that work, when they were last weighed
}

const (
	// breakerLeast is how many addresses, and accounts, must fail at once.
	breakerLeast = 5
	// breakerWithin is how long ago the first of those failures may be: a phone that fails
	// for longer has an old password.
	breakerWithin = 30 * time.Minute
	// breakerFresh is how long a failure, or a log-in, counts.
	breakerFresh = 10 * time.Minute
	breakerEvery = time.Second
	// breakerMost is how long failures are not charged while others log in: then it is no
	// database that is broken.
	breakerMost = time.Hour
	mostWorking = 16_384
	mostFailing = 16_384
)

func newBreaker() breaker {
	return breaker{failing: map[*homeRow]bool{}}
}

// holds reports whether failures are not charged.
func (b *breaker) holds() bool { return !b.since.IsZero() }

// fail notes a failure of an account at home.
func (r *homeRow) fail(now time.Time) {
	r.failed = now.UnixMilli()
	if r.failing == 0 {
		r.failing = r.failed
	}
}

func (b *breaker) fails(r *homeRow) {
	if len(b.failing) < mostFailing {
		b.failing[r] = true
	}
}

// fine notes a log-in.
func (b *breaker) fine(s *site, now time.Time) {
	if s.working == 0 {
		if len(b.working) >= mostWorking {
			return
		}
		b.working = append(b.working, s)
	}
	s.working = max(now.UnixMilli(), 1)
}

// forgetWorking forgets the sites without a log-in since a time, in unix ms.
func (hs *Homes) forgetWorking(since int64) {
	b := &hs.breaker
	b.working = slices.DeleteFunc(b.working, func(s *site) bool {
		if s.working >= since {
			return false
		}
		s.working = 0
		hs.table.leave(s)
		return true
	})
}

// weighBreaker looks whether the breaker must begin or end to hold. alarm is called
// for both; a is an address that takes part.
func (hs *Homes) weighBreaker(a netip.Addr, now time.Time, alarm func(Alarm)) {
	b := &hs.breaker
	if gone := now.Sub(b.weighed); gone < breakerEvery && gone > -time.Hour { // a clock may go back
		return
	}
	b.weighed, b.last = now, a
	if len(b.failing) == 0 && !b.holds() && len(b.working) < mostWorking/2 {
		return // no account fails: it does not matter how many log in
	}
	failing, working := hs.countBreaker(now)
	b.counts = [2]int{failing, working}
	broken := failing >= breakerLeast && failing >= working
	if b.holds() && now.Sub(b.since) > breakerMost && working > 0 {
		broken = false
	}
	reason := ""
	switch {
	case broken && !b.holds():
		b.since = now
		reason = b.reason()
	case !broken && b.holds():
		reason = fmt.Sprintf("most known phones can log in again: wrong passwords lead to bans again, after a pause of %s", agoWords(b.since, now))
		b.since = time.Time{}
		clear(b.failing)
	default:
		return
	}
	alarm(Alarm{"breaker", a, reason})
}

// Failing reports whether many who log in fail at once: Tick is called while it does.
func (hs *Homes) Failing() bool { return hs.breaker.holds() }

// Tick checks whether they still do.
func (hs *Homes) Tick(now time.Time, alarm func(Alarm)) {
	hs.weighBreaker(hs.breaker.last, now, alarm)
}

func (b *breaker) reason() string {
	return fmt.Sprintf("log-ins fail at %d of %d addresses of known phones at the same time. Asterisk is probably the cause, not an attack. No address is banned for a wrong password until most of these phones can log in again",
		b.counts[0], b.counts[0]+b.counts[1])
}

// countBreaker says how many addresses began to fail at once, but no more than accounts did, and
// how many others log in.
func (hs *Homes) countBreaker(now time.Time) (failing, working int) {
	b := &hs.breaker
	at := now.UnixMilli()
	began := at - breakerWithin.Milliseconds()
	if b.holds() {
		began = min(began, b.since.Add(-breakerWithin).UnixMilli())
	}
	recently := at - breakerFresh.Milliseconds()
	hs.forgetWorking(recently)
	addrs, accounts := map[netip.Addr]bool{}, map[string]bool{}
	for r := range b.failing {
		if r.failing == 0 || r.failed < recently || r.failing < began {
			delete(b.failing, r)
			continue
		}
		if s := hs.table.site(r.Addr); s != nil && s.working >= r.failing {
			continue
		}
		addrs[r.Addr], accounts[r.Account] = true, true
	}
	for _, s := range b.working {
		if !addrs[s.addr] {
			working++
		}
	}
	return min(len(addrs), len(accounts)), working
}

// Broken says since when failures lead to no ban because many at home fail at once, and
// why; the zero time when they do.
func (hs *Homes) Broken() (since time.Time, why string) {
	b := &hs.breaker
	if !b.holds() {
		return time.Time{}, ""
	}
	return b.since, b.reason()
}
