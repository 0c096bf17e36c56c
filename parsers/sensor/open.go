package sensor

import (
	"time"

	"pbxjail/parsers"
	"pbxjail/parsers/sip"
)

// maxOpen is how many open challenges of one address are remembered. With this limit a flood
// from one sender cannot push out the challenges of the others.
const maxOpen = 64

// openChallenge remembers that a challenge waits for its answer.
func (s *Sensor) openChallenge(f *flow, m *sip.Message, x *tx, p *peer) {
	if p.open >= maxOpen {
		s.flood(f, x, p)
		return
	}
	if !s.txs.open(x, x.call, s.hash(f.remote.Addr(), m.Nonce)) {
		return
	}
	if p.open == 0 {
		p.openSince = f.time.UnixNano()
	}
	p.open++
}

// answerTime is how long phones need at most for their first answer, however many there are.
const answerTime = 2 * time.Second

// flood charges an address that has maxOpen open challenges. Phones cannot cause that, even if
// many are behind one address, because each answers within a moment.
func (s *Sensor) flood(f *flow, x *tx, p *peer) {
	const floodPoints = 5 * parsers.Point
	if f.time.UnixNano()-p.openSince < int64(answerTime) || p.loggedIn(f.time.Unix()) {
		return
	}
	p.openSince = f.time.UnixNano() + int64(lifetime) // charge it once in that time
	e := s.begin(f, x, parsers.Offence, parsers.Rate, "wire sip flood")
	e.Points = floodPoints
	s.finish(f, x, "64 challenges wait at once, and the sender answers none")
}

// excusedFor is how long after a log-in an open challenge is not charged to the address: a
// connection that loses packets must not lead to a ban of a phone.
const excusedFor = 2 * 3600

// isExcused reports whether an open challenge is not charged, because the sender is known: the
// PBX sends requests to it and gets answers, or this account logged in from there.
func (s *Sensor) isExcused(x *tx, at int64) bool {
	p := s.peers.find(x.remote.Addr())
	if p == nil {
		return false
	}
	return p.isOurs(at) || p.login != 0 && at-int64(p.login) < excusedFor && (!x.creds || p.accounts&s.accountBit(x) != 0)
}

// mayHaveMissed reports whether the answer may have come while the sensor missed packets. An
// attacker can cause that with a flood, so an address with many open challenges has no such
// excuse.
func (s *Sensor) mayHaveMissed(x *tx) bool {
	const many = 8 // open challenges
	at := time.Unix(0, x.at).Unix()
	p := s.peers.find(x.remote.Addr())
	return (p == nil || p.open < many) && s.gaps.within(at, at+int64(lifetime/time.Second))
}

// expire ends the transaction in slot i. If it waits for the answer to a challenge, the
// sender is charged.
func (s *Sensor) expire(i int32, now time.Time, emit func(*parsers.Event)) {
	x := &s.txs.slots[i]
	if !x.done {
		s.tell(x, now, "no answer")
	}
	if x.challenge != 0 {
		s.unanswered(x, now, emit)
		s.answered(i)
	}
	s.txs.drop(i)
}

// longEnough is how long a challenge must be open before a missing answer counts. When there is
// no room, a challenge is removed earlier, and then a missing answer means nothing. A phone
// answers within a moment; after a lost packet it asks again after 0.5, 1, 2 and 4 seconds (RFC
// 3261 17.1.2.2, timer E). So 8 seconds are enough, and with this limit a flood from other
// addresses cannot hide an address that never answers.
const longEnough = 8 * time.Second

// maxOfCall is how many challenges of one call count at most. They are enough for a ban.
const maxOfCall = 5

func (s *Sensor) unanswered(x *tx, now time.Time, emit func(*parsers.Event)) {
	if now.UnixNano()-x.at < int64(longEnough) { // it was removed early to make room
		return
	}
	if s.isExcused(x, now.Unix()) || s.mayHaveMissed(x) {
		return
	}
	f := flow{time: now, emit: emit}
	if x.creds {
		e := s.begin(&f, x, parsers.Offence, parsers.BadPassword, "wire sip bad password")
		e.Points = parsers.Point
		s.finish(&f, x, "the sender used an old challenge, and did not answer the new one")
		return
	}
	e := s.begin(&f, x, parsers.Offence, parsers.Unanswered, "wire unanswered challenge")
	e.Service = parsers.Other // as for unanswered challenges in logs
	e.Points = parsers.Point * parsers.Points(min(x.challenges, maxOfCall))
	why := "the sender did not answer Asterisk's challenge within 32 seconds"
	if x.challenges > 1 {
		why = "the sender did not answer several challenges of one call within 32 seconds"
	}
	s.finish(&f, x, why)
}
