package wire

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"
)

// FuzzFrame: whatever the frames are, a piece's data lies within them, and the
// bounds hold.
func FuzzFrame(f *testing.F) {
	f.Add(uint32(LinkEthernet), ethernet(udpPacket(caller, pbx, "hello")), ethernet(udpPacket(caller6, pbx6, "hello"), 7))
	f.Add(uint32(LinkRaw), handshake()[0], handshake()[1])
	f.Add(uint32(LinkRaw), in(101, "abc"), in(107, "def"))
	parts := fragment4(udpPacket(caller, pbx, "a datagram in two parts"), 7, 16)
	f.Add(uint32(LinkRaw), parts[0], parts[1])
	parts = fragment6(udpPacket(caller6, pbx6, "a datagram in two parts"), 7, 16)
	f.Add(uint32(LinkRaw), parts[1], parts[0])
	f.Fuzz(func(t *testing.T, link uint32, one, two []byte) {
		a := ownPBX()
		n := 0
		deliver := func(p *Packet) {
			n += len(p.Data)
			if !p.Src.Addr().IsValid() || p.Src.Addr().Is4In6() || p.Dst.Addr().Is4In6() {
				t.Errorf("got a piece from %v to %v", p.Src, p.Dst)
			}
			if !p.TCP && (p.Start || p.End || p.Lost) {
				t.Errorf("got a datagram with marks of TCP: %+v", p)
			}
		}
		for i, frame := range [][]byte{one, two, one, two} {
			a.Frame(Frame{Time: noon.Add(time.Duration(i) * time.Second), Link: Link(link), Data: frame}, deliver)
		}
		if most := 2 * (len(one) + len(two)); n > most {
			t.Errorf("delivered %d bytes of %d", n, most)
		}
		checkStreams(t, &a.streams)
	})
}

// FuzzSegments plays segments of one connection in an order of the fuzzer's
// choice: what is delivered without a gap is what was sent.
func FuzzSegments(f *testing.F) {
	f.Add([]byte("the text that is sent in one direction"), []byte{0, 5, 20, 4, 5, 30, 0, 60})
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		if len(text) > 4<<10 || len(cuts) > 200 {
			return
		}
		a := ownPBX()
		pieces(a, handshake()...)
		at := 0
		for i := 0; i+1 < len(cuts); i += 2 {
			from := min(int(cuts[i])*len(text)/255, len(text))
			to := min(from+int(cuts[i+1]), len(text))
			for _, g := range pieces(a, in(101+uint32(from), string(text[from:to]))) {
				if g.lost {
					t.Fatal("a gap, though nothing that was acknowledged is missing")
				}
				if g.data != string(text[at:at+len(g.data)]) {
					t.Fatalf("at %d: got %q", at, g.data)
				}
				at += len(g.data)
			}
			checkStreams(t, &a.streams)
		}
	})
}

// FuzzFragments: whatever the order, a datagram is delivered whole or not at all.
func FuzzFragments(f *testing.F) {
	f.Add([]byte("a datagram of several parts that come in any order"), []byte{3, 1, 2, 0}, uint8(2))
	f.Fuzz(func(t *testing.T, text, order []byte, units uint8) {
		if len(text) > 8<<10 || len(order) > 200 {
			return
		}
		parts := fragment4(udpPacket(caller, pbx, string(text)), 7, 8*max(int(units), 1))
		a := ownPBX()
		for _, i := range order {
			for _, g := range pieces(a, parts[int(i)%len(parts)]) {
				if g.data != string(text) {
					t.Fatalf("got %q, want %q", g.data, text)
				}
			}
		}
		if a.fragments.bytes < 0 || a.fragments.bytes > maxHalfBytes || len(a.fragments.order) != len(a.fragments.halves) {
			t.Fatalf("got %d bytes of %d datagrams in an order of %d", a.fragments.bytes, len(a.fragments.halves), len(a.fragments.order))
		}
	})
}

// FuzzTrace: any bytes end in an error or in packets no longer than the file.
func FuzzTrace(f *testing.F) {
	le, be := binary.LittleEndian, binary.BigEndian
	f.Add(pcap(le, magicMicro, LinkRaw, time.Microsecond, Frame{Time: noon, Data: []byte("first")}))
	f.Add(pcap(be, magicNano, LinkEthernet, time.Nanosecond, Frame{Time: noon, Data: []byte("first")}))
	f.Add(slices.Concat(section(be), describe(be, LinkRaw, 9, 0), describe(be, LinkCooked, 0xbf, -1), enhanced(be, 1, 1<<63, 2, []byte("one")), simple(be, []byte("two"))))
	f.Add(packed(pcap(le, magicMicro, LinkRaw, time.Microsecond)))
	f.Fuzz(func(t *testing.T, file []byte) {
		if bytes.HasPrefix(file, []byte("\x1f\x8b")) {
			return // what gzip makes larger is not bounded by the file
		}
		list, _, err := readAll(file)
		n := 0
		for _, f := range list {
			n += len(f.Data)
			if y := f.Time.Year(); y < -5000 || y > 10_000 {
				t.Errorf("got a packet of the year %d", y)
			}
		}
		if n > len(file) {
			t.Errorf("got %d bytes of packets from %d, error %v", n, len(file), err)
		}
	})
}
