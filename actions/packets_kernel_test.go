package actions

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// attacker is a host of its own, joined to the PBX (the test's namespace) by a
// cable, with one UDP socket per family that never changes its port: conntrack
// sees one established flow, before the ban, during it and after.
type attacker struct {
	v4, v6 *net.UDPConn
	ns     netns.NsHandle
}

const (
	pbx4, attacker4 = "198.51.100.1", "198.51.100.66"
	pbx6, attacker6 = "2001:db8:1::1", "2001:db8:1::66"
)

// newAttacker makes the second namespace, the cable, and a PBX that echoes.
func newAttacker(t *testing.T) *attacker {
	t.Helper()
	pbx := inNamespace(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(netns.Set(pbx))
	must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "pbx"}, PeerName: "wild", PeerNamespace: netlink.NsFd(ns)}))
	up := func(name string, addrs ...string) {
		link, err := netlink.LinkByName(name)
		must(err)
		for _, addr := range addrs {
			a, err := netlink.ParseAddr(addr)
			must(err)
			a.Flags |= unix.IFA_F_NODAD // usable at once
			must(netlink.AddrAdd(link, a))
		}
		must(netlink.LinkSetUp(link))
	}
	up("pbx", pbx4+"/24", pbx6+"/64")
	for _, addr := range []string{pbx4, pbx6} {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 5060)))
		must(err)
		t.Cleanup(func() { conn.Close() })
		go echo(conn)
	}
	must(netns.Set(ns))
	up("wild", attacker4+"/24", attacker6+"/64")
	a := &attacker{ns: ns}
	dial := func(to string) *net.UDPConn {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), 5060)))
		must(err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	a.v4, a.v6 = dial(pbx4), dial(pbx6)
	must(netns.Set(pbx))
	return a
}

// echo answers each packet until the connection is closed.
func echo(conn *net.UDPConn) {
	buf := make([]byte, 64)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		conn.WriteToUDPAddrPort(buf[:n], from)
	}
}

// answered sends packets of this text until one comes back, and fails if
// another text does: that packet was to be dropped.
func answered(t *testing.T, conn *net.UDPConn, text string) {
	t.Helper()
	eventually(t, "an answer to "+text, func() bool {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		buf := make([]byte, 64)
		n, err := conn.Read(buf)
		if got := string(buf[:n]); err == nil && got != text && got != "before" {
			t.Fatalf("got an answer to %q", got)
		}
		return err == nil && string(buf[:n]) == text
	})
}

// testPackets proves with packets that a ban drops and an unban does not.
func testPackets(t *testing.T, open func(testing.TB, Options) Enforcer) {
	cases := []struct {
		name, prefix string
		conn         func(*attacker) *net.UDPConn
	}{
		{"packets v4", attacker4 + "/32", func(a *attacker) *net.UDPConn { return a.v4 }},
		{"packets v4 in a range", "198.51.100.64/27", func(a *attacker) *net.UDPConn { return a.v4 }},
		{"packets v6", attacker6 + "/128", func(a *attacker) *net.UDPConn { return a.v6 }},
		{"packets v6 in a range", "2001:db8:1::/65", func(a *attacker) *net.UDPConn { return a.v6 }},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			a := newAttacker(t)
			conn := test.conn(a)
			e := open(t, Options{})
			mustSetup(t, e)
			answered(t, conn, "before")
			mustBan(t, e, test.prefix, time.Hour)
			// The kernel counts what it drops, so there is no waiting for
			// silence: all ten dropped is none let through.
			const sent = 10
			start := bans(t, e)[netip.MustParsePrefix(test.prefix).Masked().String()].packets
			for i := range sent {
				if _, err := fmt.Fprintf(conn, "banned %d", i); err != nil {
					t.Fatal(err)
				}
			}
			var got banned
			eventually(t, "ten packets dropped", func() bool {
				got = bans(t, e)[netip.MustParsePrefix(test.prefix).Masked().String()]
				return got.packets >= start+sent
			})
			if got.bytes < sent*28 { // a head of IPv4 and UDP each
				t.Errorf("got %d bytes dropped, want at least %d", got.bytes, sent*28)
			}
			if err := e.Unban(netip.MustParsePrefix(test.prefix)); err != nil {
				t.Fatal(err)
			}
			answered(t, conn, "after")
		})
	}
	t.Run("packets after teardown", func(t *testing.T) {
		a := newAttacker(t)
		e := open(t, Options{})
		mustSetup(t, e)
		mustBan(t, e, attacker4+"/32", time.Hour)
		if err := e.Teardown(); err != nil {
			t.Fatal(err)
		}
		answered(t, a.v4, "torn down")
	})
}

// TestFlowEnds: where a rule before ours accepts what is established, a running flow
// ends with the ban all the same, alone and among many.
func TestFlowEnds(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		for _, kind := range []string{"ipset", "iptables", "nftables"} {
			t.Run(kind+"/"+variant, func(t *testing.T) {
				a := newAttacker(t)
				withTools(t, variant)
				e := mustOpen(t, kind, Options{Hook: "filter"})
				mustSetup(t, e)
				for _, ipt := range []string{"iptables", "ip6tables"} {
					tool(t, ipt, "-I", "INPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT")
				}
				answered(t, a.v4, "before")
				answered(t, a.v6, "before")
				mustBan(t, e, attacker4+"/32", time.Hour)
				mustBan(t, e, "2001:db8:1::/64", time.Hour)
				mustBan(t, e, "203.0.113.1/32", time.Hour) // so soon after it is left to Check
				if _, _, err := e.Check(); err != nil {
					t.Fatal(err)
				}
				for prefix, conn := range map[string]*net.UDPConn{attacker4 + "/32": a.v4, "2001:db8:1::/64": a.v6} {
					eventually(t, "its packets are dropped", func() bool {
						e.Check()
						fmt.Fprint(conn, "banned")
						return bans(t, e)[prefix].packets >= 3
					})
				}
				if got := tool(t, "conntrack", "-L", "-p", "udp"); strings.Contains(got, attacker4) {
					t.Errorf("got flow\n%s", got)
				}
			})
		}
	}
}
