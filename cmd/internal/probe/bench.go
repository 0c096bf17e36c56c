package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// apart runs f on a thread of its own that ends with it, and with it the namespaces
// that f made.
func apart(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: a thread in a foreign namespace must not go back to the pool
		if unix.Gettid() == os.Getpid() {
			done <- apart(f) // the main thread cannot end: hold it while another takes the part
			runtime.UnlockOSThread()
			return
		}
		done <- f()
	}()
	return <-done
}

// family is the addresses of all parties in one address family. All are of the
// documentation ranges (RFC 5737, RFC 3849).
type family struct {
	name      string
	pbx       netip.Addr
	banned    netip.Addr
	neighbour netip.Addr // in the network of banned
	outside   netip.Addr // of it
	network   netip.Prefix
}

var families = []family{
	{"v4", netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.66"), netip.MustParseAddr("198.51.100.67"),
		netip.MustParseAddr("192.0.2.66"), netip.MustParsePrefix("198.51.100.0/24")},
	{"v6", netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:0:1::66"), netip.MustParseAddr("2001:db8:0:1::67"),
		netip.MustParseAddr("2001:db8::66"), netip.MustParsePrefix("2001:db8:0:1::/64")},
}

// world are the addresses of the family that are not the PBX's.
func (f family) world() []netip.Addr { return []netip.Addr{f.banned, f.neighbour, f.outside} }

// ours are the addresses of the PBX: one in each network, so that it needs no route.
func (f family) ours() []netip.Addr { return []netip.Addr{f.pbx, f.network.Addr().Next()} }

// bench is a PBX that echoes and a world that sends, at the two ends of a cable, in two
// namespaces without a name and without a route to anywhere. The thread that made it is in
// the PBX.
type bench struct {
	pbx, world netns.NsHandle
	echo       echo
	noV6       error    // why there is no IPv6 here; nil: there is
	notes      []string // what is not as on a host
	given      []string // leftovers before there was an enforcer
}

const wireName = "probe"

var pbxMAC, worldMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 66}

// newBench must be called by apart: the thread stays in the PBX.
func newBench() (*bench, error) {
	b := &bench{pbx: netns.None(), world: netns.None()}
	if err := b.build(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) build() (err error) {
	for _, ns := range []*netns.NsHandle{&b.world, &b.pbx} {
		if *ns, err = netns.New(); errors.Is(err, unix.EPERM) {
			return hint.Errorf("give the command as root: sudo jailctl doctor --probe. A container needs CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW", "cannot make a network namespace: %w", err)
		} else if err != nil {
			return hint.Errorf("use a kernel with network namespaces (CONFIG_NET_NS). Bans do not need them: this is only a test", "cannot make a network namespace: %w", err)
		}
	}
	err = netlink.LinkAdd(&netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: wireName, HardwareAddr: pbxMAC},
		PeerName:         wireName,
		PeerHardwareAddr: worldMAC,
		PeerNamespace:    netlink.NsFd(b.world),
	})
	if err != nil {
		return hint.Errorf("load the module: modprobe veth; then give the command again. A container needs CAP_NET_ADMIN", "cannot connect two network namespaces (veth): %w", err)
	}
	for _, f := range families {
		err := plug(f.ours(), f.world(), worldMAC)
		if err == nil {
			err = b.inWorld(func() error { return plug(f.world(), f.ours(), pbxMAC) })
		}
		if err == nil {
			err = b.echo.listen(f.pbx)
		}
		if err != nil && f.pbx.Is6() {
			b.noV6 = err
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot connect two network namespaces (veth): %w", err)
		}
	}
	if err := track(); err != nil { // a kernel without nftables
		b.notes = append(b.notes, oneLine("the probe cannot test if a ban also drops connections that are open already: "+err.Error()))
	}
	b.given, err = leftovers()
	return err
}

// inWorld runs f in the world and comes back.
func (b *bench) inWorld(f func() error) error {
	if err := netns.Set(b.world); err != nil {
		return err
	}
	return errors.Join(f(), netns.Set(b.pbx))
}

func (b *bench) close() {
	b.echo.close()
	for _, ns := range []*netns.NsHandle{&b.pbx, &b.world} {
		if ns.IsOpen() {
			ns.Close()
		}
	}
}

// plug gives this end of the cable its addresses. The peer's are written down: neither
// ARP nor neighbour discovery, which a ban drops too, makes a packet wait.
func plug(own, peer []netip.Addr, peerMAC net.HardwareAddr) error {
	link, err := netlink.LinkByName(wireName)
	if err != nil {
		return err
	}
	for _, a := range own {
		bits, flags := 24, 0
		if a.Is6() {
			bits, flags = 64, unix.IFA_F_NODAD // usable at once
		}
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}, Flags: flags}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("cannot give the test network the address %s: %w", a, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("cannot switch the test network on: %w", err)
	}
	for _, a := range peer {
		neigh := &netlink.Neigh{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: peerMAC}
		if err := netlink.NeighSet(neigh); err != nil {
			return fmt.Errorf("cannot add the neighbour %s to the test network: %w", a, err)
		}
	}
	return nil
}
