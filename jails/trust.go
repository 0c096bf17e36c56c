package jails

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"time"

	"pbxjail/configs/show"
	"pbxjail/parsers"
)

// trust is what the log itself says for an address: that it logged in with a
// password, or that a challenge which was answered had been sent to it. Owned by
// one Judge.
type trust struct {
	logins loginTable
	nonces recent[uint64, addrKey] // whom each challenge was sent to, by its hash
}

const maxNonces = 65_536

func newTrust() trust {
	return trust{logins: newLoginTable(), nonces: recent[uint64, addrKey]{max: maxNonces}}
}

// learn takes what a signal says for its address. A login that follows on a storm
// of failures says nothing for it: the password may have been guessed, and decide
// is told so.
func (j *Judge) learn(e *parsers.Event, now time.Time, decide func(Verdict)) {
	if e.Result != parsers.Signal || !e.Addr.IsValid() {
		return
	}
	key := addrKey(e.Addr.As16())
	switch {
	case e.Kind == parsers.Challenge && !e.Challenge.Empty():
		j.trust.nonces.put(j.nonce(e), key)
	case e.Kind == parsers.Success && e.Password:
		if jail, score := j.storm(e.Addr, now); jail != nil {
			p := netip.PrefixFrom(e.Addr, e.Addr.BitLen())
			reason := fmt.Sprintf("%s points in jail %s, and then a login: was the password guessed?", score, jail.Name)
			decide(Verdict{Ban: Ban{Prefix: p, Jail: jail.Name, Since: now.UTC(), Reason: reason}, Alarm: true})
			return
		}
		j.trust.logins.put(key, e.Service, now.UnixMilli())
		j.forgive(e.Addr, now)
	}
}

// forgive ends what a long window holds against an address that has logged in:
// what is within findtime still counts.
func (j *Judge) forgive(a netip.Addr, now time.Time) {
	for _, jail := range j.jails {
		if jail.span.slow == 0 {
			continue
		}
		if t := j.table.find(keyOf(a, jail.memory.id), jail.span, now.UnixMilli()); t != nil {
			t.prune(jail.span.find, now.UnixMilli())
		}
	}
}

// storm finds a jail in which the address is more than half way to a ban, or held already.
func (j *Judge) storm(a netip.Addr, now time.Time) (*Jail, parsers.Points) {
	for _, jail := range j.jails {
		if t := j.table.find(keyOf(a, jail.memory.id), jail.span, now.UnixMilli()); t != nil {
			b := t.strongest(now.UnixMilli(), jail.span.find, jail.least, false)
			if 2*b.score > parsers.Points(jail.Maxretry) {
				return jail, b.score
			}
		}
	}
	if b, ok := j.book.Holding(a, now); ok {
		if jail := j.Jail(b.Jail); jail != nil {
			return jail, parsers.Points(jail.Maxretry)
		}
	}
	return nil, 0
}

// answered raises the evidence of a wrong password of chan_sip whose challenge had
// been sent to the very address that answered it. That proves nothing: who puts an
// address into Via maddr reads the challenge himself. But an INVITE that fails is
// told in no other record, and a sender who never asks is not believed at all. PJSIP
// writes no challenge (res_pjsip/security_events.c compares the scheme by case).
func (j *Judge) answered(e *parsers.Event) {
	if e.Kind != parsers.BadPassword || e.Channel != parsers.ChannelSecurity || e.Challenge.Empty() || e.Evidence >= parsers.Seen {
		return
	}
	if to, ok := j.trust.nonces.get(j.nonce(e)); ok && to == addrKey(e.Addr.As16()) {
		e.Evidence = parsers.Seen
	}
}

func (j *Judge) nonce(e *parsers.Event) uint64 { return maphash.Bytes(j.seed, e.Challenge.Raw()) }

// loggedIn says when an address last logged in, or one of a network, when that
// protects it still.
func (j *Judge) loggedIn(p netip.Prefix, now time.Time) (why string, ok bool) {
	if p.IsSingleIP() {
		key := addrKey(p.Addr().As16())
		e, ok := j.trust.logins.get(key)
		if !ok || j.thief(key, now) {
			return "", false
		}
		return j.protectsLogin("", e.last, now)
	}
	for key, e := range j.trust.logins.each {
		if a := key.address(); p.Contains(a) && !j.thief(key, now) {
			if why, ok := j.protectsLogin(a.String()+" ", e.last, now); ok {
				return why, true
			}
		}
	}
	return "", false
}

// logsIn reports whether a log-in of an address protects it.
func (j *Judge) logsIn(a netip.Addr, now time.Time) bool {
	_, ok := j.loggedIn(netip.PrefixFrom(a, a.BitLen()), now)
	return ok
}

func (j *Judge) protectsLogin(who string, at int64, now time.Time) (why string, ok bool) {
	ago := now.Sub(time.UnixMilli(at))
	if ago > j.ProtectLogins && j.ProtectLogins != Forever {
		return "", false
	}
	return who + "logged in with a password " + show.Duration(max(ago, time.Second).Round(time.Second)) + " before", true
}
