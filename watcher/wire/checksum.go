package wire

import (
	"encoding/binary"
	"net/netip"
)

// rightSum reports whether the check sum of a UDP or TCP packet is right, as the kernel
// demands before it gives the packet to Asterisk (RFC 768, RFC 9293 3.1). An attacker could
// deceive the capture with a packet that only the capture accepts.
func rightSum(d *datagram) bool {
	at := 16
	if d.protocol == protoUDP {
		at = 6
	}
	if len(d.payload) < at+2 {
		return false
	}
	if d.protocol == protoUDP && d.payload[at] == 0 && d.payload[at+1] == 0 {
		return d.src.Is4() // none was made, which IPv6 does not allow (RFC 8200 8.1)
	}
	sum := pseudo(d.src) + pseudo(d.dst) + uint64(d.protocol) + uint64(len(d.payload))
	return fold(sum+add(d.payload)) == 0xffff
}

// rightHeader is the same for the header of IPv4, which alone has one.
func rightHeader(ip []byte) bool {
	if len(ip) < 20 || ip[0]>>4 != 4 {
		return true
	}
	n := int(ip[0]&15) * 4
	return n >= 20 && n <= len(ip) && fold(add(ip[:n])) == 0xffff
}

func pseudo(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return add(b[:])
	}
	b := a.As16()
	return add(b[:])
}

// add sums up 16-bit words; eight bytes at once, for the carries can be added later
// (RFC 1071 2).
func add(b []byte) (sum uint64) {
	for len(b) >= 8 {
		v := binary.BigEndian.Uint64(b)
		sum += v>>32 + v&0xffffffff
		b = b[8:]
	}
	for len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
