package actions

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"pbxjail/actions/kerneltest"
	"pbxjail/configs/ports"
)

// somePorts are two groups: what SIP and what IAX2 listen on.
func somePorts() []Port {
	return []Port{
		{Service: "sip", Proto: "udp", From: 5060, To: 5061}, {Service: "sip", Proto: "udp", From: 10000, To: 20000},
		{Service: "sip", Proto: "tcp", From: 5060, To: 5061}, {Service: "iax", Proto: "udp", From: 4569, To: 4569},
	}
}

// street is a PBX that answers on many ports, and a host of one family that calls it.
type street struct {
	t        *testing.T
	pbx, far netns.NsHandle
	to       netip.Addr
	from     netip.Prefix
	proto    string // "4" or "6"
}

var everyPort = []string{"udp 5060", "udp 10500", "udp 4569", "tcp 22", "tcp 443", "tcp 5060"}

func newStreet(t *testing.T, v6 bool) *street {
	t.Helper()
	s := &street{t: t, to: netip.MustParseAddr(kerneltest.PBX4), from: netip.MustParsePrefix(kerneltest.Attacker4 + "/32"), proto: "4"}
	if v6 {
		s.to, s.from, s.proto = netip.MustParseAddr(kerneltest.PBX6), netip.MustParsePrefix(kerneltest.Attacker6+"/128"), "6"
	}
	s.pbx, s.far = kerneltest.Cable(t)
	for _, door := range everyPort {
		network, at := s.door(door)
		if strings.HasPrefix(network, "udp") {
			conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(at))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			go func() {
				buf := make([]byte, 64)
				for {
					n, from, err := conn.ReadFromUDPAddrPort(buf)
					if err != nil {
						return
					}
					conn.WriteToUDPAddrPort(buf[:n], from)
				}
			}()
			continue
		}
		l, err := net.ListenTCP(network, net.TCPAddrFromAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	return s
}

func (s *street) door(name string) (network string, at netip.AddrPort) {
	var n uint16
	fmt.Sscanf(name, "%s %d", &network, &n)
	return network + s.proto, netip.AddrPortFrom(s.to, n)
}

// knock calls once. A packet that is lost is no answer.
func (s *street) knock(door string, patience time.Duration) error {
	s.t.Helper()
	network, at := s.door(door)
	if err := netns.Set(s.far); err != nil {
		s.t.Fatal(err)
	}
	conn, err := net.DialTimeout(network, at.String(), patience)
	if back := netns.Set(s.pbx); back != nil {
		s.t.Fatal(back)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	if tcp, ok := conn.(*net.TCPConn); ok {
		return tcp.SetLinger(0)
	}
	conn.SetDeadline(time.Now().Add(patience))
	if _, err = conn.Write([]byte("knock")); err == nil {
		_, err = conn.Read(make([]byte, 64))
	}
	return err
}

// wantOpen checks which ports answer: all others must not.
func (s *street) wantOpen(when string, open ...string) {
	s.t.Helper()
	for _, door := range everyPort {
		want := false
		for _, o := range open {
			want = want || o == door
		}
		if !want {
			if err := s.knock(door, 150*time.Millisecond); err == nil {
				s.t.Errorf("%s: %s answers", when, door)
			}
			continue
		}
		kerneltest.Eventually(s.t, when+": an answer of "+door, func() bool { return s.knock(door, time.Second) == nil })
	}
}

func (s *street) ban(e Enforcer, to ports.Set) {
	s.t.Helper()
	if err := e.Ban(s.from, to, time.Hour); err != nil {
		s.t.Fatal(err)
	}
}

// testPorts proves with packets which ports a ban closes.
func testPorts(t *testing.T, open func(testing.TB, Options) Enforcer) {
	for _, v6 := range []bool{false, true} {
		run := func(name string, test func(t *testing.T, s *street, e Enforcer)) {
			t.Run(fmt.Sprintf("ports %s, v6 %t", name, v6), func(t *testing.T) {
				s := newStreet(t, v6)
				e := open(t, Options{Groups: somePorts()})
				mustSetup(t, e)
				test(t, s, e)
			})
		}
		outside := []string{"tcp 22", "tcp 443", "udp 4569"}
		run("close and open", func(t *testing.T, s *street, e Enforcer) {
			p := s.from.String()
			s.wantOpen("before", everyPort...)
			s.ban(e, "sip")
			s.wantOpen("banned for SIP", outside...)
			wantBans(t, e, p+" sip")
			if got := bans(t, e)[p+" sip"].packets; got < 3 || got > 100 {
				t.Errorf("got %d packets dropped, want those to SIP", got)
			}
			s.ban(e, ports.All)
			s.wantOpen("banned for all")
			wantBans(t, e, p)
			s.ban(e, "iax,sip")
			s.wantOpen("banned for SIP and IAX2", "tcp 22", "tcp 443")
			wantBans(t, e, p+" iax", p+" sip")
			if err := e.Unban(s.from); err != nil {
				t.Fatal(err)
			}
			s.wantOpen("after the unban", everyPort...)
			wantBans(t, e)
			if err := e.Ban(s.from, "ami", time.Hour); err == nil || !strings.Contains(err.Error(), "no chain for the ports") {
				t.Errorf("got error %v for a group that is not there", err)
			}
		})
		run("other ports", func(t *testing.T, s *street, e Enforcer) {
			s.ban(e, "sip")
			if err := e.Split([]Port{{Service: "sip", Proto: "tcp", From: 22, To: 22}}); err != nil {
				t.Fatal(err)
			}
			wantBans(t, e, s.from.String()+" sip")
			s.wantOpen("SIP listens on port 22 now", "udp 5060", "udp 10500", "udp 4569", "tcp 443", "tcp 5060")
			if err := e.Split(nil); err != nil {
				t.Fatal(err)
			}
			wantBans(t, e)
			s.wantOpen("there are no groups any more", everyPort...)
			s.ban(e, ports.All)
			s.wantOpen("banned for all")
		})
		run("taken over", func(t *testing.T, s *street, e Enforcer) {
			s.ban(e, "sip")
			mustBan(t, e, "192.0.2.7/32", time.Hour)
			settled(t, e)
			again := open(t, Options{Groups: somePorts()})
			if made, _, err := again.Setup(); err != nil || len(made) > 0 {
				t.Errorf("got %q made, error %v, want all taken over", made, err)
			}
			wantBans(t, again, s.from.String()+" sip", "192.0.2.7/32")
			s.wantOpen("after a restart", outside...)
			wantIntact(t, e, true, 2)
			s.ban(again, ports.All)
			wantBans(t, again, s.from.String(), "192.0.2.7/32")
		})
	}
	t.Run("ports leave nothing", func(t *testing.T) {
		kerneltest.InNamespace(t)
		all := func() string { return firewall(t) + kerneltest.Tool(t, "nft", "list", "ruleset") }
		open(t, Options{}).Close()
		before := firewall(t)
		e := open(t, Options{Groups: somePorts()})
		mustSetup(t, e)
		if err := e.BanAll(func(yield func(ports.Ban) bool) {
			_ = yield(ports.Ban{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Ports: "sip", For: time.Hour}) &&
				yield(ports.Ban{Prefix: netip.MustParsePrefix("2001:db8::/64"), Ports: "iax,sip", For: time.Hour})
		}); err != nil {
			t.Fatal(err)
		}
		wantBans(t, e, "192.0.2.0/24 sip", "2001:db8::/64 iax", "2001:db8::/64 sip")
		if err := e.Teardown(); err != nil {
			t.Fatal(err)
		}
		if after := firewall(t); strings.Contains(all(), "pbxjail") {
			t.Errorf("got %s, want %s", after, before)
		}
	})
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("hook filter rejects, v6 %t", v6), func(t *testing.T) {
			s := newStreet(t, v6)
			e, _, err := Open(kindName(open(t, Options{})), Options{Hook: "filter", Reject: true, Groups: somePorts()})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			mustSetup(t, e)
			refused := func(doors ...string) {
				t.Helper()
				for _, door := range doors {
					// A refusal that comes while connect still runs does not end it: the packet that
					// the kernel sends again after a second does.
					kerneltest.Eventually(t, door+" is refused", func() bool {
						return errors.Is(s.knock(door, 4*time.Second), syscall.ECONNREFUSED)
					})
				}
			}
			s.ban(e, "sip")
			refused("udp 5060", "tcp 5060", "udp 10500")
			s.wantOpen("banned for SIP", "tcp 22", "tcp 443", "udp 4569")
			s.ban(e, ports.All)
			if v6 { // on the same network the ban also drops neighbour discovery, so that no answer arrives
				s.wantOpen("banned for all")
			} else {
				refused(everyPort...)
			}
			wantBans(t, e, s.from.String())
			if err := e.Unban(s.from); err != nil {
				t.Fatal(err)
			}
			s.wantOpen("after the unban", everyPort...)
			if made, _, err := e.Setup(); err != nil || len(made) > 0 {
				t.Errorf("got %q made by a second Setup, error %v", made, err)
			}
		})
	}
}

// kindName is how Open calls the kind of an enforcer.
func kindName(e Enforcer) string {
	for _, k := range kinds() {
		if k.is(e) {
			return k.name
		}
	}
	return "observe"
}

// testPortsRepair: what others remove of groups is put back.
func testPortsRepair(t *testing.T, open func(testing.TB, Options) Enforcer, harms map[string]func(t *testing.T)) {
	for name, harm := range harms {
		t.Run("ports, harm: "+name, func(t *testing.T) {
			s := newStreet(t, false)
			e := open(t, Options{Groups: somePorts()})
			mustSetup(t, e)
			settled(t, e)
			s.ban(e, "sip")
			mustBan(t, e, "192.0.2.1/32", time.Hour)
			wantIntact(t, e, true, 2)
			harm(t)
			if _, _, err := e.Setup(); err != nil {
				t.Fatal(err)
			}
			s.ban(e, "sip")
			mustBan(t, e, "192.0.2.1/32", time.Hour)
			s.wantOpen("after the repair", "tcp 22", "tcp 443", "udp 4569")
			settled(t, e)
			wantIntact(t, e, true, 2)
		})
	}
}

func TestRejectTakesFilter(t *testing.T) {
	_, _, err := Open("auto", Options{Reject: true})
	wantError(t, err, "action: reject does not work")
}
