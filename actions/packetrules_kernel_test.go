package actions

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"pbxjail/actions/kerneltest"
	"pbxjail/actions/packets"
)

// wires are a PBX (the test's namespace) and the world, with what the PBX heard.
type wires struct {
	t          *testing.T
	pbx, world netns.NsHandle

	mu    sync.Mutex
	heard bytes.Buffer // everything that came through, udp and tcp
}

const (
	phone4, phone6 = "198.51.100.77", "2001:db8:1::77" // a second host of the world
	sipPort        = 5060
)

func newWires(t *testing.T) *wires {
	t.Helper()
	w := &wires{t: t, pbx: kerneltest.InNamespace(t)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w.world = kerneltest.Join(t, w.pbx, phone4+"/24", phone6+"/64")
	for _, addr := range []string{kerneltest.PBX4, kerneltest.PBX6} {
		for _, port := range []uint16{sipPort, packets.IAXPort, 10000} {
			at := netip.AddrPortFrom(netip.MustParseAddr(addr), port)
			conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
			must(err)
			t.Cleanup(func() { conn.Close() })
			go w.hear(conn)
		}
		listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), sipPort)))
		must(err)
		t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				t.Cleanup(func() { conn.Close() })
				go w.hear(conn)
			}
		}()
	}
	return w
}

func (w *wires) hear(conn net.Conn) {
	buf := make([]byte, 1<<16)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.heard.Write(buf[:n])
		w.mu.Unlock()
	}
}

func (w *wires) hasHeard(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.heard.Bytes(), []byte(text))
}

// dial opens a connection of the world, from an address of its own.
func (w *wires) dial(network, from string, port uint16) net.Conn {
	w.t.Helper()
	to := kerneltest.PBX4
	if strings.Contains(from, ":") {
		to = kerneltest.PBX6
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	local := netip.AddrPortFrom(netip.MustParseAddr(from), 0)
	d.LocalAddr = net.UDPAddrFromAddrPort(local)
	if network == "tcp" {
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
	}
	err := netns.Set(w.world)
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := d.Dial(network, net.JoinHostPort(to, fmt.Sprint(port)))
	if back := netns.Set(w.pbx); err != nil || back != nil {
		w.t.Fatal(err, back)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

func (w *wires) send(conn net.Conn, text string) {
	w.t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		w.t.Fatal(err)
	}
}

// passes sends a text with a unique end, and waits until it arrives.
func (w *wires) passes(conn net.Conn, text, mark string) {
	w.t.Helper()
	w.send(conn, text+mark)
	kerneltest.Eventually(w.t, "arrival of "+mark, func() bool {
		return w.hasHeard(mark)
	})
}

// dropped sends a text and waits until a rule counted it.
func (w *wires) dropped(p *PacketRules, about string, family int, conn net.Conn, text, mark string) {
	w.t.Helper()
	before := counted(w.t, p, about, family, conn.LocalAddr().Network())
	w.send(conn, text+mark)
	kerneltest.Eventually(w.t, "a count of "+about, func() bool {
		return counted(w.t, p, about, family, conn.LocalAddr().Network()) > before
	})
	if w.hasHeard(mark) {
		w.t.Errorf("%s: got the packet through", mark)
	}
}

func counted(t *testing.T, p *PacketRules, about string, family int, proto string) uint64 {
	t.Helper()
	list, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.About == about && c.Family == family && (c.Proto == proto || c.Proto == "") {
			return c.Packets
		}
	}
	t.Fatalf("no rule %q of family %d and %s", about, family, proto)
	return 0
}

func openRules(t *testing.T, hook string, plan packets.Plan) *PacketRules {
	t.Helper()
	p, err := NewPacketRules(Options{Hook: hook})
	if err != nil {
		t.Fatal(err)
	}
	setRules(t, p, plan)
	return p
}

func setRules(t *testing.T, p *PacketRules, plan packets.Plan) {
	t.Helper()
	rules, err := packets.Compile(plan)
	if err != nil {
		t.Fatal(err)
	}
	if degraded, err := p.Set(rules); err != nil || len(degraded) > 0 {
		t.Fatal(degraded, err)
	}
}

// request is a SIP request with these lines in its head, up to the end of it.
func request(line string, headers ...string) string {
	return line + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
		strings.Join(headers, "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
}

var scanners = packets.Plan{
	Ports: []packets.Ports{{First: sipPort, Last: sipPort}, {First: 5070, Last: 5080}},
	Drop: []packets.Scanner{
		{Agent: packets.Agent{Name: "friendly-scanner"}},
		{Agent: packets.Agent{Name: "sipcli"}, But: []packets.Agent{{Name: "sipclient"}}, Words: []string{"honest phone"}},
		{Agent: packets.Agent{Name: "iWar", Exact: true}},
	},
	Spare: []netip.Prefix{netip.MustParsePrefix(phone4 + "/32"), netip.MustParsePrefix(phone6 + "/128")},
}

var bothFamilies = []struct {
	family          int
	attacker, phone string
}{{4, kerneltest.Attacker4, phone4}, {6, kerneltest.Attacker6, phone6}}

func TestPacketRulesDropScanners(t *testing.T) {
	for _, hook := range []string{"raw", "filter"} {
		t.Run(hook, func(t *testing.T) {
			w := newWires(t)
			plan := scanners
			plan.NewFlows = hook == "filter"
			p := openRules(t, hook, plan)
			for _, f := range bothFamilies {
				for _, network := range []string{"udp", "tcp"} { // no subtests: they run on threads of another namespace
					w.scan(p, f.family, network, f.attacker, f.phone)
				}
			}
		})
	}
}

func (w *wires) scan(p *PacketRules, family int, network, attacker, phone string) {
	n := 0
	mark := func() string { n++; return fmt.Sprintf("[%s%d %s %d]", network, family, w.t.Name(), n) }
	for agent, about := range map[string]string{
		"User-Agent: friendly-scanner":     "agent friendly-scanner",
		"User-agent: Friendly-Scanner 0.2": "agent friendly-scanner",
		"User-Agent: sipcli/v1.8":          "agent sipcli",
		"User-Agent: iWar":                 "agent iWar",
	} {
		conn := w.dial(network, attacker, sipPort)
		w.dropped(p, about, family, conn, request("OPTIONS sip:100@192.0.2.2", "Allow: INVITE", agent), mark())
	}
	for _, honest := range []string{
		"User-Agent: Yealink SIP-T46S 66.85.0.5",
		"User-Agent: sipclient/2.0",                          // the longer name is honest
		"User-Agent: sipcli of an honest phone",              // and so is that word
		"User-Agent: iWarehouse",                             // exact is exact
		"User-Agent: not a friendly-scanner",                 // not how it begins
		"X-User-Agent: friendly-scanner",                     // another header
		"Subject: User-Agent: friendly-scanner",              // not at the start of a line
		"From: \"friendly-scanner\" <sip:a@b>",               // nor is this the agent
		"User-Agent:friendly-scanner",                        // what it cannot see: no blank,
		"User-Agent:  friendly-scanner",                      // two,
		"User-Agent : friendly-scanner",                      // one before the colon,
		"User-Agent:\r\n friendly-scanner",                   // and a folded line
		"Supported: path\r\nX: " + strings.Repeat("x", 1200), // longer than most
	} {
		w.passes(w.dial(network, attacker, sipPort), request("REGISTER sip:192.0.2.2", honest), mark())
	}
	// Protected addresses come first, and other ports are not looked into.
	w.passes(w.dial(network, phone, sipPort), request("OPTIONS sip:100@192.0.2.2", "User-Agent: friendly-scanner"), mark())
	if network == "udp" {
		w.passes(w.dial(network, attacker, 10000), request("OPTIONS sip:100@192.0.2.2", "User-Agent: friendly-scanner"), mark())
	}
}

// A header that is split over two segments passes: neither holds the pattern.
func TestPacketRulesCannotSeeASplitHeader(t *testing.T) {
	w := newWires(t)
	openRules(t, "raw", scanners)
	text := request("OPTIONS sip:100@192.0.2.2", "User-Agent: friendly-scanner")
	cut := strings.Index(text, "friendly-scanner") + len("friendly")
	for _, f := range bothFamilies {
		conn := w.dial("tcp", f.attacker, sipPort) // Go sets TCP_NODELAY
		first := strings.Replace(text[:cut], "100@", fmt.Sprintf("%d@", f.family), 1)
		w.send(conn, first)
		kerneltest.Eventually(t, "the first half", func() bool { return w.hasHeard(first) })
		w.send(conn, text[cut:])
		kerneltest.Eventually(t, "the whole", func() bool { return w.hasHeard(first + text[cut:]) })
	}
}

func TestPacketRulesAllowOnly(t *testing.T) {
	w := newWires(t)
	p := openRules(t, "raw", packets.Plan{Ports: scanners.Ports, Allow: []string{"Yealink", "snom"}, Spare: scanners.Spare})
	for _, f := range bothFamilies {
		for _, network := range []string{"udp", "tcp"} {
			n := 0
			mark := func() string { n++; return fmt.Sprintf("[%s%d %d]", network, f.family, n) }
			for _, line := range []string{"INVITE sip:100@b", "REGISTER sip:b", "OPTIONS sip:100@b", "SUBSCRIBE sip:100@b", "MESSAGE sips:100@b"} {
				about := strings.Fields(line)[0] + " of another agent"
				w.dropped(p, about, f.family, w.dial(network, f.attacker, sipPort), request(line, "User-Agent: friendly"), mark())
				w.dropped(p, about, f.family, w.dial(network, f.attacker, sipPort), request(line, "X: Yealink"), mark())
				w.passes(w.dial(network, f.attacker, sipPort), request(line, "user-agent: YEALINK SIP-T46S"), mark())
				w.passes(w.dial(network, f.phone, sipPort), request(line, "User-Agent: friendly"), mark())
			}
			// What opens nothing, answers, keeps alive, or is not all there.
			for _, text := range []string{
				request("ACK sip:100@b", "CSeq: 1 ACK"), request("BYE sip:100@b", "CSeq: 2 BYE"),
				"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nServer: other\r\n\r\n", "\r\n\r\n",
				"INVITE sip:100@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1\r\n",
			} {
				w.passes(w.dial(network, f.attacker, sipPort), text, mark())
			}
		}
	}
}

func TestPacketRulesFQDN(t *testing.T) {
	w := newWires(t)
	p := openRules(t, "raw", packets.Plan{Ports: scanners.Ports, FQDN: []string{"pbx.example.net", "sip.example.org"}, Spare: scanners.Spare})
	const about = "REGISTER to another name than pbx.example.net,sip.example.org"
	for _, f := range bothFamilies {
		for _, network := range []string{"udp", "tcp"} {
			n := 0
			mark := func() string { n++; return fmt.Sprintf("[%s%d %d]", network, f.family, n) }
			for _, uri := range []string{"sip:198.51.100.1", "sip:[2001:db8:1::1]:5060", "sip:pbx.example.network", "sips:other.example.net", "sip:100@198.51.100.1"} {
				w.dropped(p, about, f.family, w.dial(network, f.attacker, sipPort), request("REGISTER "+uri, "To: <sip:1@pbx.example.net>"), mark())
			}
			for _, uri := range []string{"sip:pbx.example.net", "sip:PBX.example.net:5060", "sips:pbx.example.net", "sip:sip.example.org;transport=tcp"} {
				w.passes(w.dial(network, f.attacker, sipPort), request("REGISTER "+uri), mark())
			}
			w.passes(w.dial(network, f.attacker, sipPort), request("INVITE sip:100@198.51.100.1"), mark())
			w.passes(w.dial(network, f.attacker, sipPort), "REGISTER sip:198.51.", mark())
			w.passes(w.dial(network, f.phone, sipPort), request("REGISTER sip:198.51.100.1"), mark())
		}
	}
}

func TestPacketRulesIAX(t *testing.T) {
	w := newWires(t)
	p := openRules(t, "raw", packets.Plan{IAX: []netip.Prefix{netip.MustParsePrefix(phone4 + "/32"), netip.MustParsePrefix(phone6 + "/128")}})
	for _, f := range bothFamilies {
		w.dropped(p, "IAX2 from elsewhere", f.family, w.dial("udp", f.attacker, packets.IAXPort), "\x80\x01", fmt.Sprint("[stranger ", f.family, "]"))
		w.passes(w.dial("udp", f.phone, packets.IAXPort), "\x80\x01", fmt.Sprint("[friend ", f.family, "]"))
		w.passes(w.dial("udp", f.attacker, sipPort), "hello", fmt.Sprint("[sip ", f.family, "]"))
	}
}

// The chain comes after the bans, is repaired after any change to it, and is removed
// without removing anything else.
func TestPacketRulesRepair(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			kerneltest.WithTools(t, variant)
			kerneltest.InNamespace(t)
			kerneltest.Tool(t, "iptables", "-t", "raw", "-A", "PREROUTING", "-s", "192.0.2.1", "-j", "ACCEPT")
			e := mustOpen(t, "ipset", Options{})
			mustSetup(t, e)
			before := firewall(t)
			p := openRules(t, "raw", scanners)
			whole := firewall(t)
			for _, damage := range []string{
				"-F pbxjail-sip", "-D pbxjail-sip 3", "-I pbxjail-sip -j ACCEPT", "-A pbxjail-sip -j DROP", "-F PREROUTING",
				"-D PREROUTING -j pbxjail-sip", "-I PREROUTING -j pbxjail-sip", "-I PREROUTING 2 -j pbxjail-sip", "-F",
			} {
				for _, name := range []string{"iptables", "ip6tables"} {
					kerneltest.Tool(t, name, append([]string{"-t", "raw"}, strings.Fields(damage)...)...)
				}
				mustSetup(t, e)
				if degraded, err := p.Repair(); err != nil || len(degraded) > 0 {
					t.Fatal(degraded, err)
				}
				if strings.HasPrefix(damage, "-F") && !strings.HasSuffix(damage, "sip") { // that rule went too
					kerneltest.Tool(t, "iptables", "-t", "raw", "-A", "PREROUTING", "-s", "192.0.2.1", "-j", "ACCEPT")
				}
				if got := firewall(t); got != whole {
					t.Fatalf("after %s: got\n%s\nwant\n%s", damage, got, whole)
				}
			}
			if _, err := p.Repair(); err != nil {
				t.Fatal(err)
			}
			setRules(t, p, packets.Plan{IAX: scanners.Spare})
			if got := kerneltest.Tool(t, "iptables", "-t", "raw", "-S", "pbxjail-sip"); strings.Contains(got, "friendly") || !strings.Contains(got, "4569") {
				t.Errorf("other rules: got\n%s", got)
			}
			if err := p.Teardown(); err != nil {
				t.Fatal(err)
			}
			if got := firewall(t); got != before {
				t.Errorf("after teardown: got\n%s\nwant\n%s", got, before)
			}
			if err := p.Teardown(); err != nil {
				t.Errorf("twice: %v", err)
			}
		})
	}
}

// Rules that the operator pasted under our name stay when packet rules are off, and are
// taken over when they are on.
func TestPacketRulesLeaveWhatWasPasted(t *testing.T) {
	kerneltest.InNamespace(t)
	kerneltest.Tool(t, "iptables", "-t", "raw", "-N", "pbxjail-sip")
	kerneltest.Tool(t, "iptables", "-t", "raw", "-A", "pbxjail-sip", "-p", "udp", "--dport", "5060", "-j", "DROP")
	before := firewall(t)
	p, err := NewPacketRules(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Teardown(); err != nil {
		t.Fatal(err)
	}
	if got := firewall(t); got != before {
		t.Errorf("got\n%s\nwant\n%s", got, before)
	}
	setRules(t, p, packets.Plan{IAX: scanners.Spare})
	if got := firewall(t); strings.Contains(got, "--dport 5060 -j DROP") {
		t.Errorf("got the old rule in\n%s", got)
	}
}

func TestPacketRulesWithoutIPv6(t *testing.T) {
	kerneltest.InNamespace(t)
	path, err := exec.LookPath("iptables")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(path, filepath.Join(dir, "iptables")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	p, err := NewPacketRules(Options{})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := packets.Compile(scanners)
	if err != nil {
		t.Fatal(err)
	}
	degraded, err := p.Set(rules)
	if err != nil || len(degraded) != 1 || !strings.Contains(degraded[0], "packet rules for IPv6: ") {
		t.Errorf("got %q, %v, want one note on IPv6", degraded, err)
	}
	list, err := p.Counters()
	if err != nil || len(list) != len(rules) {
		t.Errorf("got %d counters, %v, want %d", len(list), err, len(rules))
	}
	if err := p.Teardown(); err != nil {
		t.Errorf("teardown: %v", err)
	}
}

func TestPacketRulesNames(t *testing.T) {
	for name, ok := range map[string]bool{"": true, "f2b-pbxjail": true, strings.Repeat("a", 24): true, strings.Repeat("a", 25): false, "INPUT": false, "a b": false} {
		if p, err := NewPacketRules(Options{Chain: name}); (err == nil) != ok {
			t.Errorf("%q: got %v, want ok %v", name, err, ok)
		} else if ok && !slices.Contains([]string{"pbxjail-sip", "f2b-pbxjail-sip", strings.Repeat("a", 24) + "-sip"}, p.Chain()) {
			t.Errorf("%q: got chain %s", name, p.Chain())
		}
	}
}

// What is printed for nft drops what it says, names written in any capitals.
func TestNftSheet(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil && os.Getenv("PBXJAIL_KERNEL") != "1" {
		t.Skip(err)
	}
	w := newWires(t)
	sheet := packets.Sheet{Plan: packets.Plan{Ports: scanners.Ports, FQDN: []string{"pbx.example.net"}, IAX: scanners.Spare, Spare: scanners.Spare}, Chain: "pbxjail-sip", Hook: "raw", Family: 4}
	text, err := sheet.Format("nft")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.nft")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	kerneltest.Tool(t, "nft", "-f", file)
	dropped := func() int {
		n := 0
		for line := range strings.Lines(kerneltest.Tool(t, "nft", "list", "table", "inet", "pbxjail_sip")) {
			var packets int
			if _, counters, ok := strings.Cut(line, "counter packets "); ok {
				fmt.Sscan(counters, &packets)
			}
			n += packets
		}
		return n
	}
	stopped := func(conn net.Conn, text, mark string) {
		t.Helper()
		before := dropped()
		w.send(conn, text+mark)
		kerneltest.Eventually(t, "a count", func() bool { return dropped() > before })
		if w.hasHeard(mark) {
			t.Errorf("%s came through", mark)
		}
	}
	for _, f := range bothFamilies {
		for _, network := range []string{"udp", "tcp"} {
			mark := func(n int) string { return fmt.Sprintf("[%s%d %d]", network, f.family, n) }
			stopped(w.dial(network, f.attacker, sipPort), request("REGISTER sip:198.51.100.1"), mark(1))
			stopped(w.dial(network, f.attacker, sipPort), request("REGISTER sip:pbx.example.network"), mark(2))
			w.passes(w.dial(network, f.attacker, sipPort), request("REGISTER sip:PBX.example.net"), mark(3))
			w.passes(w.dial(network, f.attacker, sipPort), request("REGISTER sips:pbx.example.net:5061;a=b"), mark(4))
			w.passes(w.dial(network, f.attacker, sipPort), request("INVITE sip:100@198.51.100.1"), mark(5))
			w.passes(w.dial(network, f.phone, sipPort), request("REGISTER sip:198.51.100.1"), mark(6))
		}
		stopped(w.dial("udp", f.attacker, packets.IAXPort), "\x80\x01", fmt.Sprint("[iax ", f.family, "]"))
		w.passes(w.dial("udp", f.phone, packets.IAXPort), "\x80\x01", fmt.Sprint("[friend ", f.family, "]"))
	}
}
