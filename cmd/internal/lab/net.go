// Package lab is the test bench: a PBX and the rest of the world in two network namespaces,
// with real packets between them. It plays recorded logs into live files, or runs a real
// Asterisk with honest senders and attackers. pbxlab and the kernel tests under cmd call
// it. It needs root and a kernel, and for a real Asterisk a mirror of Debian. None of its
// senders' packets may ever leave its namespaces; it must not touch a namespace that is not
// its own, nor leave anything behind but the folders it was asked to build.
package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// The addresses are of the documentation ranges (RFC 5737, RFC 3849).
var (
	PBX4 = netip.MustParseAddr("192.0.2.10")
	PBX6 = netip.MustParseAddr("2001:db8:0:1::10")
)

// Port is where the PBX answers SIP.
const Port = 5060

// side is one end of the wire.
type side struct {
	addr4, addr6 netip.Prefix
	mac          net.HardwareAddr
}

var (
	pbxSide   = side{netip.PrefixFrom(PBX4, 25), netip.PrefixFrom(PBX6, 64), net.HardwareAddr{2, 0, 0, 0, 0, 10}}
	worldSide = side{netip.MustParsePrefix("192.0.2.1/25"), netip.MustParsePrefix("2001:db8:0:1::1/64"), net.HardwareAddr{2, 0, 0, 0, 0, 1}}
)

// Net is a PBX and the world on two ends of one wire. The PBX's default route leads into
// the world and ends there: every address but the PBX's own subnets is local to it (AnyIP),
// so real packets can come from any of them, and the answers go back to the sender.
type Net struct {
	PBX   *Space
	World *Space
}

// New makes the two namespaces and the wire, after removing what crashed runs
// left. The caller must Close it.
func New() (*Net, error) {
	if os.Geteuid() != 0 {
		return nil, hint.New("run it as root", "network namespaces need root")
	}
	if err := removeStale(); err != nil {
		return nil, fmt.Errorf("remove namespaces of crashed runs: %w", err)
	}
	run := fmt.Sprintf("%s%d-%.4s", stem, os.Getpid(), rand.Text())
	pbx, err := openSpace(run + "-pbx")
	if err != nil {
		return nil, err
	}
	world, err := openSpace(run + "-world")
	if err != nil {
		return nil, errors.Join(err, pbx.close())
	}
	n := &Net{pbx, world}
	if err := n.wire(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Close removes both namespaces, and kills what still runs in them.
func (n *Net) Close() error {
	err := n.PBX.Do(func() error { // at once, not when the kernel gets round to the namespace
		link, err := netlink.LinkByName(wireName)
		if err != nil {
			return nil
		}
		return netlink.LinkDel(link)
	})
	return errors.Join(err, n.World.close(), n.PBX.close())
}

const wireName = "eth0"

func (n *Net) wire() error {
	err := n.PBX.Do(func() error {
		far, err := netns.GetFromName(n.World.name)
		if err != nil {
			return err
		}
		defer far.Close()
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs:        netlink.LinkAttrs{Name: wireName, HardwareAddr: pbxSide.mac},
			PeerName:         wireName,
			PeerHardwareAddr: worldSide.mac,
			PeerNamespace:    netlink.NsFd(far),
		})
	})
	if err == nil {
		err = n.PBX.Do(func() error { return plug(pbxSide, worldSide) })
	}
	if err == nil {
		err = n.World.Do(func() error { return plug(worldSide, pbxSide) })
	}
	for _, end := range []*Space{n.PBX, n.World} {
		if err == nil {
			err = end.Do(untilCarried)
		}
	}
	if err == nil {
		err = n.PBX.Do(routeOut)
	}
	if err == nil {
		err = n.World.Do(ownEverything)
	}
	if err != nil {
		return hint.Errorf("the kernel must know veth and IPv6: modprobe -a veth ipv6", "make the wire (veth): %w", err)
	}
	return nil
}

// plug gives this end its addresses. The neighbour is written down: neither ARP
// nor duplicate address detection makes the first packet wait.
func plug(own, peer side) error {
	link, err := netlink.LinkByName(wireName)
	if err != nil {
		return err
	}
	for _, p := range []netip.Prefix{own.addr4, own.addr6} {
		addr := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("address %s: %w", p, err)
		}
	}
	for _, name := range []string{"lo", wireName} {
		up, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetUp(up)
		}
		if err != nil {
			return fmt.Errorf("link %s up: %w", name, err)
		}
	}
	for _, p := range []netip.Prefix{peer.addr4, peer.addr6} {
		neigh := &netlink.Neigh{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: p.Addr().AsSlice(), HardwareAddr: peer.mac}
		if err := netlink.NeighSet(neigh); err != nil {
			return fmt.Errorf("neighbour %s: %w", p.Addr(), err)
		}
	}
	return nil
}

// untilCarried waits until the kernel has noticed that the other end is up: it drops what
// it is given to send before that (linux:net/core/link_watch.c).
func untilCarried() error {
	for range 1000 {
		link, err := netlink.LinkByName(wireName)
		if err != nil || link.Attrs().OperState == netlink.OperUp {
			return err
		}
		wait(10 * time.Millisecond)
	}
	return errors.New("the other end of the wire is not up after 10 seconds")
}

// everything is both families' default prefix.
var everything = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}

func routeOut() error {
	for i, gateway := range []netip.Prefix{worldSide.addr4, worldSide.addr6} {
		if err := netlink.RouteAdd(&netlink.Route{Dst: ipNet(everything[i]), Gw: gateway.Addr().AsSlice()}); err != nil {
			return fmt.Errorf("default route: %w", err)
		}
	}
	return nil
}

// ownEverything makes every address local, but for the wire's own subnets. All of it is in
// the table local, which bind(2) uses.
func ownEverything() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	wire, err := netlink.LinkByName(wireName)
	if err != nil {
		return err
	}
	for i, p := range []netip.Prefix{worldSide.addr4.Masked(), worldSide.addr6.Masked()} {
		keep := onWire(p, wire)
		own := &netlink.Route{Dst: ipNet(everything[i]), LinkIndex: lo.Attrs().Index, Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST}
		if err := errors.Join(netlink.RouteAdd(keep), netlink.RouteAdd(own)); err != nil {
			return fmt.Errorf("own every address: %w", err)
		}
	}
	return nil
}

func onWire(p netip.Prefix, wire netlink.Link) *netlink.Route {
	return &netlink.Route{Dst: ipNet(p), LinkIndex: wire.Attrs().Index, Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_UNICAST, Scope: netlink.SCOPE_LINK}
}

// SendFrom makes an address the one that programs of the world send from when
// they choose none, until the next call.
func (n *Net) SendFrom(addr netip.Addr) error {
	err := n.World.Do(func() error {
		wire, err := netlink.LinkByName(wireName)
		if err != nil {
			return err
		}
		own := worldSide.addr4
		if addr.Is6() {
			own = worldSide.addr6
		}
		route := onWire(own.Masked(), wire)
		route.Src = addr.AsSlice()
		return netlink.RouteReplace(route)
	})
	if err != nil {
		return fmt.Errorf("send from %s: %w", addr, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
