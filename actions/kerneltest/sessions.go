package kerneltest

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const Bystander4, Bystander6 = "198.51.100.67", "2001:db8:1::67"

// Sessions are connections over TCP that a PBX has, by who called and how.
type Sessions struct {
	Server, Client map[string]*net.TCPConn
	Dial           func(from, to string) (server, client *net.TCPConn)
}

// NewSessions lets the attacker and a bystander call the PBX, over IPv4, IPv6, and IPv4
// to a socket of IPv6.
func NewSessions(t *testing.T) *Sessions {
	t.Helper()
	a := NewAttacker(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pbx, err := netns.Get()
	must(err)
	t.Cleanup(func() { pbx.Close() })
	inside := func(do func()) {
		t.Helper()
		must(netns.Set(a.NS))
		do()
		must(netns.Set(pbx))
	}
	inside(func() {
		link, err := netlink.LinkByName("wild")
		must(err)
		for _, addr := range []string{Bystander4 + "/24", Bystander6 + "/64"} {
			add, err := netlink.ParseAddr(addr)
			must(err)
			add.Flags |= unix.IFA_F_NODAD
			must(netlink.AddrAdd(link, add))
		}
	})
	listeners := map[string]net.Listener{}
	both := net.ListenConfig{Control: func(network, _ string, raw syscall.RawConn) (err error) {
		failed := raw.Control(func(fd uintptr) {
			if network == "tcp6" { // Go takes a namespace without a loopback for one without mapped addresses
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
			}
		})
		return errors.Join(failed, err)
	}}
	for addr, on := range map[string]string{PBX4 + ":5060": PBX4 + ":5060", "[" + PBX6 + "]:5060": "[" + PBX6 + "]:5060", PBX4 + ":5061": "[::]:5061"} {
		network := "tcp4"
		if strings.HasPrefix(on, "[") {
			network = "tcp6"
		}
		l, err := both.Listen(context.Background(), network, on)
		must(err)
		t.Cleanup(func() { l.Close() })
		listeners[addr] = l
	}
	s := &Sessions{Server: map[string]*net.TCPConn{}, Client: map[string]*net.TCPConn{}}
	s.Dial = func(from, to string) (server, client *net.TCPConn) {
		t.Helper()
		inside(func() {
			d := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			conn, err := d.Dial("tcp", to)
			must(err)
			client = conn.(*net.TCPConn)
		})
		conn, err := listeners[to].Accept()
		must(err)
		server = conn.(*net.TCPConn)
		t.Cleanup(func() { client.Close(); server.Close() })
		return server, client
	}
	for name, call := range map[string][2]string{
		"attacker v4": {Attacker4, PBX4 + ":5060"}, "attacker v6": {Attacker6, "[" + PBX6 + "]:5060"}, "attacker mapped": {Attacker4, PBX4 + ":5061"},
		"bystander v4": {Bystander4, PBX4 + ":5060"}, "bystander v6": {Bystander6, "[" + PBX6 + "]:5060"}, "bystander mapped": {Bystander4, PBX4 + ":5061"},
	} {
		s.Server[name], s.Client[name] = s.Dial(call[0], call[1])
	}
	return s
}

// Open reports whether the kernel holds a connection for established: it needs no
// waiting for what does not happen.
func Open(t *testing.T, conn *net.TCPConn) bool {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const established = 1
	var info *unix.TCPInfo
	if failed := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	return info.State == established
}

// WantOpen checks which of the sessions are open.
func (s *Sessions) WantOpen(t *testing.T, want ...string) {
	t.Helper()
	for name, conn := range s.Server {
		if got := Open(t, conn); got != slices.Contains(want, name) {
			t.Errorf("%s: got open %v", name, got)
		}
	}
}

// WantEnded checks that both ends of a session see its end, and not by a timeout.
func (s *Sessions) WantEnded(t *testing.T, name string) {
	t.Helper()
	for side, conn := range map[error]*net.TCPConn{unix.ECONNABORTED: s.Server[name], unix.ECONNRESET: s.Client[name]} {
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, side) {
			t.Errorf("%s: got error %v, want %v", name, err, side)
		}
	}
}

// WantTalk checks that a session carries words both ways.
func WantTalk(t *testing.T, name string, from, to *net.TCPConn) {
	t.Helper()
	for range 2 {
		buf := make([]byte, 4)
		to.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := from.Write([]byte("ping")); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if _, err := io.ReadFull(to, buf); err != nil || string(buf) != "ping" {
			t.Errorf("%s: got %q, error %v", name, buf, err)
		}
		from, to = to, from
	}
}
