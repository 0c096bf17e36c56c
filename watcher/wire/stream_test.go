package wire

import (
	"net/netip"
	"strings"
	"testing"
)

// handshake is how a connection begins: the caller's numbers from 101, ours from 501.
func handshake() [][]byte {
	return [][]byte{
		tcpPacket(caller, pbx, syn, 100, 0, ""),
		tcpPacket(pbx, caller, syn|ack, 500, 101, ""),
		tcpPacket(caller, pbx, ack, 101, 501, ""),
	}
}

func in(seq uint32, data string) []byte  { return tcpPacket(caller, pbx, ack, seq, 501, data) }
func out(seq uint32, data string) []byte { return tcpPacket(pbx, caller, ack, seq, 101, data) }

func TestStream(t *testing.T) {
	start := got{src: caller, dst: pbx, start: true}
	from := func(data string) got { return got{src: caller, dst: pbx, data: data} }
	to := func(data string) got { return got{src: pbx, dst: caller, out: true, data: data} }
	lost := func(g got) got { g.lost = true; return g }
	end := func(g got) got { g.end = true; return g }
	acks := func(n uint32) []byte { return tcpPacket(pbx, caller, ack, 501, n, "") }
	for _, c := range []struct {
		name   string
		shaken bool
		then   [][]byte
		want   []got
	}{
		{"a handshake alone", true, nil, []got{start}},
		{"in order", true, [][]byte{in(101, "abc"), out(501, "xyz"), in(104, "def")}, []got{start, from("abc"), to("xyz"), from("def")}},
		{"out of order", true, [][]byte{in(104, "def"), in(107, "ghi"), in(101, "abc")}, []got{start, from("abc"), from("def"), from("ghi")}},
		{"sent twice", true, [][]byte{in(101, "abc"), in(101, "abc"), in(101, "abcd")}, []got{start, from("abc"), from("d")}},
		{"sent twice with other bytes: the first count", true, [][]byte{in(101, "abc"), in(101, "XXXd")}, []got{start, from("abc"), from("d")}},
		{"overlap of what waits", true, [][]byte{in(104, "defg"), in(106, "fghi"), in(101, "abc")}, []got{start, from("abc"), from("defg"), from("hi")}},
		{"missed by the capture, behind", true, [][]byte{in(104, "def"), acks(107), in(107, "ghi")}, []got{start, lost(from("def")), from("ghi")}},
		{"missed by the capture, before", true, [][]byte{acks(104), in(104, "def")}, []got{start, lost(from("def"))}},
		{"the end of both", true, [][]byte{
			tcpPacket(caller, pbx, ack|fin, 101, 501, "bye"), tcpPacket(pbx, caller, ack|fin, 501, 105, ""), in(101, "again"),
		}, []got{start, end(from("bye")), end(to("")), lost(from("again"))}},
		{"reset", true, [][]byte{tcpPacket(pbx, caller, rst, 501, 0, "")}, []got{start, end(to("")), end(from(""))}},
		{"a reset with a guessed number is none", true, [][]byte{tcpPacket(caller, pbx, rst, 99, 0, ""), in(101, "abc")}, []got{start, from("abc")}},
		{"a SYN within a connection is none", true, [][]byte{tcpPacket(caller, pbx, syn, 9000, 0, ""), in(101, "abc")}, []got{start, from("abc")}},
		{"a new connection of the same ports", true, [][]byte{
			in(101, "abc"), tcpPacket(caller, pbx, syn, 9000, 0, ""), tcpPacket(pbx, caller, syn|ack, 7000, 9001, ""), tcpPacket(caller, pbx, ack, 9001, 7001, "new"),
		}, []got{start, from("abc"), {src: caller, dst: pbx, start: true, data: "new"}}},
		{"joined in the middle", false, [][]byte{in(101, "abc"), out(501, "xyz"), in(104, "def")}, []got{lost(from("abc")), lost(to("xyz")), from("def")}},
		{"no start for who guesses the number of our answer", false, [][]byte{
			handshake()[0], handshake()[1], tcpPacket(caller, pbx, ack, 101, 777, "abc"),
		}, []got{from("abc")}},
		{"far ahead is not of this connection", true, [][]byte{in(101+maxAhead+1, "far"), in(101, "abc")}, []got{start, from("abc")}},
		{"the circle of numbers", false, [][]byte{
			tcpPacket(caller, pbx, syn, 0xfffffffd, 0, ""), tcpPacket(pbx, caller, syn|ack, 0xffffffff, 0xfffffffe, ""),
			tcpPacket(caller, pbx, ack, 0xfffffffe, 0, "ab"), tcpPacket(caller, pbx, ack, 0, 0, "cd"),
		}, []got{{src: caller, dst: pbx, start: true, data: "ab"}, from("cd")}},
		{"a refused connection", false, [][]byte{handshake()[0], tcpPacket(pbx, caller, rst|ack, 0, 101, "")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			packets := c.then
			if c.shaken {
				packets = append(handshake(), c.then...)
			}
			a := ownPBX()
			wantPieces(t, pieces(a, packets...), c.want)
			checkStreams(t, &a.streams)
		})
	}
}

// checkStreams holds what is always true of the table.
func checkStreams(t *testing.T, s *streams) {
	t.Helper()
	held := 0
	for k, c := range s.known {
		if c.key != k {
			t.Errorf("connection %x is kept under %x", c.key, k)
		}
		for i := range c.sides {
			of := 0
			for _, w := range c.sides[i].held {
				of += len(w.data) + heldCost
			}
			if of != c.sides[i].heldBytes {
				t.Errorf("a side holds %d bytes, counted %d", of, c.sides[i].heldBytes)
			}
			held += of
		}
	}
	if held != s.held || held > maxHeld {
		t.Errorf("all hold %d bytes, counted %d, at most %d", held, s.held, maxHeld)
	}
	if n := s.young.n + s.established.n; n != len(s.known) || s.young.n > maxYoung || s.established.n > maxEstablished {
		t.Errorf("lists hold %d and %d, the table %d", s.young.n, s.established.n, len(s.known))
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	a := ownPBX()
	pieces(a, handshake()...)
	block := strings.Repeat("x", 1000)
	var list []got
	for i := range uint32(200) {
		list = append(list, pieces(a, in(102+i*1000, block))...)
		checkStreams(t, &a.streams)
	}
	if len(list) == 0 || !list[0].lost {
		t.Fatalf("got %d pieces, want those behind the hole, the first marked", len(list))
	}
	if a.Counts().Gaps == 0 {
		t.Error("the hole is not counted")
	}
}

func TestBeginningsWithoutEndPushOutNoConnection(t *testing.T) {
	a := ownPBX()
	pieces(a, handshake()...)
	for i := range uint32(5 * maxYoung) {
		forged := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), uint16(1024+i))
		pieces(a, tcpPacket(forged, pbx, syn, i, 0, ""), tcpPacket(forged, pbx, ack, i, i, "data"))
	}
	checkStreams(t, &a.streams)
	wantPieces(t, pieces(a, in(101, "abc")), []got{{src: caller, dst: pbx, data: "abc"}})
	if a.Counts().Evicted == 0 {
		t.Error("evictions are not counted")
	}
}
