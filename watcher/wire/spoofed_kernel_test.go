package wire

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kerneltest"
)

// TestLiveSpoofedAnswers: a neighbour sends what looks like an answer of ours to somebody
// else. It is none, for we did not send it.
func TestLiveSpoofedAnswers(t *testing.T) {
	w := newWorld(t)
	w.listenUDP(kerneltest.PBX4)
	l := w.listen(LiveOptions{})
	c := w.dial("udp", kerneltest.PBX4)
	ours, victim := netip.MustParseAddrPort(kerneltest.PBX4+":5060"), netip.MustParseAddrPort("203.0.113.200:5060")
	w.in(w.wild, func() {
		link, err := netlink.LinkByName("wild")
		must(t, err)
		to := &net.IPNet{IP: victim.Addr().AsSlice(), Mask: net.CIDRMask(32, 32)}
		must(t, netlink.RouteAdd(&netlink.Route{Dst: to, LinkIndex: link.Attrs().Index, Gw: ours.Addr().AsSlice()}))
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
		must(t, err)
		defer unix.Close(s)
		must(t, unix.Sendto(s, udpPacket(ours, victim, "SIP/2.0 401 Unauthorized"), 0, &unix.SockaddrInet4{Addr: victim.Addr().As4()}))
	})
	write(t, c, "behind it")
	kerneltest.Eventually(t, "the marker is captured", func() bool { return l.count(false, "behind it") == 1 })
	if n := l.count(true, "SIP/2.0 401 Unauthorized") + l.count(false, "SIP/2.0 401 Unauthorized"); n != 0 {
		t.Errorf("it was delivered %d times", n)
	}
	if got := l.live.Stats().Spoofed; got != 1 {
		t.Errorf("got %d spoofed packets, want 1", got)
	}
}
