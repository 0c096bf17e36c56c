package wire

import "encoding/binary"

// Link says how a frame begins. The values are those of pcap files
// (LINKTYPE_ETHERNET and so on).
type Link uint32

const (
	LinkNull      Link = 0   // BSD loopback: the family in the order of the machine that captured
	LinkEthernet  Link = 1   // Ethernet, with VLAN tags or without
	LinkRawBSD    Link = 12  // raw IP, as some systems number it
	LinkRaw       Link = 101 // raw IP
	LinkLoop      Link = 108 // OpenBSD loopback: the family in network order
	LinkCooked    Link = 113 // Linux "any" device, first form
	LinkIPv4      Link = 228 // raw IPv4
	LinkIPv6      Link = 229 // raw IPv6
	LinkCookedNew Link = 276 // Linux "any" device, second form
)

// Known reports whether frames of this link can be read.
func (l Link) Known() bool {
	switch l {
	case LinkNull, LinkEthernet, LinkRawBSD, LinkRaw, LinkLoop, LinkCooked, LinkIPv4, LinkIPv6, LinkCookedNew:
		return true
	}
	return false
}

// EtherTypes, IEEE 802 numbers.
const (
	typeIPv4    = 0x0800
	typeIPv6    = 0x86dd
	typeVLAN    = 0x8100
	typeQinQ    = 0x88a8
	typeOldQinQ = 0x9100
	typePPPoE   = 0x8864
)

// maxTags is how many VLAN tags are taken off one frame; real ones have two at most.
const maxTags = 4

// packet finds the IP packet in a frame. It is nil when there is none. way and card
// are what the link's own header says.
func (l Link) packet(frame []byte) (ip []byte, way Way, card int) {
	switch l {
	case LinkEthernet:
		if len(frame) < 14 {
			return nil, UnknownWay, 0
		}
		return untag(binary.BigEndian.Uint16(frame[12:]), frame[14:]), UnknownWay, 0
	case LinkCooked: // pcap-linktype: LINUX_SLL
		if len(frame) < 16 {
			return nil, UnknownWay, 0
		}
		way = wayOf(binary.BigEndian.Uint16(frame))
		if way == Out && binary.BigEndian.Uint16(frame[2:]) == deviceLoopback {
			return nil, way, 0
		}
		return untag(binary.BigEndian.Uint16(frame[14:]), frame[16:]), way, 0
	case LinkCookedNew: // pcap-linktype: LINUX_SLL2
		if len(frame) < 20 {
			return nil, UnknownWay, 0
		}
		way = wayOf(uint16(frame[10]))
		if way == Out && binary.BigEndian.Uint16(frame[8:]) == deviceLoopback {
			return nil, way, 0
		}
		return untag(binary.BigEndian.Uint16(frame), frame[20:]), way, int(binary.BigEndian.Uint32(frame[4:]))
	case LinkNull, LinkLoop:
		if len(frame) < 4 {
			return nil, UnknownWay, 0
		}
		return versioned(frame[4:]), UnknownWay, 0 // the version says what the family says, in any byte order
	case LinkRaw, LinkRawBSD, LinkIPv4, LinkIPv6:
		return versioned(frame), UnknownWay, 0
	}
	return nil, UnknownWay, 0
}

// deviceLoopback is ARPHRD_LOOPBACK. What it sends it also receives, so one of the
// two is enough.
const deviceLoopback = 772

// wayOf reads the packet type of packet(7).
func wayOf(kind uint16) Way {
	switch kind {
	case 0: // PACKET_HOST
		return In
	case 4: // PACKET_OUTGOING
		return Out
	}
	return UnknownWay
}

// untag takes off VLAN tags and PPPoE, and returns the IP packet behind them.
func untag(etherType uint16, rest []byte) []byte {
	for range maxTags {
		switch etherType {
		case typeIPv4, typeIPv6:
			return versioned(rest)
		case typeVLAN, typeQinQ, typeOldQinQ:
			if len(rest) < 4 {
				return nil
			}
			etherType, rest = binary.BigEndian.Uint16(rest[2:]), rest[4:]
		case typePPPoE: // RFC 2516 4: version, code, session, length, then the protocol of PPP
			if len(rest) < 8 {
				return nil
			}
			if protocol := binary.BigEndian.Uint16(rest[6:]); protocol != 0x0021 && protocol != 0x0057 {
				return nil
			}
			return versioned(rest[8:])
		default:
			return nil
		}
	}
	return nil
}

// versioned returns b when it begins as an IP packet does.
func versioned(b []byte) []byte {
	if len(b) > 0 && (b[0]>>4 == 4 || b[0]>>4 == 6) {
		return b
	}
	return nil
}
