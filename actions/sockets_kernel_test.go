package actions

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const bystander4, bystander6 = "198.51.100.67", "2001:db8:1::67"

// sessions are connections over TCP that a PBX has, by who called and how.
type sessions struct {
	server, client map[string]*net.TCPConn
	dial           func(from, to string) (server, client *net.TCPConn)
}

// newSessions lets the attacker and a bystander call the PBX, over IPv4, IPv6, and IPv4
// to a socket of IPv6.
func newSessions(t *testing.T) *sessions {
	t.Helper()
	a := newAttacker(t)
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
		must(netns.Set(a.ns))
		do()
		must(netns.Set(pbx))
	}
	inside(func() {
		link, err := netlink.LinkByName("wild")
		must(err)
		for _, addr := range []string{bystander4 + "/24", bystander6 + "/64"} {
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
	for addr, on := range map[string]string{pbx4 + ":5060": pbx4 + ":5060", "[" + pbx6 + "]:5060": "[" + pbx6 + "]:5060", pbx4 + ":5061": "[::]:5061"} {
		network := "tcp4"
		if strings.HasPrefix(on, "[") {
			network = "tcp6"
		}
		l, err := both.Listen(context.Background(), network, on)
		must(err)
		t.Cleanup(func() { l.Close() })
		listeners[addr] = l
	}
	s := &sessions{server: map[string]*net.TCPConn{}, client: map[string]*net.TCPConn{}}
	s.dial = func(from, to string) (server, client *net.TCPConn) {
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
		"attacker v4": {attacker4, pbx4 + ":5060"}, "attacker v6": {attacker6, "[" + pbx6 + "]:5060"}, "attacker mapped": {attacker4, pbx4 + ":5061"},
		"bystander v4": {bystander4, pbx4 + ":5060"}, "bystander v6": {bystander6, "[" + pbx6 + "]:5060"}, "bystander mapped": {bystander4, pbx4 + ":5061"},
	} {
		s.server[name], s.client[name] = s.dial(call[0], call[1])
	}
	return s
}

// open reports whether the kernel holds a connection for established: it needs no
// waiting for what does not happen.
func open(t *testing.T, conn *net.TCPConn) bool {
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

// wantOpen checks which of the sessions are open.
func (s *sessions) wantOpen(t *testing.T, want ...string) {
	t.Helper()
	for name, conn := range s.server {
		if got := open(t, conn); got != slices.Contains(want, name) {
			t.Errorf("%s: got open %v", name, got)
		}
	}
}

// wantEnded checks that both ends of a session are told, and not by a timeout.
func (s *sessions) wantEnded(t *testing.T, name string) {
	t.Helper()
	for side, conn := range map[error]*net.TCPConn{unix.ECONNABORTED: s.server[name], unix.ECONNRESET: s.client[name]} {
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, side) {
			t.Errorf("%s: got error %v, want %v", name, err, side)
		}
	}
}

// wantTalk checks that a session carries words both ways.
func wantTalk(t *testing.T, name string, from, to *net.TCPConn) {
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

// TestTCPEnds: with the option a ban ends the connections of its source on our side at
// once, and nobody else's; without it they stay.
func TestTCPEnds(t *testing.T) {
	bystanders := []string{"bystander v4", "bystander v6", "bystander mapped"}
	for _, kind := range []string{"ipset", "iptables", "nftables"} {
		for _, hook := range []string{"raw", "filter"} {
			t.Run(kind+"/"+hook, func(t *testing.T) {
				s := newSessions(t)
				withTools(t, "nft")
				e := mustOpen(t, kind, Options{Hook: hook, EndTCP: true})
				if degraded := mustSetup(t, e); len(degraded) > 0 {
					t.Fatalf("got degraded %v, want none", degraded)
				}
				mustBan(t, e, attacker4+"/32", time.Hour)
				s.wantOpen(t, append(bystanders, "attacker v6")...)
				mustBan(t, e, "2001:db8:1::66/128", time.Hour) // so soon after it may be left to Check
				eventually(t, "the connection over IPv6 ends", func() bool {
					if _, _, err := e.Check(); err != nil {
						t.Fatal(err)
					}
					return !open(t, s.server["attacker v6"])
				})
				for _, name := range []string{"attacker v4", "attacker v6", "attacker mapped"} {
					s.wantEnded(t, name)
				}
				for _, name := range bystanders {
					wantTalk(t, name, s.client[name], s.server[name])
				}
				server, client := s.dial(bystander4, pbx4+":5061") // who listens still does
				wantTalk(t, "a new call", client, server)
			})
			t.Run(kind+"/"+hook+"/not asked for", func(t *testing.T) {
				s := newSessions(t)
				withTools(t, "nft")
				e := mustOpen(t, kind, Options{Hook: hook})
				mustSetup(t, e)
				for _, p := range []string{attacker4 + "/32", attacker6 + "/128"} {
					mustBan(t, e, p, time.Hour)
				}
				if _, _, err := e.Check(); err != nil {
					t.Fatal(err)
				}
				s.wantOpen(t, append(bystanders, "attacker v4", "attacker v6", "attacker mapped")...)
			})
		}
	}
}

// TestSockets: the kernel's name of a socket is that socket's alone, and walks end
// all that is asked for, so many at a time.
func TestSockets(t *testing.T) {
	s := newSessions(t)
	ends, err := openSockets()
	if err != nil {
		t.Fatal(err)
	}
	defer ends.socket.Close()
	if err := ends.try(); err != nil {
		t.Fatal(err)
	}
	everybody := []string{"bystander v4", "bystander v6", "bystander mapped", "attacker v4", "attacker v6", "attacker mapped"}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		var found []tcpSocket
		err := ends.ask(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP, socketStates, tcpSocket{family: family}, func(msg []byte) bool {
			if t, ok := parseSocket(msg); ok {
				found = append(found, t)
			}
			return true
		})
		if want := map[uint8]int{unix.AF_INET: 2, unix.AF_INET6: 4}[family]; err != nil || len(found) != want {
			t.Fatalf("family %d: got %v, error %v, want %d sockets", family, found, err, want)
		}
		for _, other := range found {
			other.id[40]++ // as if the port had been taken anew
			if err := ends.destroy(other); err != nil {
				t.Errorf("another in its place: %v", err)
			}
		}
	}
	s.wantOpen(t, everybody...)
	ends.most = 2
	for i, want := range []bool{false, false, true} { // two, two and one
		all, err := ends.end(of{netip.MustParsePrefix("198.51.100.0/24"): {}, netip.MustParsePrefix("2001:db8:1::66/128"): {}})
		if all != want || err != nil {
			t.Errorf("walk %d: got all %v, error %v", i, all, err)
		}
	}
	s.wantOpen(t, "bystander v6")
	for _, name := range everybody {
		if name != "bystander v6" {
			s.wantEnded(t, name)
		}
	}
}

// TestSocketsAreTriedAgain: what the kernel refuses is told by Check, and done when it
// no longer does.
func TestSocketsAreTriedAgain(t *testing.T) {
	s := newSessions(t)
	f, err := openFlows(Options{Hook: "raw", EndTCP: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	restore := withoutRight(t, unix.CAP_NET_ADMIN)
	f.end([]setMember{{prefix: netip.MustParsePrefix(attacker4 + "/32")}})
	later := time.Now().Add(time.Hour) // no walk rests so long
	if err := f.settle(later); !errors.Is(err, unix.EPERM) {
		t.Errorf("got error %v, want %v", err, unix.EPERM)
	}
	s.wantOpen(t, "bystander v4", "bystander v6", "bystander mapped", "attacker v4", "attacker v6", "attacker mapped")
	restore()
	if err := f.settle(later.Add(time.Hour)); err != nil || len(f.ended) > 0 {
		t.Errorf("got %v waiting, error %v", f.ended, err)
	}
	s.wantOpen(t, "bystander v4", "bystander v6", "bystander mapped", "attacker v6")
}

// withoutRight takes a capability from the test's thread until it is restored.
func withoutRight(t *testing.T, right uint) (restore func()) {
	t.Helper()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&head, &had[0]); err != nil {
		t.Fatal(err)
	}
	set := func(rights [2]unix.CapUserData) {
		t.Helper()
		if err := unix.Capset(&head, &rights[0]); err != nil {
			t.Fatal(err)
		}
	}
	fewer := had
	fewer[right/32].Effective &^= 1 << (right % 32)
	set(fewer)
	return func() { set(had) }
}
