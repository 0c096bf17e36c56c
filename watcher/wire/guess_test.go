package wire

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

func TestGuess(t *testing.T) {
	at := netip.MustParseAddrPort
	star := func(server string, n int) (list [][2]netip.AddrPort) {
		for i := range n {
			list = append(list, [2]netip.AddrPort{at(fmt.Sprintf("198.51.100.%d:5060", i)), at(server)})
		}
		return list
	}
	six := [2]netip.AddrPort{caller6, pbx6}
	for _, c := range []struct {
		name  string
		pairs [][2]netip.AddrPort
		want  string
	}{
		{"nothing", nil, "[]"},
		{"many callers", star("192.0.2.10:5060", 5), "[192.0.2.10]"},
		{"many callers, v6 too", append(star("192.0.2.10:5060", 5), six), "[192.0.2.10 2001:db8::10]"},
		{"a caller of one", [][2]netip.AddrPort{{caller, pbx}, {pbx, caller}}, "[192.0.2.10]"},
		{"we call a trunk too", append(star("192.0.2.10:5060", 5), [2]netip.AddrPort{at("192.0.2.10:5060"), at("203.0.113.1:5060")}), "[192.0.2.10]"},
		{"an answer first", [][2]netip.AddrPort{{pbx, caller}}, "[192.0.2.10]"},
		{"media alone", [][2]netip.AddrPort{{at("198.51.100.1:10000"), at("192.0.2.10:10002")}}, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := Guess{Service: func(p uint16) bool { return p == 5060 }}
			for _, p := range c.pairs {
				g.Add(&Packet{Src: p[0], Dst: p[1]})
			}
			if got := fmt.Sprint(g.Own()); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestGuessBelievesTheCapture(t *testing.T) {
	g := Guess{Service: func(p uint16) bool { return p == 5060 }}
	g.Add(&Packet{Src: pbx, Dst: caller, Out: true})
	for i := range 10 {
		g.Add(&Packet{Src: netip.AddrPortFrom(pbx.Addr(), uint16(5060+i)), Dst: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 5060), Out: true})
	}
	if got, want := g.Own(), []netip.Addr{pbx.Addr()}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestGuessByWhatIsSaid: a service on a port of its own, asked from a service port.
func TestGuessByWhatIsSaid(t *testing.T) {
	g := Guess{
		Service: func(p uint16) bool { return p == 5060 },
		Says: func(data []byte) Saying {
			return map[string]Saying{"ask": Request, "say": Answer}[string(data)]
		},
	}
	asker, asked := netip.MustParseAddrPort("198.51.100.1:5060"), netip.MustParseAddrPort("192.0.2.10:5062")
	g.Add(&Packet{Src: asker, Dst: asked, Data: []byte("ask")})
	g.Add(&Packet{Src: asked, Dst: asker, Data: []byte("say")})
	if got, want := g.Own(), []netip.Addr{asked.Addr()}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestGuessFromConnections: a trace of an Ethernet card says nothing of directions, for
// no piece of a connection either.
func TestGuessFromConnections(t *testing.T) {
	g := Guess{Service: func(p uint16) bool { return p == 5060 }}
	var a Assembler
	hole := [][]byte{in(104, "def"), tcpPacket(pbx, caller, ack, 501, 107, ""), tcpPacket(caller, pbx, rst, 107, 0, "")}
	for _, b := range append(handshake(), hole...) {
		a.Frame(Frame{Time: noon, Link: LinkRaw, Data: b}, func(p *Packet) {
			if p.Out {
				t.Errorf("a piece from %v is said to be sent by this host", p.Src)
			}
			g.Add(p)
		})
	}
	a.Frame(Frame{Time: noon, Link: LinkRaw, Data: udpPacket(caller6, pbx6, "x")}, g.Add)
	if got, want := fmt.Sprint(g.Own()), "[192.0.2.10 2001:db8::10]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
