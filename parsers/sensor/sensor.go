package sensor

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"time"

	"pbxjail/parsers"
	"pbxjail/parsers/sip"
)

// Sensor holds what the packets of the last minutes were about. Make one with New.
// Not safe for concurrent use.
type Sensor struct {
	opts   Options
	stats  Stats
	seed   maphash.Seed
	ports  map[portKey]*port
	txs    txTable
	peers  peerTable
	nonces hashRing // of nonces and the addresses they were sent to
	calls  hashRing // dialogs that exist, by Call-ID and address
	conns  connTable
	agents agentTable
	recent recentRing
	began  int64 // seconds of the first packet; 0: none yet
	gaps   gapRing
	msg    sip.Message
	event  parsers.Event
	line   []byte // the text of the event that is being sent
	mix    []byte // what is being hashed

	finished Transaction // the one that is shown

	socketPort *port  // what SIP in a WebSocket is spoken to
	unmasked   []byte // the payload of a WebSocket frame
}

// portKey is a port of this host: the number, and a bit for TCP.
type portKey uint32

func keyOfPort(number uint16, tcp bool) portKey {
	k := portKey(number)
	if tcp {
		k |= 1 << 16
	}
	return k
}

// port is what a local port speaks. For SIP the stack behind it is learned from what
// it answers.
type port struct {
	service parsers.Service
	class   class
	tls     bool
}

const (
	defaultTransactions = 3072
	defaultAddresses    = 8192
	maxNonces           = 12_288 // three of each challenge
	maxCalls            = 2048
	maxText             = 1024 // of an event's line
)

// New makes a Sensor. It starts nothing.
func New(opts Options) *Sensor {
	if opts.Ports == nil {
		opts.Ports = DefaultPorts()
	}
	s := &Sensor{opts: opts, seed: maphash.MakeSeed(), ports: map[portKey]*port{}, line: make([]byte, 0, maxText), mix: make([]byte, 0, maxMix/2)}
	for _, p := range opts.Ports {
		s.ports[keyOfPort(p.Number, p.TCP)] = &port{service: p.Service, class: classOf(p.Service), tls: p.TLS}
	}
	s.socketPort = &port{service: parsers.PJSIP, class: classSIP}
	s.txs.init(min(cmp.Or(opts.Transactions, defaultTransactions), mostPlaces))
	s.peers.init(min(cmp.Or(opts.Addresses, defaultAddresses), mostPlaces))
	s.nonces.init(maxNonces)
	s.calls.init(maxCalls)
	s.conns.init()
	s.agents.init()
	return s
}

// Packet reads one packet and calls emit for each event that follows from it. Packets
// come in the order of their times. The event's texts hold only until emit returns.
func (s *Sensor) Packet(p *Packet, emit func(*parsers.Event)) {
	s.stats.Packets++
	if s.began == 0 {
		s.began = p.Time.Unix()
	}
	s.Tick(p.Time, emit)
	local, remote := p.Dst, p.Src
	if p.Out {
		local, remote = p.Src, p.Dst
	}
	at := s.portOf(local.Port(), p)
	if at == nil || !remote.Addr().IsValid() {
		return
	}
	if !p.Out && (len(p.Data) > 0 || !p.TCP || p.Start) {
		dark := at.tls || p.TCP && tlsHello(p.Data) // a port that no configuration calls encrypted
		s.hear(remote.Addr(), at.class, dark, p.Time.Unix())
	}
	f := flow{time: p.Time, remote: remote, local: local, tcp: p.TCP, out: p.Out, cut: p.Cut, port: at, emit: emit}
	switch {
	case at.tls && at.class == classSIP:
		s.dark(&f, p)
	case at.tls:
	case p.TCP:
		s.stream(&f, p)
	case at.class == classIAX:
		s.iax(&f, p.Data)
	case at.class == classSIP:
		s.datagram(&f, p.Data)
	}
}

// maxLearned bounds the ports that are watched.
const maxLearned = 64

// portOf finds what a local port speaks; nil when it is not watched.
func (s *Sensor) portOf(number uint16, p *Packet) *port {
	key := keyOfPort(number, p.TCP)
	at := s.ports[key]
	if at == nil && s.opts.LearnPorts && !p.Out && len(s.ports) < maxLearned && len(p.Data) > 0 {
		if sip.Read(p.Data, &s.msg); s.msg.Problem == sip.Fine && !s.msg.Response {
			at = &port{service: parsers.PJSIP, class: classSIP}
			s.ports[key] = at
		}
	}
	return at
}

// flow is the surroundings of one message.
type flow struct {
	time          time.Time
	remote, local netip.AddrPort
	tcp, out, cut bool
	elsewhere     bool // our answer went to another address than the request came from
	port          *port
	emit          func(*parsers.Event)
}

// Tick calls emit for events that need no packet: challenges without an answer in time.
// Packet does the same; the daemon also calls Tick each second.
func (s *Sensor) Tick(now time.Time, emit func(*parsers.Event)) {
	for {
		i := s.txs.due(now.UnixNano())
		if i < 0 {
			return
		}
		s.expire(i, now, emit)
	}
}

// Stats returns the counters.
func (s *Sensor) Stats() Stats {
	st := s.stats
	st.Evicted = s.txs.evicted + s.peers.evicted + s.conns.evicted
	st.Transactions = s.txs.held()
	return st
}
