package sensor

import (
	"time"

	"pbxjail/parsers"
	"pbxjail/parsers/sip"
)

// maxOpen is how many challenges of one address are waited for: a flood of one
// sender must not push out the others.
const maxOpen = 64

// openChallenge begins to wait for the answer to a challenge.
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

// patience is how long phones, however many, may take for their first answer.
const patience = 2 * time.Second

// flood charges an address with so many open challenges at once that no number of
// phones behind it could have: they answer within a moment.
func (s *Sensor) flood(f *flow, x *tx, p *peer) {
	const much = 5 * parsers.Point
	if f.time.UnixNano()-p.openSince < int64(patience) || p.loggedIn(f.time.Unix()) {
		return
	}
	p.openSince = f.time.UnixNano() + int64(lifetime) // once is enough for a while
	e := s.begin(f, x, parsers.Offence, parsers.Rate, "wire sip flood")
	e.Points = much
	s.finish(f, x, "64 challenges at once, and it answers none")
}

// quietFor is how long a log-in says that an address is not silent: a line that loses
// packets must not cost a phone its account.
const quietFor = 2 * 3600

// isQuiet reports whether somebody known may leave a challenge open: what we call
// ourselves, and accounts that logged in from there.
func (s *Sensor) isQuiet(x *tx, at int64) bool {
	p := s.peers.find(x.remote.Addr())
	if p == nil {
		return false
	}
	return p.isOurs(at) || p.login != 0 && at-int64(p.login) < quietFor && (!x.creds || p.accounts&s.accountBit(x) != 0)
}

// mayHaveMissed reports whether the answer may have come while packets were missed. A
// flood can cause that, so an address that leaves many challenges open is still charged.
func (s *Sensor) mayHaveMissed(x *tx) bool {
	const many = 8
	at := time.Unix(0, x.at).Unix()
	p := s.peers.find(x.remote.Addr())
	return (p == nil || p.open < many) && s.gaps.within(at, at+int64(lifetime/time.Second))
}

// expire ends the transaction in a slot, and charges a challenge without an answer.
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

// longEnough is how long a challenge is open before its end says something: one that
// has to make room earlier says nothing. A phone answers within a moment, and asks again
// after half a second, one, two and four where a packet is lost (RFC 3261 17.1.2.2,
// timer E); a flood of strangers must not hide who never answers.
const longEnough = 8 * time.Second

// maxOfCall is how many challenges of one call count: as many as make a ban.
const maxOfCall = 5

func (s *Sensor) unanswered(x *tx, now time.Time, emit func(*parsers.Event)) {
	if now.UnixNano()-x.at < int64(longEnough) { // it had to make room
		return
	}
	if s.isQuiet(x, now.Unix()) || s.mayHaveMissed(x) {
		return
	}
	f := flow{time: now, emit: emit}
	if x.creds {
		e := s.begin(&f, x, parsers.Offence, parsers.BadPassword, "wire sip bad password")
		e.Points = parsers.Point
		s.finish(&f, x, "it used a challenge that is over, and did not answer the new one")
		return
	}
	e := s.begin(&f, x, parsers.Offence, parsers.Unanswered, "wire unanswered challenge")
	e.Service = parsers.Other // as of the challenges that logs tell of
	e.Points = parsers.Point * parsers.Points(min(x.challenges, maxOfCall))
	why := "it did not answer our challenge within 32 seconds"
	if x.challenges > 1 {
		why = "it did not answer several challenges of one call within 32 seconds"
	}
	s.finish(&f, x, why)
}
