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
	wild, err := netns.New()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	t.Cleanup(func() { wild.Close() })
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
	must(netns.Set(pbx))
	must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "pbx"}, PeerName: "wild", PeerNamespace: netlink.NsFd(wild)}))
	up("pbx", PBX4+"/24", PBX6+"/64")
	must(netns.Set(wild))
	up("wild", Attacker4+"/24", Attacker6+"/64")
	must(netns.Set(pbx))
	return pbx, wild
}

// NewAttacker makes the second namespace, the cable, and a PBX that echoes.
func NewAttacker(t *testing.T) *Attacker {
	t.Helper()
	pbx, ns := Cable(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, addr := range []string{PBX4, PBX6} {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 5060)))
		must(err)
		t.Cleanup(func() { conn.Close() })
		go echo(conn)
	}
	must(netns.Set(ns))
	a := &Attacker{NS: ns}
	dial := func(to string) *net.UDPConn {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), 5060)))
		must(err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	a.V4, a.V6 = dial(PBX4), dial(PBX6)
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
