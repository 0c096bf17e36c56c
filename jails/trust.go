package jails

import (
	"hash/maphash"
	"time"

	"pbxjail/jails/home"
	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

// trust knows from the log which challenge was sent to which address. Owned by one Judge.
type trust struct {
	nonces recent.Set // each challenge with the address it was sent to, as a hash
}

// maxNonces is how many challenges are remembered at least. A phone answers within a moment;
// the sensor on the wire reports 4,000 challenges a second at most. The number is the most
// that 16,384 places are for.
const maxNonces = 12_288

func newTrust() trust {
	return trust{nonces: recent.Set{Max: maxNonces}}
}

// learn notes what a signal proves for its address.
func (j *Judge) learn(e *parsers.Event, now time.Time, decide func(Verdict)) {
	switch {
	case e.Result != parsers.Signal || !e.Addr.IsValid():
	case e.Kind == parsers.Challenge && !e.Challenge.Empty():
		j.trust.nonces.Add(j.nonce(e))
	case e.Authenticated():
		if j.Home.Welcome(e, now, func(a home.Alarm) { decide(verdictOf(a, now)) }) {
			j.forgive(e.Addr, home.AccountName(e.Account.Raw()), now)
		}
	}
}

// answered raises the evidence of a wrong password of chan_sip to seen, when the challenge
// was sent to the address that answered it. That is no proof: a sender that puts an address
// into Via maddr gets the challenge itself. But no other record reports an INVITE that
// fails, and without a challenge the record is not believed at all. PJSIP writes no
// challenge (res_pjsip/security_events.c compares the scheme by case).
func (j *Judge) answered(e *parsers.Event) {
	if e.Kind != parsers.BadPassword || e.Channel != parsers.ChannelSecurity || e.Challenge.Empty() || e.Evidence >= parsers.Seen {
		return
	}
	if j.trust.nonces.Has(j.nonce(e)) {
		e.Evidence = parsers.Seen
	}
}

// nonce is a hash of an event's challenge and address.
func (j *Judge) nonce(e *parsers.Event) uint64 {
	var h maphash.Hash
	h.SetSeed(j.seed)
	a := e.Addr.As16()
	h.Write(a[:])
	h.Write(e.Challenge.Raw())
	return h.Sum64()
}
