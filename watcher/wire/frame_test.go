package wire

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
)

func TestFrame(t *testing.T) {
	v4, v6 := udpPacket(caller, pbx, "hello"), udpPacket(caller6, pbx6, "hello")
	cooked := func(kind byte, packet []byte) []byte {
		b := make([]byte, 16)
		b[1] = kind
		binary.BigEndian.PutUint16(b[14:], typeIPv4)
		return append(b, packet...)
	}
	cookedNew := make([]byte, 20)
	binary.BigEndian.PutUint16(cookedNew, typeIPv6)
	cookedNew[10] = 4
	pppoe := append(make([]byte, 12), 0x88, 0x64, 0x11, 0, 0, 1, 0, 42, 0, 0x21)
	mapped := ip(netip.AddrFrom16(caller.Addr().As16()), netip.AddrFrom16(pbx.Addr().As16()), protoUDP, udpOnly(caller, pbx, []byte("hello")))
	extended := ip(caller6.Addr(), pbx6.Addr(), protoHopByHop, append(
		[]byte{protoDestination, 0, 1, 4, 0, 0, 0, 0, protoUDP, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		udpOnly(caller6, pbx6, []byte("hello"))...))
	in4, in6 := got{src: caller, dst: pbx, data: "hello"}, got{src: caller6, dst: pbx6, data: "hello"}
	out6 := in6
	out6.out = true
	for _, c := range []struct {
		name  string
		link  Link
		frame []byte
		want  []got
	}{
		{"ethernet v4", LinkEthernet, ethernet(v4), []got{in4}},
		{"ethernet v6", LinkEthernet, ethernet(v6), []got{in6}},
		{"padding of short frames", LinkEthernet, append(ethernet(v4), 0, 0, 0, 0), []got{in4}},
		{"one vlan tag", LinkEthernet, ethernet(v4, 7), []got{in4}},
		{"two vlan tags", LinkEthernet, ethernet(v6, 7, 8), []got{in6}},
		{"tags without end", LinkEthernet, ethernet(v4, 1, 2, 3, 4, 5), nil},
		{"pppoe", LinkEthernet, append(pppoe, v4...), []got{in4}},
		{"cooked", LinkCooked, cooked(0, v4), []got{in4}},
		{"cooked, second form, sent by us", LinkCookedNew, append(cookedNew, v6...), []got{out6}},
		{"null", LinkNull, append([]byte{2, 0, 0, 0}, v4...), []got{in4}},
		{"loop", LinkLoop, append([]byte{0, 0, 0, 24}, v6...), []got{in6}},
		{"raw", LinkRaw, v4, []got{in4}},
		{"raw, as BSD numbers it", LinkRawBSD, v6, []got{in6}},
		{"raw v4", LinkIPv4, v4, []got{in4}},
		{"raw v6", LinkIPv6, v6, []got{in6}},
		{"mapped addresses", LinkRaw, mapped, []got{in4}},
		{"extension headers", LinkRaw, extended, []got{in6}},
		{"arp", LinkEthernet, append(make([]byte, 12), 8, 6, 0, 1), nil},
		{"nothing", LinkEthernet, nil, nil},
		{"ports alone", LinkRaw, ip(caller.Addr(), pbx.Addr(), protoUDP, []byte{1, 2, 3, 4}), nil},
		{"longer than the packet", LinkRaw, ip(caller.Addr(), pbx.Addr(), protoUDP, []byte{1, 2, 3, 4, 0, 200, 0, 0}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a Assembler
			var list []got
			a.Frame(Frame{Time: noon, Link: c.link, Data: c.frame}, func(p *Packet) {
				list = append(list, got{p.Src, p.Dst, p.Out, string(p.Data), p.Start, p.End, p.Lost})
			})
			wantPieces(t, list, c.want)
		})
	}
}

func TestCutPacketIsCountedAndNotDelivered(t *testing.T) {
	var a Assembler
	wantPieces(t, pieces(&a, udpPacket(caller, pbx, "hello")[:30]), nil)
	if got := a.Counts().Cut; got != 1 {
		t.Errorf("got %d cut, want 1", got)
	}
}

func TestDirection(t *testing.T) {
	other := netip.AddrPortFrom(pbx.Addr(), 40001)
	for _, c := range []struct {
		name     string
		src, dst netip.AddrPort
		out      bool
	}{
		{"from a caller", caller, pbx, false},
		{"to a caller", pbx, caller, true},
		{"on this host, to the guarded port", other, pbx, false},
		{"on this host, from the guarded port", pbx, other, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := ownPBX()
			a.Guarded = func(port uint16) bool { return port == 5060 }
			wantPieces(t, pieces(a, udpPacket(c.src, c.dst, "x")), []got{{src: c.src, dst: c.dst, out: c.out, data: "x"}})
		})
	}
}

func TestUnguardedPortsAreLeftOut(t *testing.T) {
	a := ownPBX()
	a.Guarded = func(port uint16) bool { return port == 5060 }
	rtp := netip.AddrPortFrom(pbx.Addr(), 10_002)
	wantPieces(t, pieces(a, udpPacket(caller, rtp, "voice")), nil)
	if got := a.Counts().Unguarded; got != 1 {
		t.Errorf("got %d unguarded, want 1", got)
	}
}

func TestFragments(t *testing.T) {
	long := string(slices.Repeat([]byte("0123456789"), 300))
	v4, v6 := udpPacket(caller, pbx, long), udpPacket(caller6, pbx6, long)
	f4, f6 := fragment4(v4, 7, 1000), fragment6(v6, 7, 1000)
	in4, in6 := got{src: caller, dst: pbx, data: long}, got{src: caller6, dst: pbx6, data: long}
	shifted := slices.Clone(f4[1])
	binary.BigEndian.PutUint16(shifted[6:], binary.BigEndian.Uint16(shifted[6:])-1)
	longer := fragment4(udpPacket(caller, pbx, long+"more"), 7, 1000)
	beyond := slices.Clone(f4[1])
	binary.BigEndian.PutUint16(beyond[6:], 0x1fff)
	atomic := fragment6(udpPacket(caller6, pbx6, "short"), 9, 1000)
	for _, c := range []struct {
		name    string
		packets [][]byte
		want    []got
	}{
		{"in order", f4, []got{in4}},
		{"in order, v6", f6, []got{in6}},
		{"backwards", [][]byte{f4[3], f4[2], f4[1], f4[0]}, []got{in4}},
		{"one twice", [][]byte{f4[0], f4[1], f4[1], f4[2], f4[3]}, []got{in4}},
		{"one missing", [][]byte{f4[0], f4[2], f4[3]}, nil},
		{"overlap", [][]byte{f4[0], shifted, f4[1], f4[2], f4[3]}, nil},
		{"two ends", [][]byte{f4[3], longer[3], f4[0], f4[1], f4[2]}, nil},
		{"beyond the largest packet", [][]byte{f4[0], beyond, f4[1], f4[2], f4[3]}, nil},
		{"another sender's between", [][]byte{f4[0], f6[0], f4[1], f6[1], f4[2], f6[2], f4[3], f6[3]}, []got{in4, in6}},
		{"a fragment that is the whole", atomic, []got{{src: caller6, dst: pbx6, data: "short"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a Assembler
			wantPieces(t, pieces(&a, c.packets...), c.want)
		})
	}
}

func TestFragmentsOfOneSenderPushOutOnlyHisOwn(t *testing.T) {
	var a Assembler
	f := fragment4(udpPacket(caller, pbx, string(make([]byte, 2000))), 1, 1000)
	flooder := netip.MustParseAddrPort("203.0.113.5:1")
	pieces(&a, f[0], f[1])
	for id := range uint16(1000) {
		pieces(&a, fragment4(udpPacket(flooder, pbx, string(make([]byte, 2000))), id, 1000)[0])
	}
	if got := len(pieces(&a, f[2])); got != 1 {
		t.Errorf("got %d pieces, want the caller's datagram", got)
	}
	if n, b := len(a.fragments.halves), a.fragments.bytes; n > maxHalvesOfOne || b > maxHalfBytes {
		t.Errorf("got %d datagrams and %d bytes held, want at most %d and %d", n, b, maxHalvesOfOne, maxHalfBytes)
	}
}
