package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kerneltest"
)

const sip = 5060

// world is a PBX (the test's namespace) and the wild, joined by a cable.
type world struct {
	t         *testing.T
	pbx, wild netns.NsHandle
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	w.pbx, w.wild = kerneltest.Cable(t)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// in runs do in a namespace.
func (w *world) in(ns netns.NsHandle, do func()) {
	w.t.Helper()
	must(w.t, netns.Set(ns))
	do()
	must(w.t, netns.Set(w.pbx))
}

func (w *world) listenUDP(addr string) *net.UDPConn {
	w.t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), sip)))
	must(w.t, err)
	w.t.Cleanup(func() { c.Close() })
	return c
}

// dial opens a connection from the wild.
func (w *world) dial(network, addr string) (c net.Conn) {
	w.t.Helper()
	w.in(w.wild, func() {
		var err error
		c, err = net.Dial(network, netip.AddrPortFrom(netip.MustParseAddr(addr), sip).String())
		must(w.t, err)
	})
	w.t.Cleanup(func() { c.Close() })
	return c
}

// listener is a running capture and what it delivered.
type listener struct {
	live *Live
	mu   sync.Mutex
	list []got
}

// listen captures in the PBX's namespace until the test ends.
func (w *world) listen(opts LiveOptions) *listener {
	w.t.Helper()
	if opts.Ports == nil {
		opts.Ports = guarded
	}
	if opts.Own == nil {
		own := []netip.Addr{netip.MustParseAddr(kerneltest.PBX4), netip.MustParseAddr(kerneltest.PBX6)}
		opts.Own = func(a netip.Addr) bool { return slices.Contains(own, a) || a.IsLoopback() }
	}
	l := &listener{live: NewLive(opts)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		if err := netns.Set(w.pbx); err != nil {
			ended <- err
			return
		}
		ended <- l.live.Run(ctx, func(p *Packet) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.list = append(l.list, got{p.Src, p.Dst, p.Out, string(p.Data), p.Start, p.End, p.Lost})
		})
	}()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
		if !l.live.Stats().Complete.IsZero() {
			w.t.Error("the capture has ended and says it is complete")
		}
	})
	kerneltest.Eventually(w.t, "the capture begins", func() bool { return !l.live.Stats().Complete.IsZero() })
	return l
}

// count is how many pieces carry a text in one direction.
func (l *listener) count(out bool, data string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.list {
		if g.out == out && g.data == data {
			n++
		}
	}
	return n
}

// once waits for a piece, then for a marker sent behind it, and says whether the
// piece came once.
func (l *listener) once(t *testing.T, out bool, data string, marker func(string)) {
	t.Helper()
	kerneltest.Eventually(t, fmt.Sprintf("%.20q is captured", data), func() bool { return l.count(out, data) > 0 })
	last := "behind " + data[:min(len(data), 40)]
	marker(last)
	kerneltest.Eventually(t, "the marker is captured", func() bool { return l.count(false, last) > 0 })
	if n := l.count(out, data); n != 1 {
		t.Errorf("%.20q, sent by us %t: got %d times, want once", data, out, n)
	}
}

func write(t *testing.T, c io.Writer, data string) {
	t.Helper()
	if _, err := io.WriteString(c, data); err != nil {
		t.Error(err)
	}
}

// echoes answers what comes with the same in capitals.
func echoes(c *net.UDPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		c.WriteToUDPAddrPort(bytes.ToUpper(buf[:n]), from)
	}
}

func TestLiveUDP(t *testing.T) {
	w := newWorld(t)
	for _, addr := range []string{kerneltest.PBX4, kerneltest.PBX6} {
		go echoes(w.listenUDP(addr))
	}
	l := w.listen(LiveOptions{})
	for _, addr := range []string{kerneltest.PBX4, kerneltest.PBX6} {
		c := w.dial("udp", addr)
		marker := func(s string) { write(t, c, s) }
		for _, size := range []int{4, 600, 1900, 5000} { // the last two are fragments
			data := addr + strings.Repeat("x", size)
			write(t, c, data)
			l.once(t, false, data, marker)
			l.once(t, true, strings.ToUpper(data), marker)
		}
	}
	if s := l.live.Stats(); s.Fragments == 0 || s.Incomplete != 0 || s.Dropped != 0 {
		t.Errorf("got %+v, want fragments, all complete", s)
	}
}

func TestLiveTCP(t *testing.T) {
	w := newWorld(t)
	l := w.listen(LiveOptions{})
	for _, addr := range []string{kerneltest.PBX4, kerneltest.PBX6} {
		server, err := net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr(addr), sip).String())
		must(t, err)
		defer server.Close()
		c := w.dial("tcp", addr)
		s, err := server.Accept()
		must(t, err)
		defer s.Close()
		request, answer := strings.Repeat(addr+" asks ", 4000), strings.Repeat(addr+" says ", 4000)
		for from, to := range map[net.Conn]net.Conn{c: s, s: c} {
			text := request
			if from == s {
				text = answer
			}
			go write(t, from, text)
			_, err := io.ReadFull(to, make([]byte, len(text)))
			must(t, err)
		}
		for out, want := range map[bool]string{false: request, true: answer} {
			kerneltest.Eventually(t, "all bytes are captured in order", func() bool { return l.text(out, addr) == want })
		}
		if !l.started(addr) {
			t.Error("the handshake was not seen")
		}
	}
	if s := l.live.Stats(); s.Gaps != 0 || s.BadSum != 0 {
		t.Errorf("got %+v, want no gap and no wrong check sum", s)
	}
}

// text is all that one side of the PBX's address said.
func (l *listener) text(out bool, addr string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, g := range l.list {
		if end := map[bool]netip.AddrPort{true: g.src, false: g.dst}[out]; g.out == out && end.Addr().String() == addr {
			b.WriteString(g.data)
		}
	}
	return b.String()
}

func (l *listener) started(addr string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.list, func(g got) bool { return g.start && g.dst.Addr().String() == addr })
}

// TestLiveSeesEachPacketOnce: on a bridge, a bond or a VLAN one packet passes several
// devices, and loopback has it twice.
func TestLiveSeesEachPacketOnce(t *testing.T) {
	const outer, inner = "203.0.113.66", "203.0.113.1"
	for _, c := range []struct {
		name  string
		build func(w *world)
	}{
		{"bridge", func(w *world) {
			w.in(w.wild, func() { kerneltest.Up(w.t, "wild", outer+"/24") })
			must(w.t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}))
			port, err := netlink.LinkByName("pbx")
			must(w.t, err)
			br, err := netlink.LinkByName("br0")
			must(w.t, err)
			must(w.t, netlink.LinkSetMaster(port, br))
			kerneltest.Up(w.t, "br0", inner+"/24")
		}},
		{"vlan", func(w *world) {
			for ns, end := range map[netns.NsHandle][2]string{w.wild: {"wild", outer}, w.pbx: {"pbx", inner}} {
				w.in(ns, func() {
					parent, err := netlink.LinkByName(end[0])
					must(w.t, err)
					skipWithout(w.t, netlink.LinkAdd(&netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "v7", ParentIndex: parent.Attrs().Index}, VlanId: 7}))
					kerneltest.Up(w.t, "v7", end[1]+"/24")
				})
			}
		}},
		{"macvlan", func(w *world) {
			w.in(w.wild, func() { kerneltest.Up(w.t, "wild", outer+"/24") })
			parent, err := netlink.LinkByName("pbx")
			must(w.t, err)
			must(w.t, netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: "mv0", ParentIndex: parent.Attrs().Index}, Mode: netlink.MACVLAN_MODE_BRIDGE}))
			kerneltest.Up(w.t, "mv0", inner+"/24")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			l := w.listen(LiveOptions{Own: func(a netip.Addr) bool { return a.String() == inner }})
			c.build(w) // the devices come while the capture runs
			go echoes(w.listenUDP(inner))
			conn := w.dial("udp", inner)
			marker := func(s string) { write(t, conn, s) }
			for _, data := range []string{"short", strings.Repeat("long", 1000)} {
				write(t, conn, data)
				l.once(t, false, data, marker)
				l.once(t, true, strings.ToUpper(data), marker)
			}
		})
	}
}

// skipWithout skips where this kernel has no such device; TestLiveTags holds what the
// capture does with tags all the same.
func skipWithout(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this kernel has no VLAN devices")
	}
	must(t, err)
}

// TestLiveTags: what has a VLAN's tag comes once more from the VLAN's device, without
// it. A tag of VLAN 0 is a priority: such packets are for the card itself.
func TestLiveTags(t *testing.T) {
	w := newWorld(t)
	w.listenUDP(kerneltest.PBX4)
	l := w.listen(LiveOptions{})
	card, err := net.InterfaceByName("pbx")
	must(t, err)
	src := netip.MustParseAddrPort(kerneltest.Attacker4 + ":4000")
	dst := netip.AddrPortFrom(netip.MustParseAddr(kerneltest.PBX4), sip)
	w.in(w.wild, func() {
		wild, err := net.InterfaceByName("wild")
		must(t, err)
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		must(t, err)
		defer unix.Close(fd)
		for tag, data := range []string{"priority", "tagged", "tagged"} {
			b := ethernet(udpPacket(src, dst, data), uint16(tag))
			copy(b, card.HardwareAddr)
			must(t, unix.Sendto(fd, b, 0, &unix.SockaddrLinklayer{Ifindex: wild.Index}))
		}
	})
	c := w.dial("udp", kerneltest.PBX4)
	write(t, c, "plain")
	// The packets of two sockets can pass two processors: their order is not fixed.
	kerneltest.Eventually(t, "the two are captured", func() bool { return l.count(false, "plain") == 1 && l.count(false, "priority") > 0 })
	if l.count(false, "priority") != 1 || l.count(false, "tagged") != 0 {
		t.Errorf("got %v, want the one of VLAN 0 and none of another", l.list)
	}
}

func TestLiveLoopback(t *testing.T) {
	w := newWorld(t)
	go echoes(w.listenUDP("127.0.0.1"))
	l := w.listen(LiveOptions{})
	c, err := net.Dial("udp", "127.0.0.1:5060")
	must(t, err)
	defer c.Close()
	marker := func(s string) { write(t, c, s) }
	write(t, c, "hello")
	l.once(t, false, "hello", marker)
	l.once(t, true, "HELLO", marker)
}

func TestLiveTheSamePacketTwiceIsTwoPackets(t *testing.T) {
	w := newWorld(t)
	w.listenUDP(kerneltest.PBX4)
	l := w.listen(LiveOptions{})
	c := w.dial("udp", kerneltest.PBX4)
	write(t, c, "again")
	write(t, c, "again")
	kerneltest.Eventually(t, "both are captured", func() bool { return l.count(false, "again") == 2 })
}

func TestLivePortsChange(t *testing.T) {
	w := newWorld(t)
	w.listenUDP(kerneltest.PBX4)
	l := w.listen(LiveOptions{Ports: []Port{{4569, false}}})
	c := w.dial("udp", kerneltest.PBX4)
	write(t, c, "before")
	must(t, l.live.SetPorts(guarded))
	write(t, c, "after")
	kerneltest.Eventually(t, "the new port is captured", func() bool { return l.count(false, "after") == 1 })
	if l.count(false, "before") != 0 || l.live.Stats().Datagrams != 1 {
		t.Errorf("got %+v, want one packet", l.live.Stats())
	}
}

// TestLiveSync: packets that no answer follows are delivered when Sync is called. The PBX
// has each of them before: on a busy machine the kernel hands it over later than it was sent.
func TestLiveSync(t *testing.T) {
	w := newWorld(t)
	server := w.listenUDP(kerneltest.PBX4)
	l := w.listen(LiveOptions{})
	c := w.dial("udp", kerneltest.PBX4)
	must(t, server.SetReadDeadline(time.Now().Add(time.Minute)))
	buf := make([]byte, 64)
	for i := range 200 {
		write(t, c, fmt.Sprint("packet ", i))
		_, err := server.Read(buf)
		must(t, err)
		l.live.Sync(t.Context())
		if l.count(false, fmt.Sprint("packet ", i)) != 1 {
			t.Fatalf("packet %d came before and is not delivered", i)
		}
	}
	NewLive(LiveOptions{}).Sync(t.Context()) // one that does not run
}

func TestLiveNamedCards(t *testing.T) {
	w := newWorld(t)
	w.listenUDP(kerneltest.PBX4)
	w.listenUDP("127.0.0.1")
	l := w.listen(LiveOptions{Cards: []string{"pbx"}})
	local, err := net.Dial("udp", "127.0.0.1:5060")
	must(t, err)
	defer local.Close()
	write(t, local, "from here")
	c := w.dial("udp", kerneltest.PBX4)
	write(t, c, "from there")
	kerneltest.Eventually(t, "the card is captured", func() bool { return l.count(false, "from there") == 1 })
	if l.count(false, "from here") != 0 {
		t.Error("a card that is not named is captured")
	}
}

// TestLiveFamiliar: each packet of a known address is read once, while they become
// familiar and while they become strangers again.
func TestLiveFamiliar(t *testing.T) {
	w := newWorld(t)
	go echoes(w.listenUDP(kerneltest.PBX4))
	var known atomic.Bool
	known.Store(true)
	l := w.listen(LiveOptions{Known: func(a netip.Addr) bool { return known.Load() && a.String() == kerneltest.Attacker4 }})
	c := w.dial("udp", kerneltest.PBX4)
	n := 0
	talk := func() {
		write(t, c, fmt.Sprintf("packet %d.", n))
		n++
		_, err := c.Read(make([]byte, 100))
		must(t, err)
	}
	talkUntil := func(what string, familiar int) {
		kerneltest.Eventually(t, what, func() bool {
			talk()
			l.live.mu.Lock()
			defer l.live.mu.Unlock()
			return len(l.live.filtered.familiar) == familiar
		})
	}
	talkUntil("they are familiar", 1)
	for range 300 {
		talk()
	}
	known.Store(false)
	talkUntil("they are strangers", 0)
	kerneltest.Eventually(t, "the last answer is read", func() bool {
		l.live.Sync(t.Context())
		return l.count(true, fmt.Sprintf("PACKET %d.", n-1)) > 0
	})
	for i := range n {
		if in, out := l.count(false, fmt.Sprintf("packet %d.", i)), l.count(true, fmt.Sprintf("PACKET %d.", i)); in != 1 || out < 1 || out > 2 {
			t.Errorf("packet %d of %d: got it %d times, and its answer %d times, want once", i, n, in, out)
		}
	}
	if s := l.live.Stats(); s.Dropped != 0 {
		t.Errorf("got %+v, want no packet dropped", s)
	}
}

// TestLiveBannedDoNotReachUserSpace: the first packet of a banned source does, and
// puts it into the kernel's filter; once it is let out it is heard again.
func TestLiveBannedDoNotReachUserSpace(t *testing.T) {
	w := newWorld(t)
	for _, addr := range []string{kerneltest.PBX4, kerneltest.PBX6} {
		w.listenUDP(addr)
	}
	var free atomic.Bool
	l := w.listen(LiveOptions{Banned: func(a netip.Addr) bool {
		return !free.Load() && (a.String() == kerneltest.Attacker4 || a.String() == kerneltest.Attacker6)
	}})
	four, six := w.dial("udp", kerneltest.PBX4), w.dial("udp", kerneltest.PBX6)
	write(t, four, "first")
	write(t, six, "first")
	kerneltest.Eventually(t, "both are in the kernel's filter", func() bool { return l.live.Stats().Shut == 2 })
	before := l.live.Stats().Received
	for range 1000 {
		write(t, four, "more")
		write(t, six, "more")
	}
	free.Store(true)
	kerneltest.Eventually(t, "they are heard again", func() bool {
		write(t, four, "out")
		write(t, six, "out")
		return l.count(false, "out") >= 2
	})
	if s := l.live.Stats(); s.Banned > before || l.count(false, "more") != 0 || l.count(false, "first") != 0 {
		t.Errorf("got %d of the banned in user space, want %d: %+v", s.Banned, before, s)
	}
}

// TestLiveCountsWhatItMissed: a reader that does not read loses packets, and says so.
func TestLiveCountsWhatItMissed(t *testing.T) {
	w := newWorld(t)
	w.listenUDP(kerneltest.PBX4)
	var gaps atomic.Int64
	hold := make(chan struct{})
	opts := LiveOptions{Ports: guarded, Own: func(netip.Addr) bool { <-hold; return false }, Gap: func(from, to time.Time) {
		if from.After(to) {
			t.Errorf("got a gap from %v to %v", from, to)
		}
		gaps.Add(1)
	}}
	l := w.listen(opts)
	begun := l.live.Stats().Complete
	c := w.dial("udp", kerneltest.PBX4)
	for range 3 * inFrames {
		write(t, c, "flood")
	}
	close(hold)
	kerneltest.Eventually(t, "the loss is counted", func() bool { return l.live.Stats().Dropped > 0 })
	s := l.live.Stats()
	if gaps.Load() == 0 || !s.Complete.After(begun) {
		t.Errorf("got %d gaps, complete since %v, begun %v", gaps.Load(), s.Complete, begun)
	}
}

// TestLiveChecksSums: a packet that Asterisk never gets must not be believed.
func TestLiveChecksSums(t *testing.T) {
	w := newWorld(t)
	w.listenUDP(kerneltest.PBX4)
	l := w.listen(LiveOptions{})
	src := netip.MustParseAddrPort(kerneltest.Attacker4 + ":4000")
	dst := netip.AddrPortFrom(netip.MustParseAddr(kerneltest.PBX4), sip)
	w.in(w.wild, func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
		must(t, err)
		defer unix.Close(fd)
		for _, data := range []string{"wrong", "none", "right"} {
			b := udpPacket(src, dst, data)
			switch data {
			case "wrong":
				b[26], b[27] = 0x12, 0x34
			case "right":
				d, _ := readIP(b)
				sum := ^fold(pseudo(d.src) + pseudo(d.dst) + uint64(d.protocol) + uint64(len(d.payload)) + add(d.payload))
				b[26], b[27] = byte(sum>>8), byte(sum)
			}
			must(t, unix.Sendto(fd, b, 0, &unix.SockaddrInet4{Addr: dst.Addr().As4()}))
		}
	})
	kerneltest.Eventually(t, "all are captured", func() bool {
		return l.count(false, "right") == 1 && l.count(false, "none") > 0 && l.live.Stats().BadSum > 0
	})
	if l.count(false, "wrong") != 0 || l.count(false, "none") != 1 || l.live.Stats().BadSum != 1 {
		t.Errorf("got %+v, want one with a wrong sum left out", l.live.Stats())
	}
}
