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
	End      bool           // TCP: this direction is over, after Data
	Lost     bool           // TCP: bytes are missing in front of Data
	Cut      bool           // UDP: Data is only the front part of the datagram
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
	LearnPorts   bool   // take a port of this host for SIP's when SIP is spoken to it; for traces, where no configuration says
	Transactions int    // most open requests and dialogs that are kept, up to 65,535; 0: 3072
	Addresses    int    // most addresses of which the last time is kept, up to 65,535; 0: 8192

	// Finished, when it is not nil, is called for each finished transaction. The
	// transaction and its texts hold only until it returns. It must not block, nor call
	// the Sensor.
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
