package sensor

import (
	"pbxjail/parsers"
	"pbxjail/parsers/sip"
)

// weAnswer judges our answer to a request of a remote address. Only the first final answer
// counts; later ones are the same answer, sent again.
func (s *Sensor) weAnswer(f *flow, m *sip.Message) {
	x := s.find(f, m)
	if x == nil || x.done {
		return
	}
	if f.remote.Addr() != x.remote.Addr() { // the Via header of the request named another address
		from := *f
		from.remote, from.elsewhere = x.remote, true
		f = &from
	}
	if len(m.ToTag) > 0 && m.Status > 100 {
		f.port.service = stackOf(m)
	}
	x.status = m.Status
	if m.Status < 200 {
		x.trying = true
		x.ringing = x.ringing || m.Status > 100
		if x.method == sip.Invite && x.verified {
			s.loggedIn(f, x)
		}
		return
	}
	x.done = true
	s.weigh(f, m, x)
	s.tell(x, f.time, status(m.Status))
}

// weigh makes the event that a final answer leads to, if any.
func (s *Sensor) weigh(f *flow, m *sip.Message, x *tx) {
	p := s.peers.take(f.remote.Addr(), f.time.Unix())
	ok := m.Status < 300
	switch x.method {
	case sip.Bye, sip.Cancel, sip.Prack: // without a call they come from a phone that restarted
		return
	case sip.Invite, sip.Subscribe:
		if ok {
			s.calls.put(x.call)
		}
	}
	guess := x.creds && m.Status == 401 && !m.Stale && f.port.service == parsers.PJSIP
	if x.inside && !guess && (ok || s.calls.holds(x.call) || m.Status == 481 || m.Status == 491) {
		return
	}
	switch {
	case m.Status == 401 || m.Status == 407:
		for _, nonce := range m.AllNonces[:m.Nonces] {
			if f.elsewhere { // the sender did not get this answer, so it does not know the nonce
				break
			}
			h := s.hash(f.remote.Addr(), nonce)
			s.nonces.put(h)
			s.nonces.put(h ^ x.as)
			s.nonces.put(h ^ x.call)
		}
		s.challenged(f, m, x, p)
	case x.mismatch && !ok:
		s.offend(f, x, p, verdict{parsers.Malformed, parsers.Point, always, "wire sip malformed", "CSeq of the request names another method"})
	case x.verified:
		s.afterAnswer(f, m, x, p)
	case x.creds && m.Status == 403 && !x.trying && f.port.service == parsers.SIP: // chan_sip answers a wrong password with 403
		s.badPassword(f, x, p)
	case x.ours && p.loggedIn(f.time.Unix()): // a phone that uses the challenge of another request
	case ok:
		s.letIn(f, x, p)
	default:
		s.refused(f, m, x, p)
	}
}

// challenged judges an answer 401 or 407.
func (s *Sensor) challenged(f *flow, m *sip.Message, x *tx, p *peer) {
	switch {
	case x.method == sip.Options && !x.creds:
		s.options(f, x, p)
	case x.keepAlive && !x.creds:
	case !x.creds:
		s.signal(f, x, parsers.Challenge, m.Nonce, "wire sip challenge", "Asterisk asked for a password")
		s.openChallenge(f, m, x, p)
	case m.Stale:
	case f.port.service == parsers.SIP && !x.sameCall:
		// chan_sip forgets its nonces at the end of the call. For an old nonce it sends the
		// same answer as for a wrong password; an honest phone then answers the new
		// challenge. While a challenge of the call is open, chan_sip compares the password
		// first, and calls a right one stale (asterisk:channels/chan_sip.c, check_auth). So a
		// sender that goes on with wrong answers is guessing.
		if x.again {
			s.badPassword(f, x, p)
		}
		s.openChallenge(f, m, x, p)
	case p.digest == x.digest: // the same guess again; only our new challenge waits for an answer
		s.openChallenge(f, m, x, p)
	default:
		s.badPassword(f, x, p)
	}
}

// badPassword charges a wrong answer to a challenge. The same answer sent again is not another
// guess, and is not charged again.
func (s *Sensor) badPassword(f *flow, x *tx, p *peer) {
	if p.digest == x.digest {
		return
	}
	p.digest = x.digest
	why := "the password was wrong (the answer to Asterisk's challenge)"
	if !x.ours {
		why = "the password was wrong, and the challenge was sent to another address"
	}
	s.offend(f, x, p, verdict{parsers.BadPassword, parsers.Point, always, "wire sip bad password", why})
}

// afterAnswer judges other answers to a request that answered our challenge. Asterisk checks
// the password of such a request, so an answer other than 401, 403 and 407 means that the
// password was right. A request with a password that we did not ask for is judged as if it had
// none.
func (s *Sensor) afterAnswer(f *flow, m *sip.Message, x *tx, p *peer) {
	switch st := m.Status; {
	case st < 300:
		s.loggedIn(f, x)
	case st == 403 && !x.trying && f.port.service == parsers.SIP: // chan_sip answers a wrong password with 403
		s.badPassword(f, x, p)
	case st == 403 && !x.trying:
		s.offend(f, x, p, verdict{parsers.NotAllowed, parsers.Point / 2, again, "wire sip not allowed", "the account may not do that"})
	case x.method == sip.Invite && (st == 404 || st == 484 || st == 604) && !x.ringing:
		s.loggedIn(f, x)
		s.signal(f, x, parsers.UnknownExtension, nil, "wire sip unknown number", "a known account dialled a number that does not exist")
	case st == 404 || st == 423 || st == 480 || st == 486 || st == 487 || st == 489 || x.trying:
		s.loggedIn(f, x)
	}
}

// letIn judges an answer 2xx to a request without a password.
func (s *Sensor) letIn(f *flow, x *tx, p *peer) {
	switch x.method {
	case sip.Options:
		s.options(f, x, p)
	case sip.Invite:
		s.guest(f, x, p)
	case sip.Register:
		s.signal(f, x, parsers.Success, nil, "wire sip registration", "the account registered without a password")
	case sip.Notify, sip.Info, sip.Update:
	default:
		s.offend(f, x, p, verdict{parsers.NotAllowed, parsers.Point, again | target | strangers, "wire sip without an account", "Asterisk accepted the request without an account"})
	}
}

// guest judges an answered call without an account. A call of a provider that Asterisk knows
// by its address looks the same, so one such call charges no address. But a provider does not
// dial the same number with another prefix: an attacker that searches for the prefix does.
func (s *Sensor) guest(f *flow, x *tx, p *peer) {
	number := x.number.bytes()
	const end = 7
	tail := s.hash(f.remote.Addr(), number[max(len(number)-end, 0):])
	whole := s.hash(f.remote.Addr(), number)
	searches := p.tail == tail && p.number != whole && len(number) > end
	p.tail, p.number = tail, whole
	if searches {
		s.offend(f, x, p, verdict{parsers.GuestCall, parsers.Point, strangers, "wire sip guest call", "the sender called without an account, the same number with another prefix"})
		return
	}
	s.signal(f, x, parsers.GuestCall, nil, "wire sip guest call", "the sender called without an account, and the call was answered")
}

// refused judges the refusal of a request without a password.
func (s *Sensor) refused(f *flow, m *sip.Message, x *tx, p *peer) {
	st := m.Status
	if x.method == sip.Invite && st == 481 && !x.inside { // asterisk:res/res_pjsip_session.c, Replaces
		s.offend(f, x, p, verdict{parsers.NotAllowed, parsers.Point, strangers, "wire sip replaces", "the sender has no account, and tried to take over a call that does not exist"})
		return
	}
	switch st {
	case 408, 480, 481, 486, 487, 491, 500, 502, 503, 504, 600, 423:
		if x.method == sip.Options {
			s.options(f, x, p)
		}
		return
	}
	switch {
	case x.method == sip.Options:
		s.options(f, x, p)
	case st == 400 || st == 414 || st == 416 || st == 505 || st == 513:
		s.offend(f, x, p, verdict{parsers.Malformed, parsers.Point, strangers, "wire sip malformed", "Asterisk could not read the packet"})
	case x.method == sip.Register:
		s.offend(f, x, p, verdict{parsers.UnknownAccount, parsers.Point, again, "wire sip unknown account", "no account of this name may register from this address"})
	case x.method == sip.Invite && x.ringing:
	case x.method == sip.Invite && x.trying:
		s.offend(f, x, p, verdict{parsers.GuestCall, parsers.Point, strangers, "wire sip guest call", "the sender called without an account, and the dialplan refused"})
	case x.method == sip.Invite && (st == 404 || st == 484 || st == 604):
		s.offend(f, x, p, verdict{parsers.UnknownExtension, parsers.Point, strangers, "wire sip unknown number", "the sender called without an account, and the number does not exist"})
	case x.method == sip.Invite && (st == 488 || st == 415 || st == 606):
		s.offend(f, x, p, verdict{parsers.NotAllowed, parsers.Point / 2, strangers, "wire sip refused call", "the sender called without an account, with no codec that Asterisk allows"})
	case x.method == sip.Invite:
		s.offend(f, x, p, verdict{parsers.NotAllowed, parsers.Point, strangers, "wire sip refused call", "the sender called without an account, and Asterisk refused"})
	case x.keepAlive:
	default:
		s.offend(f, x, p, verdict{parsers.NotAllowed, parsers.Point, again | target | strangers, "wire sip refused request", "the sender has no account, and Asterisk refused the request"})
	}
}

// freeTargets is how many different numbers and users an address may ask for with OPTIONS. A
// monitor asks again and again, but always for the same few.
const freeTargets = 3

// manyOptions is how many OPTIONS within a minute are too many for a monitor, which asks once a
// second at most.
const manyOptions = 200

// options judges an OPTIONS without an account, whatever the answer was. A sender that asks for
// one number after another searches for those that exist.
func (s *Sensor) options(f *flow, x *tx, p *peer) {
	n := p.asks(s.hash(f.remote.Addr(), x.number.bytes(), x.account.bytes()), f.time.Unix())
	if n > freeTargets {
		s.offend(f, x, p, verdict{parsers.Scan, parsers.Point, strangers, "wire sip options scan", "the sender asks for one number after another"})
	}
	if p.pings++; f.time.Unix()-int64(p.pingsSince) >= 60 {
		p.pings, p.pingsSince = 1, uint32(f.time.Unix())
	} else if p.pings == manyOptions {
		s.offend(f, x, p, verdict{parsers.Rate, 5 * parsers.Point, strangers, "wire sip options flood", "the sender asked 200 times within a minute"})
	}
}

// loggedIn reports a log-in with a password, once for each transaction.
func (s *Sensor) loggedIn(f *flow, x *tx) {
	if x.in {
		return
	}
	x.in = true
	p := s.peers.take(f.remote.Addr(), f.time.Unix())
	p.login = uint32(f.time.Unix())
	p.accounts |= s.accountBit(x)
	s.agents.loggedIn(x)
	s.signal(f, x, parsers.Success, nil, "wire sip log-in", "the account logged in with a password")
}

// accountBit is one of 64 bits for the name of an account, so that a number holds a set of
// accounts. Two accounts may have the same bit.
func (s *Sensor) accountBit(x *tx) uint64 {
	return 1 << (s.hash(x.remote.Addr(), x.account.bytes()) & 63)
}
