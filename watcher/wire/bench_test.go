package wire

import (
	"strings"
	"testing"
)

// register is about as long as what a phone sends.
var register = strings.Repeat("x", 600)

// TestNoAllocation: the common path makes no garbage.
func TestNoAllocation(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"udp", ethernet(udpPacket(caller, pbx, register))},
		{"udp v6", ethernet(udpPacket(caller6, pbx6, register))},
		{"tcp", ethernet(tcpPacket(caller, pbx, ack, 101, 501, ""))},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := ownPBX()
			pieces(a, handshake()...)
			n := 0
			deliver := func(p *Packet) { n += len(p.Data) }
			if got := testing.AllocsPerRun(100, func() { a.Frame(Frame{Time: noon, Link: LinkEthernet, Card: 3, Data: c.frame}, deliver) }); got != 0 {
				t.Errorf("got %v allocations, want 0", got)
			}
		})
	}
}

func BenchmarkFrameUDP(b *testing.B) {
	a := ownPBX()
	a.Guarded = func(port uint16) bool { return port == 5060 }
	frame := ethernet(udpPacket(caller, pbx, register))
	deliver := func(*Packet) {}
	for b.Loop() {
		a.Frame(Frame{Time: noon, Link: LinkEthernet, Card: 3, Data: frame}, deliver)
	}
}

func BenchmarkFrameTCP(b *testing.B) {
	a := ownPBX()
	a.Guarded = func(port uint16) bool { return port == 5060 }
	pieces(a, handshake()...)
	deliver := func(*Packet) {}
	seq := uint32(101)
	frame := ethernet(in(seq, register))
	for b.Loop() {
		a.Frame(Frame{Time: noon, Link: LinkEthernet, Card: 3, Data: frame}, deliver)
		seq += uint32(len(register))
		frame[14+20+4], frame[14+20+5], frame[14+20+6], frame[14+20+7] = byte(seq>>24), byte(seq>>16), byte(seq>>8), byte(seq)
	}
}
