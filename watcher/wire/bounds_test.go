package wire

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
)

// TestMemoryIsBounded: the sender chooses how many connections and fragments there are.
func TestMemoryIsBounded(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	a := ownPBX()
	send := func(packet []byte) { a.packet(noon, packet, In, 1, false, func(*Packet) {}) }
	data := make([]byte, 1400)
	for i := range uint32(3 * maxEstablished) {
		var b [16]byte
		copy(b[:], []byte{0x20, 1, 0x0d, 0xb8})
		binary.BigEndian.PutUint32(b[12:], i)
		from := netip.AddrPortFrom(netip.AddrFrom16(b), 5060)
		send(tcpPacket(from, pbx6, syn, 100, 0, ""))
		if i%3 > 0 { // both ends speak, and then bytes are missing
			send(tcpPacket(pbx6, from, syn|ack, 500, 101, ""))
			send(tcpPacket(from, pbx6, ack, 101, 501, ""))
			send(tcpPacket(from, pbx6, ack, 201, 501, string(data[:1+i%200])))
		}
		for n, part := range fragment6(udpPacket(from, pbx6, string(data)), i, 1200) {
			if n == 0 {
				send(part)
			}
		}
	}
	checkStreams(t, &a.streams)
	took := int64(heap()) - int64(before)
	t.Logf("the tables are full: %d KiB", took>>10)
	if took > mostMemory {
		t.Errorf("got %d KiB, want no more than %d KiB", took>>10, mostMemory>>10)
	}
	if s := &a.streams; s.established.n != maxEstablished || s.young.n < maxYoung-1 || a.fragments.bytes < maxHalfBytes/2 {
		t.Errorf("got %d and %d connections and %d bytes of fragments: the tables are not full", s.established.n, s.young.n, a.fragments.bytes)
	}
	runtime.KeepAlive(a)
}

// mostMemory is what an assembler may take.
const mostMemory = 13 << 17
