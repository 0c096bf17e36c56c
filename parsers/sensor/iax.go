package sensor

import (
	"bytes"

	"pbxjail/parsers"
	"pbxjail/parsers/iax"
)

// iax reads one datagram of an IAX2 port. A transaction is a call number of theirs,
// from its NEW or REGREQ to our ACCEPT, REJECT, REGACK or REGREJ.
func (s *Sensor) iax(f *flow, b []byte) {
	var m iax.Frame
	switch iax.Read(b, &m) {
	case iax.Broken:
		if !f.out && len(b) > 0 {
			s.brokenIAX(f, len(b))
		}
	case iax.Control:
		if f.out {
			s.iaxAnswer(f, &m)
		} else {
			s.iaxAsk(f, &m)
		}
	}
}

// iaxKey names a call by their address, port and number.
func (s *Sensor) iaxKey(f *flow, number uint16) uint64 {
	port := f.remote.Port()
	return s.hash(f.remote.Addr(), []byte{byte(port), byte(port >> 8), byte(number), byte(number >> 8), 'x'})
}

func (s *Sensor) iaxAsk(f *flow, m *iax.Frame) {
	key := s.iaxKey(f, m.Source)
	x := s.txs.find(key)
	switch m.Subclass {
	case iax.New, iax.RegReq, iax.RegRel:
		if x != nil && x.done && m.Dest == 0 && !m.Retry { // the number is used again
			s.txs.drop(s.txs.slot(x))
			x = nil
		}
		if x == nil {
			x = s.newTx(f, key)
			x.word = "IAX2 call"
			if m.Subclass != iax.New {
				x.word = "IAX2 registration"
			}
			x.account.set(m.User)
			x.number.set(m.Number)
		}
		x.ours = x.ours || len(m.Token) > 0 // Asterisk answers such a frame only where the token is right
		if len(m.Answer) > 0 {
			s.iaxCredentials(f, x, m)
		}
	case iax.AuthRep:
		if x != nil {
			s.iaxCredentials(f, x, m)
		}
	}
}

// iaxCredentials notes the answer to our challenge: both call numbers stand in its
// frame, and ours was sent there alone.
func (s *Sensor) iaxCredentials(f *flow, x *tx, m *iax.Frame) {
	if x.challenge != 0 {
		s.answered(s.txs.slot(x))
		x.ours, x.verified = true, true
	}
	x.creds, x.digest = true, s.hash(f.remote.Addr(), m.Answer)
}

func (s *Sensor) iaxAnswer(f *flow, m *iax.Frame) {
	x := s.txs.find(s.iaxKey(f, m.Dest))
	if x == nil || x.done {
		return
	}
	p := s.peers.take(f.remote.Addr(), f.time.Unix())
	answer := ""
	switch m.Subclass {
	case iax.AuthReq, iax.RegAuth:
		if x.challenge == 0 && !x.creds {
			s.signal(f, x, parsers.Challenge, m.Nonce, "wire iax challenge", "Asterisk asked for a password")
			if p.open < maxOpen && s.txs.open(x, x.key+1, x.key+2) {
				p.open++
			}
		}
		return
	case iax.CallToken: // the call comes again, with the token
		s.txs.drop(s.txs.slot(x))
		return
	case iax.Accept, iax.RegAck:
		answer = "accepted"
		s.iaxAccepted(f, x, p, m.Subclass == iax.RegAck)
	case iax.Reject, iax.RegRej:
		answer = "refused"
		s.iaxRefused(f, x, p, m)
	default:
		return
	}
	x.done = true
	if x.challenge != 0 {
		s.answered(s.txs.slot(x))
	}
	s.tell(x, f.time, answer)
}

func (s *Sensor) iaxAccepted(f *flow, x *tx, p *peer, registered bool) {
	switch {
	case x.verified:
		p.login = uint32(f.time.Unix())
		s.signal(f, x, parsers.Success, nil, "wire iax log-in", "the account logged in with a password")
	case registered, len(x.account.bytes()) > 0: // an account without a password
		s.signal(f, x, parsers.Success, nil, "wire iax log-in", "the account logged in without a password")
	default:
		s.offend(f, x, p, verdict{parsers.GuestCall, parsers.Point, strangers, "wire iax guest call", "the sender called without an account, and Asterisk accepted the call"})
	}
}

func (s *Sensor) iaxRefused(f *flow, x *tx, p *peer, m *iax.Frame) {
	unknown := bytes.Contains(bytes.ToLower(m.Cause), []byte("no such context/extension"))
	switch {
	case x.verified && unknown:
		s.signal(f, x, parsers.UnknownExtension, nil, "wire iax unknown number", "a known account dialled a number that does not exist")
	case x.creds: // with a challenge or without
		s.badIAXPassword(f, x, p)
	case unknown:
		s.offend(f, x, p, verdict{parsers.UnknownExtension, parsers.Point, strangers, "wire iax unknown number", "the sender called without an account, and the number does not exist"})
	case len(x.account.bytes()) > 0:
		s.offend(f, x, p, verdict{parsers.UnknownAccount, parsers.Point, again, "wire iax unknown account", "no account of this name may come from this address"})
	default:
		s.offend(f, x, p, verdict{parsers.NotAllowed, parsers.Point, strangers, "wire iax refused", "the sender has no account, and Asterisk refused the request"})
	}
}

func (s *Sensor) badIAXPassword(f *flow, x *tx, p *peer) {
	s.offend(f, x, p, verdict{parsers.BadPassword, parsers.Point, always, "wire iax bad password", "the password was wrong (the answer to Asterisk's challenge)"})
}

// brokenIAX charges a frame that is cut, or whose elements are.
func (s *Sensor) brokenIAX(f *flow, size int) {
	x := tx{remote: f.remote, local: f.local, port: f.port, word: "IAX2 frame"}
	s.offend(f, &x, s.peers.take(f.remote.Addr(), f.time.Unix()), verdict{parsers.Malformed, parsers.Point / 2, strangers, "wire iax malformed", "the packet cannot be read"})
}
