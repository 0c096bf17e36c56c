package witness

import (
	"net/netip"
	"time"

	"pbxjail/parsers"
)

// Heard is a witness beside the text of the logs: it knows which addresses sent packets. The
// sets that the kernel fills and the sensor on the wire are such witnesses. Its
// methods are called while an event is judged, and from within the sensor's emit:
// they must neither wait nor call the judge or the warden.
type Heard interface {
	// Heard reports whether an address sent a packet to the ports of a service since
	// shortly before a time. Services other than PJSIP, SIP, IAX2, AMI and HTTP mean
	// any of these.
	Heard(a netip.Addr, s parsers.Service, at time.Time) parsers.Answer
	// Suspects appends to list the addresses that were heard on a service within about
	// a second of a time, a few at most: the real sender of a forged record is among them.
	Suspects(list []netip.Addr, s parsers.Service, at time.Time) []netip.Addr
}

// Wire is a witness that also reads what the packets say and what we answered, and
// reports it as events of parsers.ChannelWire (Judge.Wire is their source).
type Wire interface {
	Heard
	// Complete reports whether all was read that an address and a service sent each
	// other around a time: nothing was lost, left out, or encrypted. Only then does it
	// follow from the absence of an event that there was no attempt.
	Complete(a netip.Addr, s parsers.Service, at time.Time) bool
}
