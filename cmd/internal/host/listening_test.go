package host

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestListening looks at this very test: it listens, and has a connection that is none.
func TestListening(t *testing.T) {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Skip("this system has no /proc")
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	peer, err := net.Dial("udp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()

	got := Listening("/proc", Processes("/proc", strings.TrimSpace(string(comm))))
	port := func(a net.Addr) uint16 {
		switch a := a.(type) {
		case *net.UDPAddr:
			return uint16(a.Port)
		case *net.TCPAddr:
			return uint16(a.Port)
		}
		return 0
	}
	if !slices.Contains(got.UDP, port(udp.LocalAddr())) || !slices.Contains(got.TCP, port(tcp.Addr())) {
		t.Errorf("got %v, want UDP %s and TCP %s", got, udp.LocalAddr(), tcp.Addr())
	}
	if slices.Contains(got.UDP, port(peer.LocalAddr())) {
		t.Errorf("got %v, want no port of a socket that has a peer: %s", got, peer.LocalAddr())
	}
	if other := Listening("/proc", Processes("/proc", "no such program")); len(other.UDP)+len(other.TCP) != 0 {
		t.Errorf("got %v for a program that does not run", other)
	}
	none := filepath.Join(t.TempDir(), "proc")
	if found := Listening(none, Processes(none, "asterisk")); len(found.UDP)+len(found.TCP) != 0 {
		t.Errorf("got %v without /proc", found)
	}
}
