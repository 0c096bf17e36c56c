package jails

import (
	"hash/maphash"
	"time"

	"pbxjail/jails/home"
	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

// trust is what the log itself says for an address: that a challenge which was answered
// had been sent to it. Owned by one Judge.
type trust struct {
	nonces recent.Map[uint64, recent.Addr] // whom each challenge was sent to, by its hash
}

const maxNonces = 65_536

func newTrust() trust {
	return trust{nonces: recent.Map[uint64, recent.Addr]{Max: maxNonces}}
}

// learn takes what a signal says for its address.
func (j *Judge) learn(e *parsers.Event, now time.Time, decide func(Verdict)) {
	switch {
	case e.Result != parsers.Signal || !e.Addr.IsValid():
	case e.Kind == parsers.Challenge && !e.Challenge.Empty():
		j.trust.nonces.Put(j.nonce(e), recent.Addr(e.Addr.As16()))
	case e.Authenticated():
		if j.Home.Welcome(e, now, func(a home.Alarm) { decide(verdictOf(a, now)) }) {
			j.forgive(e.Addr, home.AccountName(e.Account.Raw()), now)
		}
	}
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
	if to, ok := j.trust.nonces.Get(j.nonce(e)); ok && to == recent.Addr(e.Addr.As16()) {
		e.Evidence = parsers.Seen
	}
}

func (j *Judge) nonce(e *parsers.Event) uint64 { return maphash.Bytes(j.seed, e.Challenge.Raw()) }
