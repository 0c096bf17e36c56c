// Package wire turns network packets into pieces of conversation: whole UDP
// datagrams, and the bytes of TCP connections in order. The daemon gives it what
// the kernel sees on the guarded ports, and jailctl replay gives it traces.
//
// It does not know what the bytes mean: parsers do. It must never trust a length
// that is in a packet, never hold more memory than its bounds allow (the sender
// chooses how many fragments and connections there are), and never call a piece
// complete when bytes are missing: it counts what it drops and marks the place.
package wire

import (
	"net/netip"
	"time"
)

// Packet is one piece of conversation.
type Packet struct {
	Time time.Time // of the packet that completes the piece
	TCP  bool      // UDP otherwise
	Src  netip.AddrPort
	Dst  netip.AddrPort // both unmapped: IPv4 in IPv6 is IPv4
	Out  bool           // sent by this host; also false when the sender is not known

	// Data of UDP is one whole datagram. Data of TCP is the next bytes of one
	// direction, in order. It is valid until the callback returns.
	Data []byte

	Start bool // TCP: the first piece of a connection whose whole handshake was seen. Data may be empty
	End   bool // TCP: this direction ends here, by FIN or RST. Data may be empty
	Lost  bool // TCP: bytes of this direction are missing before Data

	blind bool // the sender is not known: Out is false in both directions
}

// Way is the direction of a frame, as far as its capture knows. The zero value is
// UnknownWay.
type Way uint8

const (
	UnknownWay Way = iota
	In             // received by this host
	Out            // sent by this host
)

// Counts says what became of frames. All values only grow.
type Counts struct {
	Frames       uint64 // given to the assembler
	NotIP        uint64 // ARP and the like, and transports other than UDP and TCP
	Malformed    uint64 // lengths that contradict each other; the kernel drops these too
	BadSum       uint64 // a check sum is wrong; looked at in live packets alone, and dropped by the kernel too
	Twice        uint64 // seen on another network card a moment before
	Cut          uint64 // the capture kept only the beginning of the packet
	Fragments    uint64 // IP fragments
	Incomplete   uint64 // datagrams given up because fragments are missing, overlap or exceed the bounds
	Evicted      uint64 // TCP connections that made room for others
	Gaps         uint64 // places in TCP connections where bytes are missing
	Unguarded    uint64 // packets of ports that are not guarded
	Datagrams    uint64 // UDP pieces delivered
	Pieces       uint64 // TCP pieces delivered
	TCPBytesHeld uint64 // bytes that wait for bytes before them, now: this value shrinks too
}

// Missed is in how many places bytes are missing that were on the wire: packets that
// were cut, datagrams without all their fragments, holes in connections. A sender can
// make such places at will, so they say little of a live capture; LiveStats has what
// the capture itself missed.
func (c Counts) Missed() uint64 { return c.Cut + c.Incomplete + c.Gaps }
