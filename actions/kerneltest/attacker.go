package kerneltest

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Attacker is a host of its own, joined to the PBX (the test's namespace) by a
// cable, with one UDP socket per family that never changes its port: conntrack
// sees one established flow, before the ban, during it and after.
type Attacker struct {
	V4, V6 *net.UDPConn
	NS     netns.NsHandle
}

const (
	PBX4, Attacker4 = "198.51.100.1", "198.51.100.66"
	PBX6, Attacker6 = "2001:db8:1::1", "2001:db8:1::66"
)

// Cable makes two namespaces with a cable between: the PBX, in which the test stays, and
// the outside, where the attacker is.
func Cable(t testing.TB) (pbx, wild netns.NsHandle) {
	t.Helper()
	pbx = InNamespace(t)
	return pbx, Join(t, pbx)
}

// Join makes the outside, with more addresses than the attacker's where a test wants them,
// and joins it to the PBX, the namespace that the test's thread is in and stays in. Packets
// pass when it returns. The devices are called pbx and wild.
func Join(t testing.TB, pbx netns.NsHandle, more ...string) (wild netns.NsHandle) {
	t.Helper()
	wild, err := netns.New()
	must(t, err)
	t.Cleanup(func() { wild.Close() })
	must(t, netns.Set(pbx))
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "pbx"}, PeerName: "wild", PeerNamespace: netlink.NsFd(wild)}))
	Up(t, "lo")
	Up(t, "pbx", PBX4+"/24", PBX6+"/64")
	must(t, netns.Set(wild))
	Up(t, "wild", append([]string{Attacker4 + "/24", Attacker6 + "/64"}, more...)...)
	carries(t, "wild")
	must(t, netns.Set(pbx))
	carries(t, "pbx")
	return wild
}

// Up gives a device of the thread's namespace addresses, usable at once.
func Up(t testing.TB, name string, addrs ...string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	must(t, err)
	for _, addr := range addrs {
		a, err := netlink.ParseAddr(addr)
		must(t, err)
		a.Flags |= unix.IFA_F_NODAD
		must(t, netlink.AddrAdd(link, a))
	}
	must(t, netlink.LinkSetUp(link))
}

// carries waits until the kernel has noticed that the other end of a cable is up. Before
// that it drops what it is given to send, ARP among it, and says nothing
// (linux:net/core/link_watch.c). On a busy machine this takes seconds.
func carries(t testing.TB, name string) {
	t.Helper()
	Eventually(t, name+" carries packets", func() bool {
		link, err := netlink.LinkByName(name)
		must(t, err)
		return link.Attrs().OperState == netlink.OperUp
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// NewAttacker makes the second namespace, the cable, and a PBX that echoes.
func NewAttacker(t *testing.T) *Attacker {
	t.Helper()
	pbx, ns := Cable(t)
	for _, addr := range []string{PBX4, PBX6} {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 5060)))
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		go echo(conn)
	}
	must(t, netns.Set(ns))
	a := &Attacker{NS: ns}
	dial := func(to string) *net.UDPConn {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), 5060)))
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	a.V4, a.V6 = dial(PBX4), dial(PBX6)
	must(t, netns.Set(pbx))
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
