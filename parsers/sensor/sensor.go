package sensor

import (
	"net/netip"
	"time"

	"pbxjail/parsers"
)

// Packet is what a capture saw. A Sensor keeps neither it nor its Data.
type Packet struct {
	Time     time.Time
	TCP      bool
	Src, Dst netip.AddrPort // unmapped
	Out      bool           // sent by this host
	Data     []byte         // UDP: one whole datagram. TCP: the next bytes of one direction, in order; may be empty
	Start    bool           // TCP: this connection was seen from its handshake on; set on its first packet
	End      bool           // TCP: the connection is over, after Data
	Lost     bool           // TCP: bytes are missing in front of Data
}

// Port is one port of this host that a service of Asterisk listens on.
type Port struct {
	Number  uint16
	TCP     bool
	TLS     bool            // encrypted: who sent is known, what is not
	Service parsers.Service // PJSIP and SIP are read alike; IAX2 (UDP), AMI and HTTP (TCP)
}

// DefaultPorts are those of Asterisk's sample configuration.
func DefaultPorts() []Port {
	return []Port{
		{5060, false, false, parsers.PJSIP}, {5060, true, false, parsers.PJSIP}, {5061, true, true, parsers.PJSIP},
		{4569, false, false, parsers.IAX2}, {5038, true, false, parsers.AMI}, {5039, true, true, parsers.AMI},
		{8088, true, false, parsers.HTTP}, {8089, true, true, parsers.HTTP},
	}
}

// Options of a Sensor. The zero value is DefaultPorts and the default bounds.
type Options struct {
	Ports        []Port // nil: DefaultPorts
	Transactions int    // most open requests and dialogs that are kept; 0: 8192
	Addresses    int    // most addresses of which the last time is kept; 0: 16,384

	// Finished, when it is not nil, is called for each finished transaction. Its texts
	// hold only until it returns. It must not block, nor call the Sensor.
	Finished func(*Transaction)
}

// Transaction is one request and its last answer, for people to look at.
type Transaction struct {
	Time    time.Time // of the request
	Took    time.Duration
	Remote  netip.AddrPort
	Local   netip.AddrPort
	Service parsers.Service
	TCP     bool
	Out     bool         // we asked, they answered
	Method  string       // "REGISTER", "IAX NEW", "GET"; never the sender's own word
	Account parsers.Text // as the sender wrote it
	Number  parsers.Text // the number that was dialled
	Agent   parsers.Text
	Status  uint16 // of the answer; 0: none came, or the protocol has no numbers
	Answer  string // "401", "accepted", "no answer"
}

// Agent is a user agent that was seen.
type Agent struct {
	Name      parsers.Text
	Requests  uint64
	Accounts  []string // printable, those that logged in with it first; at most 8
	LoggedIn  int      // how many accounts logged in with it; counted up to 64
	Addresses int      // how many addresses used it; counted up to 64
	Last      time.Time
}

// Heard is an answer to the question whether somebody sent us something.
type Heard = parsers.Answer

const (
	CannotTell = parsers.CannotTell // not watched, or not without a gap
	NotHeard   = parsers.No
	WasHeard   = parsers.Yes
)

// Stats counts what a Sensor did and could not do, since it was made.
type Stats struct {
	Packets      uint64
	Events       uint64
	Evicted      uint64 // entries that made room for others while they still counted
	Gaps         uint64 // times at which packets were missing
	Transactions int    // that are held now
}

// Sensor holds what the packets of the last minutes were about. Make one with New.
// Not safe for concurrent use.
type Sensor struct {
	opts  Options
	stats Stats
}

// New makes a Sensor. It starts nothing.
func New(opts Options) *Sensor {
	if opts.Ports == nil {
		opts.Ports = DefaultPorts()
	}
	return &Sensor{opts: opts}
}

// Packet reads one packet and calls emit for each event that follows from it. Packets
// come in the order of their times. The event's texts hold only until emit returns.
func (s *Sensor) Packet(p *Packet, emit func(*parsers.Event)) { s.stats.Packets++ }

// Tick calls emit for what falls due by now without a packet: challenges that nobody
// answered. Packet does the same; a daemon calls Tick each second besides.
func (s *Sensor) Tick(now time.Time, emit func(*parsers.Event)) {}

// Gap notes that packets were missed at a time: dropped by the kernel, or not
// captured. Around it nothing follows from absence.
func (s *Sensor) Gap(at time.Time) { s.stats.Gaps++ }

// Heard reports whether an address sent something to a service around a time (from
// 64 seconds before until two after). PJSIP and SIP are one here, and are heard on
// HTTP's ports too (WebSocket). Other services, such as Dialplan, mean any.
func (s *Sensor) Heard(a netip.Addr, svc parsers.Service, at time.Time) Heard { return CannotTell }

// Complete reports whether the sensor read all that an address sent to a service
// from 64 seconds before a time until two after it, and what we answered: the port
// is watched, nothing was missing, nothing was encrypted, no table had to make room.
// Only then does it follow from the absence of an event that there was no attempt.
// For an address that sent nothing it is true where Heard is NotHeard. Heard,
// Complete and Suspects may be called from within emit.
func (s *Sensor) Complete(a netip.Addr, svc parsers.Service, at time.Time) bool { return false }

// Suspects appends to list the addresses that were heard on a service within about a
// second of a time, at most 16: whoever wrote a forged record is among them.
func (s *Sensor) Suspects(list []netip.Addr, svc parsers.Service, at time.Time) []netip.Addr {
	return list
}

// Agents returns the user agents seen, the most frequent first. The texts are copies.
func (s *Sensor) Agents() []Agent { return nil }

// Stats returns the counters.
func (s *Sensor) Stats() Stats { return s.stats }
