package names

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// server is a small name server on this machine, over UDP and TCP. It knows what its zone
// says, and cuts an answer over UDP that is longer than 512 bytes (RFC 1035 4.2.1).
type server struct {
	addr netip.AddrPort

	mu     sync.Mutex
	zone   map[string][]dnsmessage.ResourceBody // by name with the last dot; guarded by mu
	broken bool                                 // it answers each question with SERVFAIL
	asked  map[string]int                       // by network and type
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{zone: map[string][]dnsmessage.ResourceBody{}, asked: map[string]int{}}
	stream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = netip.MustParseAddrPort(stream.Addr().String())
	packets, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.addr))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { s.servePackets(packets) })
	serving.Go(func() { s.serveStream(stream) })
	t.Cleanup(func() { stream.Close(); packets.Close(); serving.Wait() })
	return s
}

func (s *server) servePackets(conn *net.UDPConn) {
	packet := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(packet)
		if err != nil {
			return
		}
		conn.WriteToUDPAddrPort(s.answer("udp", packet[:n]), from)
	}
}

func (s *server) serveStream(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err == nil {
			query := make([]byte, binary.BigEndian.Uint16(size[:]))
			io.ReadFull(conn, query)
			answer := s.answer("tcp", query)
			conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
		}
		conn.Close()
	}
}

func (s *server) answer(network string, query []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	s.asked[network+" "+q.Type.String()]++
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
	bodies, known := s.zone[strings.ToLower(q.Name.String())]
	switch {
	case s.broken:
		reply.RCode = dnsmessage.RCodeServerFailure
	case !known:
		reply.RCode = dnsmessage.RCodeNameError
	}
	if reply.RCode == dnsmessage.RCodeSuccess {
		for _, b := range bodies {
			if kind := kindOf(b); kind == q.Type {
				reply.Answers = append(reply.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: kind, Class: dnsmessage.ClassINET, TTL: 60}, Body: b,
				})
			}
		}
	}
	text, err := reply.Pack()
	if err == nil && network == "udp" && len(text) > 512 {
		reply.Answers, reply.Truncated = nil, true
		text, err = reply.Pack()
	}
	if err != nil {
		return nil
	}
	return text
}

func kindOf(b dnsmessage.ResourceBody) dnsmessage.Type {
	switch b := b.(type) {
	case *dnsmessage.AResource:
		return dnsmessage.TypeA
	case *dnsmessage.AAAAResource:
		return dnsmessage.TypeAAAA
	case *dnsmessage.SRVResource:
		return dnsmessage.TypeSRV
	case *dnsmessage.UnknownResource:
		return b.Type
	}
	return 0
}

func (s *server) put(name string, bodies ...dnsmessage.ResourceBody) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone[name+"."] = append(s.zone[name+"."], bodies...)
}

func (s *server) breakDown(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

// count is how often it was asked for a type over a network.
func (s *server) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[what]
}

func host(addr string) dnsmessage.ResourceBody {
	a := netip.MustParseAddr(addr)
	if a.Is4() {
		return &dnsmessage.AResource{A: a.As4()}
	}
	return &dnsmessage.AAAAResource{AAAA: a.As16()}
}

func srv(target string) dnsmessage.ResourceBody {
	return &dnsmessage.SRVResource{Priority: 10, Weight: 1, Port: 5060, Target: dnsmessage.MustNewName(target + ".")}
}

// pointer is a NAPTR record.
func pointer(flags, service, replacement string) dnsmessage.ResourceBody {
	return &dnsmessage.UnknownResource{Type: typeNAPTR, Data: naptrBytes(flags, service, "", replacement)}
}

func naptrBytes(flags, service, regexp, replacement string) []byte {
	data := []byte{0, 10, 0, 50}
	for _, field := range []string{flags, service, regexp} {
		data = append(append(data, byte(len(field))), field...)
	}
	for label := range strings.SplitSeq(replacement, ".") {
		if label != "" {
			data = append(append(data, byte(len(label))), label...)
		}
	}
	return append(data, 0)
}
