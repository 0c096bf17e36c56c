package sensor

import (
	"bytes"

	"pbxjail/parsers"
	"pbxjail/parsers/ami"
	"pbxjail/parsers/sip"
)

// amiState is what a manager's connection waits for.
type amiState struct {
	waits   int   // packets of theirs that have no answer yet; each gets one, in order
	ahead   int   // those in front of the attempt to log in
	login   bool  // there is such an attempt
	at      int64 // unix ns of it
	account words
}

// ami reads one packet of the manager interface.
func (s *Sensor) ami(f *flow, c *conn, b []byte) (n int, wait bool) {
	const greeting = "Asterisk Call Manager/"
	if f.out && bytes.HasPrefix(b, []byte(greeting)) {
		if end := bytes.IndexByte(b, '\n'); end >= 0 {
			return end + 1, false
		}
		return 0, true
	}
	var p ami.Packet
	if n = ami.Read(b, &p); n == 0 {
		return 0, true
	}
	a := &c.ami
	switch {
	case f.out && len(p.Event) > 0:
	case f.out:
		s.amiAnswer(f, c, &p)
	case p.Strange && len(p.Action) == 0 && c.start:
		s.strange(f, c, "wire ami malformed", "the sender sent text that is not a manager action")
	case p.IsLogin() && !a.login:
		a.login, a.ahead, a.at = true, a.waits, f.time.UnixNano()
		a.account.set(p.User)
		a.waits++
	default:
		a.waits++
	}
	return n, false
}

// amiAnswer weighs our answer to a log-in. Our words count more than theirs: a client
// can write its packet so that only Asterisk reads a log-in in it. Once that is done, nothing that follows is
// looked at: a manager's connection carries every event of the PBX.
func (s *Sensor) amiAnswer(f *flow, c *conn, p *ami.Packet) {
	a := &c.ami
	a.waits = max(a.waits-1, 0)
	switch {
	case p.RefusedLogin():
	case !a.login:
		return
	case a.ahead > 0:
		a.ahead--
		return
	case !p.Accepted() && !p.Refused():
		a.login = false
		return
	}
	x := tx{remote: f.remote, local: f.local, tcp: true, port: f.port, word: "AMI log-in", account: a.account, at: a.at, creds: true, verified: true}
	peer := s.peers.take(f.remote.Addr(), f.time.Unix())
	if p.Refused() {
		s.offend(f, &x, peer, verdict{parsers.BadPassword, parsers.Point, always, "wire ami bad password", "Asterisk refused the log-in"})
		s.tell(&x, f.time, "refused")
		s.conns.close(c) // Asterisk does so too (asterisk:main/manager.c, session_do)
		return
	}
	peer.login = uint32(f.time.Unix())
	s.signal(f, &x, parsers.Success, nil, "wire ami log-in", "Asterisk accepted the log-in")
	s.tell(&x, f.time, "accepted")
	c.known = true
	s.conns.close(c)
}

// strange charges bytes on a TCP port that are not of its protocol.
func (s *Sensor) strange(f *flow, c *conn, rule, why string) {
	s.accuse(f, rule, why)
	s.conns.close(c)
}

// accuse charges bytes that are not of the port's protocol.
func (s *Sensor) accuse(f *flow, rule, why string) {
	x := tx{remote: f.remote, local: f.local, tcp: true, port: f.port, word: f.port.service.String(), method: sip.NoMethod}
	s.offend(f, &x, s.peers.take(f.remote.Addr(), f.time.Unix()), verdict{parsers.Malformed, parsers.Point, strangers, rule, why})
}
