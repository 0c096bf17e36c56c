package wire

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers of IANA, those that matter here.
const (
	protoHopByHop    = 0
	protoTCP         = 6
	protoUDP         = 17
	protoRouting     = 43
	protoFragment    = 44
	protoAuth        = 51
	protoICMPv6      = 58
	protoDestination = 60
)

// datagram is one IP packet without its headers.
type datagram struct {
	src, dst netip.Addr
	protocol uint8
	payload  []byte
	cut      bool // the capture holds less than the header says

	// of a fragment
	fragment bool
	more     bool
	id       uint32
	offset   int
}

// outcome is what became of a frame.
type outcome uint8

const (
	fine outcome = iota
	notOurs
	malformed
)

// readIP reads the headers of an IP packet.
func readIP(b []byte) (d datagram, o outcome) {
	switch b[0] >> 4 {
	case 4:
		return readIPv4(b)
	case 6:
		return readIPv6(b)
	}
	return d, notOurs
}

// readIPv4 reads RFC 791 3.1.
func readIPv4(b []byte) (d datagram, o outcome) {
	if len(b) < 20 {
		return d, malformed
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 { // a packet larger than 64 KiB, before the card cuts it
		total = len(b)
	}
	if header < 20 || total < header || len(b) < header {
		return d, malformed
	}
	d.cut = len(b) < total
	d.src, d.dst = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	d.protocol = b[9]
	d.payload = b[header:min(total, len(b))]
	where := binary.BigEndian.Uint16(b[6:])
	d.more = where&0x2000 != 0
	d.offset = int(where&0x1fff) * 8
	d.fragment = d.more || d.offset > 0
	d.id = uint32(binary.BigEndian.Uint16(b[4:]))
	return d, fine
}

// maxExtensions is how many extension headers are read; the kernel's own limit is
// of that order, and phones send none.
const maxExtensions = 8

// readIPv6 reads RFC 8200 3 and 4.
func readIPv6(b []byte) (d datagram, o outcome) {
	if len(b) < 40 {
		return d, malformed
	}
	total := int(binary.BigEndian.Uint16(b[4:]))
	rest := b[40:]
	if total == 0 { // a jumbogram, or a packet before the card cuts it
		total = len(rest)
	}
	d.cut = len(rest) < total
	rest = rest[:min(total, len(rest))]
	d.src, d.dst = netip.AddrFrom16([16]byte(b[8:])).Unmap(), netip.AddrFrom16([16]byte(b[24:])).Unmap()
	d.protocol = b[6]
	for range maxExtensions {
		length := 0
		switch d.protocol {
		case protoHopByHop, protoRouting, protoDestination:
			if len(rest) < 8 {
				return d, malformed
			}
			length = 8 + int(rest[1])*8
		case protoAuth: // RFC 4302 2.2
			if len(rest) < 8 {
				return d, malformed
			}
			length = 8 + int(rest[1])*4
		case protoFragment:
			if len(rest) < 8 {
				return d, malformed
			}
			where := binary.BigEndian.Uint16(rest[2:])
			d.more, d.offset = where&1 != 0, int(where&^7)
			d.fragment = d.more || d.offset > 0
			d.id = binary.BigEndian.Uint32(rest[4:])
			d.protocol, rest = rest[0], rest[8:]
			if d.fragment { // what follows belongs to the whole
				d.payload = rest
				return d, fine
			}
			continue
		default:
			d.payload = rest
			return d, fine
		}
		if len(rest) < length {
			return d, malformed
		}
		d.protocol, rest = rest[0], rest[length:]
	}
	return d, malformed
}

// readUDP takes the header of UDP off (RFC 768). whole is false when the capture holds
// only the beginning of the datagram.
func readUDP(d *datagram) (src, dst uint16, data []byte, whole bool, o outcome) {
	b := d.payload
	if len(b) < 8 {
		return 0, 0, nil, false, malformed
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length == 0 { // RFC 2675 4; and what is larger than the field holds
		length = len(b)
	}
	if length < 8 || length > len(b) && !d.cut {
		return 0, 0, nil, false, malformed
	}
	return binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), b[8:min(length, len(b))], length <= len(b), fine
}

// segment is one TCP packet.
type segment struct {
	src, dst            uint16
	seq, ack            uint32
	syn, fin, rst, acks bool
	data                []byte
}

// readTCP reads RFC 9293 3.1.
func readTCP(b []byte) (s segment, o outcome) {
	if len(b) < 20 {
		return s, malformed
	}
	header := int(b[12]>>4) * 4
	if header < 20 || len(b) < header {
		return s, malformed
	}
	flags := b[13]
	return segment{
		src: binary.BigEndian.Uint16(b), dst: binary.BigEndian.Uint16(b[2:]),
		seq: binary.BigEndian.Uint32(b[4:]), ack: binary.BigEndian.Uint32(b[8:]),
		fin: flags&1 != 0, syn: flags&2 != 0, rst: flags&4 != 0, acks: flags&16 != 0,
		data: b[header:],
	}, fine
}
