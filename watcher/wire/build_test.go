package wire

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// The PBX and its callers, in the ranges for documentation.
var (
	pbx     = netip.MustParseAddrPort("192.0.2.10:5060")
	caller  = netip.MustParseAddrPort("198.51.100.7:40000")
	pbx6    = netip.MustParseAddrPort("[2001:db8::10]:5060")
	caller6 = netip.MustParseAddrPort("[2001:db8:1::7]:40000")
	noon    = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)

// ip puts an IP header before a payload.
func ip(src, dst netip.Addr, protocol byte, payload []byte) []byte {
	if src.Is4() {
		b := make([]byte, 20, 20+len(payload))
		b[0], b[8], b[9] = 0x45, 64, protocol
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
		s, d := src.As4(), dst.As4()
		copy(b[12:], s[:])
		copy(b[16:], d[:])
		binary.BigEndian.PutUint16(b[10:], ^fold(add(b)))
		return append(b, payload...)
	}
	b := make([]byte, 40, 40+len(payload))
	b[0], b[6], b[7] = 0x60, protocol, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	s, d := src.As16(), dst.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	return append(b, payload...)
}

// udpOnly is a UDP header and data.
func udpOnly(src, dst netip.AddrPort, data []byte) []byte {
	b := make([]byte, 8, 8+len(data))
	binary.BigEndian.PutUint16(b, src.Port())
	binary.BigEndian.PutUint16(b[2:], dst.Port())
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(data)))
	return append(b, data...)
}

func udpPacket(src, dst netip.AddrPort, data string) []byte {
	return ip(src.Addr(), dst.Addr(), protoUDP, udpOnly(src, dst, []byte(data)))
}

const (
	fin = 1
	syn = 2
	rst = 4
	ack = 16
)

func tcpPacket(src, dst netip.AddrPort, flags byte, seq, acked uint32, data string) []byte {
	b := make([]byte, 20, 20+len(data))
	binary.BigEndian.PutUint16(b, src.Port())
	binary.BigEndian.PutUint16(b[2:], dst.Port())
	binary.BigEndian.PutUint32(b[4:], seq)
	binary.BigEndian.PutUint32(b[8:], acked)
	b[12], b[13] = 0x50, flags
	return ip(src.Addr(), dst.Addr(), protoTCP, append(b, data...))
}

// ethernet puts an Ethernet header before an IP packet, with VLAN tags.
func ethernet(packet []byte, tags ...uint16) []byte {
	b := make([]byte, 12, 14+len(packet))
	for _, t := range tags {
		b = binary.BigEndian.AppendUint16(b, typeVLAN)
		b = binary.BigEndian.AppendUint16(b, t)
	}
	if packet[0]>>4 == 4 {
		b = binary.BigEndian.AppendUint16(b, typeIPv4)
	} else {
		b = binary.BigEndian.AppendUint16(b, typeIPv6)
	}
	return append(b, packet...)
}

// fragment4 cuts an IPv4 packet into fragments of at most size bytes of payload.
func fragment4(packet []byte, id uint16, size int) (list [][]byte) {
	payload := packet[20:]
	for at := 0; at < len(payload); at += size {
		end := min(at+size, len(payload))
		b := slices.Concat(packet[:20], payload[at:end])
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		binary.BigEndian.PutUint16(b[4:], id)
		where := uint16(at / 8)
		if end < len(payload) {
			where |= 0x2000
		}
		binary.BigEndian.PutUint16(b[6:], where)
		list = append(list, b)
	}
	return list
}

// fragment6 cuts an IPv6 packet into fragments.
func fragment6(packet []byte, id uint32, size int) (list [][]byte) {
	payload := packet[40:]
	for at := 0; at < len(payload); at += size {
		end := min(at+size, len(payload))
		header := make([]byte, 8)
		header[0] = packet[6]
		where := uint16(at)
		if end < len(payload) {
			where |= 1
		}
		binary.BigEndian.PutUint16(header[2:], where)
		binary.BigEndian.PutUint32(header[4:], id)
		b := slices.Concat(packet[:40], header, payload[at:end])
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		b[6] = protoFragment
		list = append(list, b)
	}
	return list
}

// got is a piece that was delivered, with data of its own.
type got struct {
	src, dst         netip.AddrPort
	out              bool
	data             string
	start, end, lost bool
}

// pieces runs raw IP packets through an assembler.
func pieces(a *Assembler, packets ...[]byte) (list []got) {
	for i, b := range packets {
		a.Frame(Frame{Time: noon.Add(time.Duration(i) * time.Millisecond), Link: LinkRaw, Data: b}, func(p *Packet) {
			list = append(list, got{p.Src, p.Dst, p.Out, string(p.Data), p.Start, p.End, p.Lost})
		})
	}
	return list
}

func wantPieces(t *testing.T, g, want []got) {
	t.Helper()
	if !slices.Equal(g, want) {
		t.Errorf("got  %+v\nwant %+v", g, want)
	}
}

// ownPBX knows the PBX's addresses.
func ownPBX() *Assembler {
	return &Assembler{Own: func(a netip.Addr) bool { return a == pbx.Addr() || a == pbx6.Addr() }}
}
