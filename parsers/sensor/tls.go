package sensor

import (
	"time"

	"pbxjail/parsers"
)

// tlsState is what the sensor knows of an encrypted connection: whether data as long as a
// SIP request was sent, and whether data as long as an answer came back.
type tlsState struct {
	began    int64 // unix ns
	asked    bool
	answered bool
	counted  bool
}

const (
	// shortVisit is how soon a hasty client hangs up: phones stay connected.
	shortVisit = 3 * time.Second
	// hastyVisits of one address within hastyWithin are no phone's.
	hastyVisits = 5
	hastyWithin = 5 * time.Second
	// sipRecord is the shortest record that can hold a SIP message.
	sipRecord = 200
)

// dark looks at the packets of a TLS port. A client that connects, asks, gets an answer and
// disconnects, again and again within seconds, is a program that tries something. Only the
// logs can show what it tries.
func (s *Sensor) dark(f *flow, p *Packet) {
	key := connKey{f.remote, f.local.Port()}
	if _, known := s.conns.index[key]; !known && !p.Start {
		return
	}
	c := s.conns.take(key, p.Start, f.time.Unix())
	t := &c.tls
	if p.Start {
		t.began = f.time.UnixNano()
	}
	if hasLongRecord(p.Data) {
		t.asked = t.asked || !p.Out
		t.answered = t.answered || p.Out && t.asked
	}
	if !p.End {
		return
	}
	if t.asked && t.answered && !t.counted && f.time.UnixNano()-t.began < int64(shortVisit) {
		t.counted = true
		s.hasty(f)
	}
	c.in.ended, c.out.ended = c.in.ended || !p.Out, c.out.ended || p.Out
	if c.in.ended && c.out.ended {
		s.conns.drop(s.conns.index[key])
	}
}

// hasLongRecord looks for a record of application data that can hold a SIP message
// (RFC 8446 5.1).
func hasLongRecord(b []byte) bool {
	const head, application = 5, 23
	for len(b) >= head {
		size := int(b[3])<<8 | int(b[4])
		if b[0] == application && size >= sipRecord {
			return true
		}
		b = b[min(head+size, len(b)):]
	}
	return false
}

func (s *Sensor) hasty(f *flow) {
	p := s.peers.take(f.remote.Addr(), f.time.Unix())
	if f.time.UnixNano()-p.hastySince > int64(hastyWithin) {
		p.hasty, p.hastySince = 0, f.time.UnixNano()
	}
	if p.hasty++; p.hasty < hastyVisits {
		return
	}
	p.hasty = 0
	x := tx{remote: f.remote, local: f.local, tcp: true, port: f.port, word: "TLS"}
	s.offend(f, &x, p, verdict{parsers.Rate, hastyVisits * parsers.Point, strangers, "wire tls visits", "the sender connected, sent a request and disconnected five times within five seconds"})
}
