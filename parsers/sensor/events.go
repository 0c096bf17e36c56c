package sensor

import (
	"strconv"
	"time"

	"pbxjail/parsers"
	"pbxjail/parsers/sip"
)

// how says when a verdict counts.
type how uint8

const (
	always    how = 0
	strangers how = 1 << iota // not for addresses that logged in lately, or that we call
	again                     // a repeat for the same account proves nothing new, unless it comes at once
	target                    // together with again: attempts differ by the target of the request, not by the account
)

// verdict is what an answer means.
type verdict struct {
	kind   parsers.Kind
	points parsers.Points
	how    how
	rule   string
	why    string
}

// atOnce is a time in which no honest phone repeats a refused request: phones wait longer.
const atOnce = 4 * time.Second

// offend charges a transaction.
func (s *Sensor) offend(f *flow, x *tx, p *peer, v verdict) {
	at := f.time.Unix()
	if v.how&strangers != 0 && (p.isOurs(at) || p.loggedIn(at) && v.kind != parsers.GuestCall && v.kind != parsers.UnknownExtension) {
		return
	}
	e := s.begin(f, x, parsers.Offence, v.kind, v.rule)
	e.Points = v.points
	if v.how&again != 0 {
		if v.how&target != 0 {
			e.Account = x.number.text()
		}
		what := s.hash(f.remote.Addr(), e.Account.Raw(), []byte(v.rule))
		e.Once = p.refused != what || f.time.UnixNano()-p.refusedAt >= int64(atOnce)
		p.refused, p.refusedAt = what, f.time.UnixNano()
	}
	s.finish(f, x, v.why)
}

// signal tells of what is never charged.
func (s *Sensor) signal(f *flow, x *tx, kind parsers.Kind, nonce []byte, rule, why string) {
	e := s.begin(f, x, parsers.Signal, kind, rule)
	e.Challenge = parsers.TextOf(nonce)
	e.Password = kind == parsers.Success && x.verified
	s.finish(f, x, why)
}

// begin fills in what all events of a transaction have.
func (s *Sensor) begin(f *flow, x *tx, result parsers.Result, kind parsers.Kind, rule string) *parsers.Event {
	s.event = parsers.Event{
		Result: result, Kind: kind, Evidence: evidenceOf(x), Service: x.port.service, Channel: parsers.ChannelWire,
		Addr: x.remote.Addr(), Port: x.remote.Port(), Rule: rule, Time: f.time,
		Account: x.account.text(), Number: x.number.text(), Agent: x.agent.text(),
		Digest: x.digest,
	}
	return &s.event
}

// evidenceOf says how far the address of a transaction is proven: it answered a
// challenge that was sent there, or its TCP connection is established.
func evidenceOf(x *tx) parsers.Evidence {
	if x.tcp || x.ours {
		return parsers.Proven
	}
	return parsers.Seen
}

// finish writes the event's line and hands it over.
func (s *Sensor) finish(f *flow, x *tx, why string) {
	b := append(s.line[:0], x.word...)
	b = appendNamed(b, " as ", x.account.bytes())
	b = appendNamed(b, " for ", x.number.bytes())
	b = appendNamed(b, " by ", x.agent.bytes())
	b = append(append(b, ": "...), why...)
	if x.status != 0 {
		b = strconv.AppendUint(append(b, "; Asterisk answered "...), uint64(x.status), 10)
	}
	s.hand(f, b)
}

func (s *Sensor) hand(f *flow, line []byte) {
	s.line = line[:0]
	s.event.Line = parsers.TextOf(line)
	s.stats.Events++
	f.emit(&s.event)
}

func appendNamed(b []byte, before string, name []byte) []byte {
	if len(name) == 0 {
		return b
	}
	return append(append(b, before...), name...)
}

// malformed charges packets that are not SIP messages: no phone sends them. Where accounts are at
// home it must be proven that it came from there.
func (s *Sensor) malformed(f *flow, m *sip.Message, size int) {
	p := s.peers.take(f.remote.Addr(), f.time.Unix())
	at := f.time.Unix()
	ours := s.answersOurs(f, m)
	known := p.loggedIn(at) || p.isOurs(at)
	switch {
	case known && m.Problem == sip.BadBytes:
		s.theyAsk(f, m)
		return
	case known && !(ours && m.Problem == sip.Twice): // who has an account guesses others that way
		return
	}
	evidence := parsers.Seen
	if f.tcp || known && ours {
		evidence = parsers.Proven
	}
	s.event = parsers.Event{
		Result: parsers.Offence, Kind: parsers.Malformed, Evidence: evidence, Service: f.port.service, Channel: parsers.ChannelWire,
		Points: parsers.Point, Addr: f.remote.Addr(), Port: f.remote.Port(), Rule: "wire sip malformed", Time: f.time,
		Account: parsers.TextOf(m.FromUser), Number: parsers.TextOf(m.User), Agent: parsers.TextOf(m.Agent),
	}
	b := append(s.line[:0], "a packet of "...)
	b = strconv.AppendInt(b, int64(size), 10)
	b = append(b, " bytes "...)
	if m.Word != nil {
		b = append(append(b, "for "...), m.Method.String()...)
		b = append(b, ' ')
	}
	s.hand(f, append(b, m.Problem.String()...))
}

// answersOurs reports whether a message answers a challenge that we sent to its address.
func (s *Sensor) answersOurs(f *flow, m *sip.Message) bool {
	for i := range m.Answers {
		if s.nonces.holds(s.hash(f.remote.Addr(), m.Answer[i].Nonce)) {
			return true
		}
	}
	return false
}

// status is the number of an answer, without making a text for those that are common.
func status(n uint16) string {
	switch n {
	case 200:
		return "200"
	case 401:
		return "401"
	case 403:
		return "403"
	case 404:
		return "404"
	case 407:
		return "407"
	}
	return strconv.Itoa(int(n))
}
