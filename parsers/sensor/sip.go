package sensor

import (
	"bytes"
	"cmp"
	"net/netip"

	"pbxjail/parsers"
	"pbxjail/parsers/sip"
)

// datagram reads one datagram of a SIP port.
func (s *Sensor) datagram(f *flow, b []byte) {
	if sip.KeepAlive(b) {
		return
	}
	sip.Read(b, &s.msg)
	if f.cut && (s.msg.Problem >= sip.NoVia || bytes.IndexByte(b, '\n') < 0) { // what is missing may stand where we cannot see it
		return
	}
	s.message(f, &s.msg, len(b))
}

// message hears one message of either side.
func (s *Sensor) message(f *flow, m *sip.Message, size int) {
	switch {
	case m.Problem == sip.NotSIP || m.Problem != sip.Fine && m.Problem != sip.OtherMethod:
		if !f.out && !m.Response {
			s.malformed(f, m, size)
		}
	case m.Response && f.out:
		s.weAnswer(f, m)
	case m.Response:
		s.theyAnswer(f, m)
	case f.out:
		s.weAsk(f, m)
	default:
		s.theyAsk(f, m)
	}
}

// keysOf names a transaction by what its answers repeat (RFC 3261 17.2.3). loose is
// without the address, for an answer that goes where Via says, and without the branch,
// which stacks read in different ways when it comes twice.
func (s *Sensor) keysOf(f *flow, m *sip.Message) (key, loose uint64) {
	var b [6]byte
	b[0], b[1], b[2], b[3], b[4] = byte(m.CSeq), byte(m.CSeq>>8), byte(m.CSeq>>16), byte(m.CSeq>>24), byte(m.CSeqMethod)
	if f.out == m.Response {
		b[5] = 1 // theirs
	}
	number := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40
	const spread = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	return s.looseHash(f.remote.Addr(), m.CallID, m.Branch) ^ number*spread, s.looseHash(netip.Addr{}, m.CallID) ^ number*spread
}

// find finds the transaction that a message belongs to; nil: it is not known.
func (s *Sensor) find(f *flow, m *sip.Message) *tx {
	key, loose := s.keysOf(f, m)
	if x := s.txs.find(key); x != nil {
		return x
	}
	return s.txs.at(s.txs.loose.get(loose))
}

// theyAsk notes a request of theirs.
func (s *Sensor) theyAsk(f *flow, m *sip.Message) {
	if m.Method == sip.Ack {
		return
	}
	key, loose := s.keysOf(f, m)
	if x := s.txs.find(key); x != nil {
		if m.Answers == 0 || x.digest == s.digest(f, m) { // sent again
			return
		}
		// The same request with another password: chan_sip tries that one too.
		s.expire(s.txs.slot(x), f.time, f.emit)
	}
	x := s.newTx(f, key)
	s.txs.alias(x, loose)
	x.method, x.word = m.Method, m.Method.String()
	x.mismatch = m.Problem == sip.OtherMethod
	x.keepAlive = m.Method == sip.Notify && bytes.EqualFold(m.Event, []byte("keep-alive"))
	x.call = s.looseHash(f.remote.Addr(), m.CallID)
	x.inside = len(m.ToTag) > 0 && s.livesInCalls(m.Method, x.call)
	x.account.set(m.FromUser)
	x.agent.set(m.Agent)
	switch m.Method {
	case sip.Register:
		x.account.set(m.ToUser)
	default:
		x.number.set(m.User)
	}
	x.as = s.accountKey(f, m)
	x.again = s.txs.calls.get(x.call) != 0
	if m.Answers > 0 {
		s.credentials(f, m, x)
	}
	s.agents.saw(x, f)
}

// livesInCalls reports whether a request with a tag in To can be one of a call. A
// REGISTER never is: PJSIP looks at no tag of it.
func (s *Sensor) livesInCalls(method sip.Method, call uint64) bool {
	switch method {
	case sip.Invite, sip.Update, sip.Info, sip.Refer, sip.Notify, sip.Subscribe, sip.Bye, sip.Prack, sip.Cancel:
		return true
	case sip.Instant, sip.Options:
		return s.calls.holds(call)
	}
	return false
}

// accountKey names what Asterisk finds the account by, which decides whether it asks
// for a password: the method and From, and for chan_sip's REGISTER To.
func (s *Sensor) accountKey(f *flow, m *sip.Message) uint64 {
	to := m.ToUser
	if m.Method != sip.Register {
		to = nil
	}
	return s.hash(f.remote.Addr(), []byte{byte(m.Method)}, m.FromUser, to)
}

// credentials notes what a request answers to a challenge: the one that we sent, where
// there are several.
func (s *Sensor) credentials(f *flow, m *sip.Message, x *tx) {
	x.creds = true
	c := &m.Answer[0]
	for i := range m.Answers {
		o := &m.Answer[i]
		nonce := s.hash(f.remote.Addr(), o.Nonce)
		if !s.nonces.holds(nonce) {
			continue
		}
		c, x.ours, x.sameCall = o, true, s.nonces.holds(nonce^x.call)
		x.verified = s.nonces.holds(nonce ^ x.as)
		if open := cmp.Or(s.txs.calls.get(x.call), s.txs.nonces.get(nonce)); open != 0 {
			s.answered(int32(open))
		}
		break
	}
	x.digest = s.digest(f, m)
	if len(c.User) > 0 {
		x.account.set(c.User)
	}
}

// digest is a hash of all answers to challenges in a request, to tell one guess from
// another: which of them Asterisk takes is decided by the realm.
func (s *Sensor) digest(f *flow, m *sip.Message) (sum uint64) {
	for i := range m.Answers {
		c := &m.Answer[i]
		sum = 31*sum + s.hash(f.remote.Addr(), c.User, c.Nonce, c.Response)
	}
	return sum
}

// answered notes that a challenge got its answer.
func (s *Sensor) answered(i int32) {
	x := &s.txs.slots[i]
	if p := s.peers.find(x.remote.Addr()); p != nil && p.open > 0 {
		p.open--
	}
	s.txs.settle(i)
}

// weAsk notes a request of ours.
func (s *Sensor) weAsk(f *flow, m *sip.Message) {
	if m.Method == sip.Ack {
		return
	}
	key, loose := s.keysOf(f, m)
	if s.txs.find(key) != nil {
		return
	}
	x := s.newTx(f, key)
	s.txs.alias(x, loose)
	x.method, x.word, x.inside = m.Method, m.Method.String(), len(m.ToTag) > 0
	x.call = s.looseHash(f.remote.Addr(), m.CallID)
	x.account.set(m.FromUser)
	x.number.set(m.User)
	if m.Method == sip.Invite || m.Method == sip.Subscribe {
		s.calls.put(x.call)
	}
}

// theyAnswer notes the answer to a request of ours: an address that answers our request is
// somebody that we know, and read what we sent.
func (s *Sensor) theyAnswer(f *flow, m *sip.Message) {
	x := s.find(f, m)
	if x == nil || x.done {
		return
	}
	x.status = m.Status
	if m.Status < 200 {
		return
	}
	x.done = true
	x.agent.set(m.Agent)
	if !x.inside && (m.Method == sip.Options || m.Method == sip.Invite || m.Method == sip.Register || m.Method == sip.Subscribe || m.Method == sip.Notify) {
		s.peers.take(f.remote.Addr(), f.time.Unix()).answers = uint32(f.time.Unix())
	}
	s.tell(x, f.time, status(m.Status))
}

// stackOf tells Asterisk's two SIP stacks apart by what they answer: chan_sip's tags
// are "as" and eight hexadecimal digits (asterisk:channels/chan_sip.c, make_our_tag).
func stackOf(m *sip.Message) parsers.Service {
	tag := m.ToTag
	if len(tag) == 10 && tag[0] == 'a' && tag[1] == 's' {
		for _, c := range tag[2:] {
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return parsers.PJSIP
			}
		}
		return parsers.SIP
	}
	return parsers.PJSIP
}
