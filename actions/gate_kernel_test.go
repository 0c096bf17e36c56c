package actions

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kerneltest"
	"pbxjail/actions/packets"
)

// guarded are the ports of the tests: port 10000 is for calls, and is not guarded.
var guarded = []Port{
	{Service: "sipu", Proto: "udp", From: sipPort, To: sipPort + 1},
	{Service: "sipt", Proto: "tcp", From: sipPort, To: sipPort},
	{Service: "iax", Proto: "udp", From: packets.IAXPort, To: packets.IAXPort},
}

// gateKinds are the enforcers that have a gate, with the iptables they use.
var gateKinds = []struct{ kind, variant string }{{"ipset", "nft"}, {"ipset", "legacy"}, {"nftables", "nft"}}

// eachGate runs a test for every gate and hook, in a namespace of its own with a world.
func eachGate(t *testing.T, test func(t *testing.T, w *wires, kind, hook string)) {
	for _, k := range gateKinds {
		for _, hook := range []string{"raw", "filter"} {
			t.Run(k.kind+"/"+k.variant+"/"+hook, func(t *testing.T) {
				w := newWires(t)
				kerneltest.WithTools(t, k.variant)
				test(t, w, k.kind, hook)
			})
		}
	}
}

// openGate sets an enforcer up, with its gate.
func openGate(t *testing.T, kind, hook string) (Enforcer, Gate) {
	t.Helper()
	e := mustOpen(t, kind, Options{Hook: hook})
	mustSetup(t, e)
	return e, gateOf(t, e, hook)
}

func gateOf(t *testing.T, e Enforcer, hook string) Gate {
	t.Helper()
	g, degraded := OpenGate(e, Options{Hook: hook}, guarded, time.Now())
	t.Cleanup(func() { g.Close() })
	if len(degraded) > 0 {
		t.Fatalf("got degraded %q", degraded)
	}
	return g
}

func heard(t *testing.T, g Gate, addr, service string) Hearing {
	t.Helper()
	return heardAt(t, g, addr, service, time.Now())
}

func heardAt(t *testing.T, g Gate, addr, service string, now time.Time) Hearing {
	t.Helper()
	h := g.Heard(netip.MustParseAddr(addr), service, now)
	if h.Blind != "" {
		t.Fatalf("%s, %s: %s", addr, service, h.Blind)
	}
	return h
}

// wantHeard checks which addresses are remembered for which service, and that no others are.
func wantHeard(t *testing.T, g Gate, want ...string) {
	t.Helper()
	for _, addr := range []string{kerneltest.Attacker4, kerneltest.Attacker6, phone4, phone6} {
		for _, service := range []string{"sipu", "sipt", "iax"} {
			if got := heard(t, g, addr, service).Heard; got != slices.Contains(want, addr+" "+service) {
				t.Errorf("%s, %s: got heard %v", addr, service, got)
			}
		}
	}
}

// track has the namespace of the PBX track connections, as a firewall does.
func (w *wires) track() {
	w.t.Helper()
	for _, ipt := range []string{"iptables", "ip6tables"} {
		kerneltest.Tool(w.t, ipt, "-A", "INPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED", "-j", "ACCEPT")
	}
	w.passes(w.dial("udp", phone4, 10000), "call", "[tracked]")
}

// knock sends packets that only open a connection, until two have come: the answers are
// dropped on their way back.
func (w *wires) knock(from string) {
	w.t.Helper()
	ipt := "iptables"
	if strings.Contains(from, ":") {
		ipt = "ip6tables"
	}
	kerneltest.Tool(w.t, ipt, "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "-s", from, "--syn", "-m", "comment", "--comment", "knocks")
	in := func(ns netns.NsHandle, do func()) {
		if err := netns.Set(ns); err != nil {
			w.t.Fatal(err)
		}
		do()
		if err := netns.Set(w.pbx); err != nil {
			w.t.Fatal(err)
		}
	}
	in(w.world, func() { kerneltest.Tool(w.t, ipt, "-A", "INPUT", "-d", from, "-p", "tcp", "-j", "DROP") })
	in(w.world, func() { connectUnanswered(w.t, from, sipPort) })
	kerneltest.Eventually(w.t, "two packets that open a connection", func() bool {
		for line := range strings.Lines(kerneltest.Tool(w.t, ipt, "-t", "raw", "-v", "-S", "PREROUTING")) {
			if strings.Contains(line, "knocks") && !strings.Contains(line, "-c 0 ") && !strings.Contains(line, "-c 1 ") {
				return true
			}
		}
		return false
	})
}

// TestGateHears: what the kernel remembers of real packets, with connections tracked and
// without.
func TestGateHears(t *testing.T) {
	for _, tracked := range []bool{true, false} {
		t.Run(fmt.Sprintf("tracked %v", tracked), func(t *testing.T) {
			eachGate(t, func(t *testing.T, w *wires, kind, hook string) {
				if tracked {
					w.track()
				}
				e, g := openGate(t, kind, hook)
				wantHeard(t, g)
				var want []string
				for _, f := range bothFamilies {
					mark := fmt.Sprintf("[%d ", f.family)
					w.passes(w.dial("udp", f.attacker, 10000), "call", mark+"call]") // calls are not remembered
					w.knock(f.phone)
					wantHeard(t, g, want...)

					w.passes(w.dial("udp", f.attacker, sipPort), "packet", mark+"udp]")
					w.passes(w.dial("udp", f.phone, packets.IAXPort), "packet", mark+"iax]")
					want = append(want, f.attacker+" sipu", f.phone+" iax")
					wantHeard(t, g, want...)

					w.passes(w.dial("tcp", f.attacker, sipPort), "words", mark+"tcp]")
					want = append(want, f.attacker+" sipt")
					wantHeard(t, g, want...)
					if h := heard(t, g, f.attacker, "sipt"); h.Doubt == tracked {
						t.Errorf("got doubt %v with tracking %v", h.Doubt, tracked)
					}
					if h := heard(t, g, f.attacker, "sipu"); h.Doubt || h.Age > Memory || h.Age < 0 {
						t.Errorf("got doubt %v, age %s", h.Doubt, h.Age)
					}
					if got := g.Recent(nil, "sipu", 10*time.Second, 9); !slices.Contains(got, netip.MustParseAddr(f.attacker)) || slices.Contains(got, netip.MustParseAddr(f.phone)) {
						t.Errorf("got recent %v", got)
					}
					if got := g.Heard(netip.MustParseAddr(f.attacker), "http", time.Now()); got.Blind == "" {
						t.Errorf("got %+v of a service that is not watched", got)
					}
					// A banned address is not remembered.
					mustBan(t, e, f.phone+"/"+map[int]string{4: "32", 6: "128"}[f.family], time.Hour)
					conn := w.dial("udp", f.phone, sipPort)
					kerneltest.Eventually(t, "a packet dropped", func() bool {
						w.send(conn, "banned")
						return bans(t, e)[netip.PrefixFrom(netip.MustParseAddr(f.phone), netip.MustParseAddr(f.phone).BitLen()).String()].packets > 3
					})
					wantHeard(t, g, want...)
				}
				if count := strings.TrimSpace(kerneltest.Tool(t, "conntrack", "-C")); (count != "0") != tracked {
					t.Errorf("got %s connections tracked, want any: %v", count, tracked)
				}
				settledGate(t, g)
			})
		})
	}
}

// settledGate checks that there is nothing to make, twice.
func settledGate(t *testing.T, g Gate) {
	t.Helper()
	for i := range 4 {
		made, err := g.Check(time.Now())
		if err != nil || i > 1 && len(made) > 0 {
			t.Fatalf("got made %q, error %v", made, err)
		}
	}
}

// TestGateIsRepaired: what others remove is restored, and packets that came meanwhile are
// not counted as absent. A restart loses nothing.
func TestGateIsRepaired(t *testing.T) {
	eachGate(t, func(t *testing.T, w *wires, kind, hook string) {
		foreign(t)
		w.track()
		kerneltest.Tool(t, "iptables", "-t", "mangle", "-A", "PREROUTING", "-p", "udp", "--dport", "9", "-j", "ACCEPT")
		kerneltest.Tool(t, "ip6tables", "-t", "mangle", "-A", "PREROUTING", "-p", "udp", "--dport", "9", "-j", "ACCEPT")
		e := mustOpen(t, kind, Options{Hook: hook})
		mustSetup(t, e)
		clean := allOf(t)
		g := gateOf(t, e, hook)
		settledGate(t, g)
		since := heard(t, g, phone4, "sipu").Since
		for _, ports := range [][]Port{guarded[:2], guarded} {
			if degraded, err := g.Guard(ports, time.Now()); err != nil || len(degraded) > 0 {
				t.Fatal(degraded, err)
			}
		}
		if h := heard(t, g, phone4, "sipu"); !h.Since.Equal(since) {
			t.Errorf("other ports of others: got since %s, want %s", h.Since, since)
		}
		if h := heard(t, g, phone4, "iax"); !h.Since.After(since) {
			t.Errorf("a service that was not watched: got since %s", h.Since)
		}
		settledGate(t, g)
		whole := withoutSenders(t, kind)
		w.passes(w.dial("udp", kerneltest.Attacker4, sipPort), "packet", "[first]")
		wantHeard(t, g, kerneltest.Attacker4+" sipu")

		table, parent := "mangle", "PREROUTING"
		if hook == "filter" {
			table, parent = "filter", "INPUT"
		}
		harms := []string{"-t " + table + " -F pbxjail-heard", "-t " + table + " -D " + parent + " -j pbxjail-heard", "-t " + table + " -I pbxjail-heard -p udp -j ACCEPT"}
		if kind == "nftables" {
			harms = []string{"flush chain inet pbxjail-heard", "delete table inet pbxjail-heard", "flush set inet pbxjail-heard sipu-4"}
		} else {
			harms = append(harms, "ipset flush pbxjail_sipu-4")
		}
		for _, harm := range harms {
			start := time.Now()
			switch words := strings.Fields(harm); {
			case kind == "nftables" && words[0] == "flush" && words[1] == "chain":
				kerneltest.Tool(t, "nft", append(words, map[string]string{"raw": "prerouting", "filter": "input"}[hook])...)
			case kind == "nftables":
				kerneltest.Tool(t, "nft", words...)
			case words[0] == "ipset":
				kerneltest.Tool(t, words[0], words[1:]...)
			default:
				kerneltest.Tool(t, "ip6tables", words...)
				kerneltest.Tool(t, "iptables", words...)
			}
			if _, err := g.Check(time.Now()); err != nil {
				t.Fatalf("%s: %v", harm, err)
			}
			if h := heard(t, g, phone4, "sipu"); h.Since.Before(start) {
				t.Errorf("%s: got since %s, want no sooner than the repair", harm, h.Since)
			}
			settledGate(t, g)
			if got := withoutSenders(t, kind); got != whole {
				t.Errorf("%s: got firewall\n%s\nwant\n%s", harm, got, whole)
			}
			w.passes(w.dial("udp", kerneltest.Attacker4, sipPort), "packet", "["+harm+"]")
			wantHeard(t, g, kerneltest.Attacker4+" sipu")
		}

		g.Close()
		if h := g.Heard(netip.MustParseAddr(kerneltest.Attacker4), "sipu", time.Now()); h.Blind == "" || h.Heard {
			t.Errorf("got %+v of a closed gate", h)
		}
		again := gateOf(t, e, hook)
		wantHeard(t, again, kerneltest.Attacker4+" sipu")
		if h := heard(t, again, phone4, "sipu"); time.Since(h.Since) < Memory {
			t.Errorf("got since %s after a restart, want all of it", h.Since)
		}
		if _, err := again.Guard(guarded[:1], time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := allOf(t); strings.Contains(got, "4569") || !strings.Contains(got, "sipu") {
			t.Errorf("fewer ports: got\n%s", got)
		}
		wantUnwatched := again.Heard(netip.MustParseAddr(phone4), "iax", time.Now())
		if wantUnwatched.Blind == "" {
			t.Errorf("got %+v of a service that is not watched any more", wantUnwatched)
		}
		for range 2 {
			if err := again.Teardown(); err != nil {
				t.Fatal(err)
			}
		}
		if got := allOf(t); got != clean {
			t.Errorf("after teardown: got\n%s\nwant\n%s", got, clean)
		}
	})
}

// withoutSenders is the firewall without the members of the gate's sets.
func withoutSenders(t *testing.T, kind string) string {
	t.Helper()
	var kept []string
	for line := range strings.Lines(allOf(t)) {
		line, _, _ = strings.Cut(line, "elements = ")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "add pbxjail_") && !strings.Contains(line, "expires") && !strings.HasPrefix(line, "255.255.255.255") {
			kept = append(kept, line)
		}
	}
	if kind == "nftables" { // sets are listed as they were made, and rules have their comments
		slices.Sort(kept)
	}
	return strings.Join(kept, "\n")
}

// TestGateForgets: a sender is forgotten when its time is over, unless it sends again.
func TestGateForgets(t *testing.T) {
	eachGate(t, func(t *testing.T, w *wires, kind, hook string) {
		_, g := openGate(t, kind, hook)
		conn := w.dial("udp", kerneltest.Attacker4, sipPort)
		w.passes(conn, "packet", "[first]")
		left := func() string {
			if kind == "ipset" {
				return kerneltest.Tool(t, "ipset", "list", "pbxjail_sipu-4")
			}
			return kerneltest.Tool(t, "nft", "list", "set", "inet", "pbxjail-heard", "sipu-4")
		}
		if got := left(); !strings.Contains(got, "timeout 300") && !strings.Contains(got, "timeout 299") && !strings.Contains(got, "timeout 5m") {
			t.Errorf("got set\n%s\nwant a timeout of %s", got, Memory)
		}
		if kind == "ipset" {
			kerneltest.Tool(t, "ipset", "add", "-exist", "pbxjail_sipu-4", kerneltest.Attacker4, "timeout", "1")
		} else {
			kerneltest.Tool(t, "nft", "delete", "element", "inet", "pbxjail-heard", "sipu-4", "{", kerneltest.Attacker4, "}")
			kerneltest.Tool(t, "nft", "add", "element", "inet", "pbxjail-heard", "sipu-4", "{", kerneltest.Attacker4, "timeout", "1s", "}")
		}
		kerneltest.Eventually(t, "it is forgotten", func() bool { return !heard(t, g, kerneltest.Attacker4, "sipu").Heard })
		w.passes(conn, "packet", "[again]")
		wantHeard(t, g, kerneltest.Attacker4+" sipu")
		if kind == "ipset" {
			kerneltest.Tool(t, "ipset", "add", "-exist", "pbxjail_sipu-4", kerneltest.Attacker4, "timeout", "2")
		} else {
			return
		}
		w.passes(conn, "packet", "[refreshed]")
		if got := left(); !strings.Contains(got, kerneltest.Attacker4+" timeout 300") && !strings.Contains(got, kerneltest.Attacker4+" timeout 299") {
			t.Errorf("got set\n%s\nwant a packet to start the time again", got)
		}
	})
}

// TestGateIsBounded: the sets hold a fixed number of senders; when they are full, a missing
// sender proves nothing, and the senders in them stay.
func TestGateIsBounded(t *testing.T) {
	eachGate(t, func(t *testing.T, w *wires, kind, hook string) {
		_, g := openGate(t, kind, hook)
		w.passes(w.dial("udp", kerneltest.Attacker4, sipPort), "packet", "[first]")
		before := heard(t, g, phone4, "sipu")
		if before.Full {
			t.Fatal("an empty set is full")
		}
		flood := newFlood(t, w.world, w.pbx, sipPort)
		for range 150_000 {
			flood.send(t)
		}
		again := w.dial("udp", kerneltest.Attacker4, sipPort)
		kerneltest.Eventually(t, "a packet after the flood", func() bool { // whose own may still fill the socket
			w.send(again, "[second]")
			return w.hasHeard("[second]")
		})
		now := time.Now() // one moment: a later look samples again, and finds that nothing more was refused
		if _, err := g.Check(now); err != nil {
			t.Fatal(err)
		}
		if h := heardAt(t, g, phone4, "sipu", now); !h.Full || h.Heard || !h.Since.After(before.Since) {
			t.Errorf("got %+v, want a full set", h)
		}
		if h := heard(t, g, kerneltest.Attacker4, "sipu"); !h.Heard {
			t.Errorf("got %+v, want who was there before", h)
		}
		if h := heard(t, g, phone4, "iax"); h.Full {
			t.Error("another service is full too")
		}
		if got := g.Recent(nil, "sipu", time.Hour, 3); len(got) > 3 {
			t.Errorf("got %d recent", len(got))
		}
		text := kerneltest.Tool(t, "nft", "list", "ruleset") // one line a member, or several in one
		members := strings.Count(text, "timeout 5m expires")
		most := 32768
		if kind == "ipset" {
			most = 12 * 8192
			members = strings.Count(kerneltest.Tool(t, "ipset", "list", "pbxjail_sipu-4"), "packets ")
		}
		if members < most/3 || members > most {
			t.Errorf("got %d members, want at most %d, and many", members, most)
		}
	})
}

// TestGateBesideWhat: an enforcer that observes has a gate, plain rules have none, and a
// change of kind leaves nothing.
func TestGateBesideWhat(t *testing.T) {
	w := newWires(t)
	observing := gateOf(t, mustOpen(t, "observe", Options{}), "raw")
	w.passes(w.dial("udp", kerneltest.Attacker4, sipPort), "packet", "[observed]")
	wantHeard(t, observing, kerneltest.Attacker4+" sipu")
	if got := allOf(t); strings.Contains(got, "DROP") || strings.Contains(got, " drop") {
		t.Errorf("observing drops:\n%s", got)
	}
	e := mustOpen(t, "nftables", Options{})
	mustSetup(t, e)
	gateOf(t, e, "raw")
	if got := kerneltest.Tool(t, "ipset", "list", "-n") + kerneltest.Tool(t, "iptables-save"); strings.Contains(got, "pbxjail") {
		t.Errorf("the gate of ipset is left:\n%s", got)
	}
	plain := mustOpen(t, "iptables", Options{})
	mustSetup(t, plain)
	g, degraded := OpenGate(plain, Options{}, guarded, time.Now())
	if h := g.Heard(netip.MustParseAddr(kerneltest.Attacker4), "sipu", time.Now()); h.Blind == "" || h.Heard || len(degraded) != 1 {
		t.Errorf("got %+v, degraded %q beside plain rules", h, degraded)
	}
	if got := allOf(t); strings.Contains(got, "heard") {
		t.Errorf("the gate of nftables is left:\n%s", got)
	}
}

// TestGateOfTheOtherHook: a change of the hook leaves one chain, and ClearGate none.
func TestGateOfTheOtherHook(t *testing.T) {
	for _, kind := range []string{"ipset", "nftables"} {
		t.Run(kind, func(t *testing.T) {
			newWires(t)
			for _, hook := range []string{"raw", "filter", "raw"} {
				e := mustOpen(t, kind, Options{Hook: hook})
				mustSetup(t, e)
				settledGate(t, gateOf(t, e, hook))
				got := kerneltest.Tool(t, "nft", "list", "ruleset")
				if n := strings.Count(got, "chain pbxjail-heard") + strings.Count(got, "table inet pbxjail-heard"); n != map[string]int{"ipset": 2, "nftables": 1}[kind] {
					t.Errorf("%s: got %d gates in\n%s", hook, n, got)
				}
				if kind == "nftables" && strings.Count(got[strings.Index(got, "pbxjail-heard"):], " hook ") != 1 {
					t.Errorf("%s: got\n%s\nwant one hook of the gate", hook, got)
				}
			}
			if err := ClearGate(Options{Hook: "filter"}); err != nil {
				t.Fatal(err)
			}
			if got := allOf(t); strings.Contains(got, "heard") || strings.Contains(got, "pbxjail_") {
				t.Errorf("got\n%s\nwant nothing of a gate", got)
			}
		})
	}
}

// TestGateBesideFreePBX: the gate of the table filter does not look like an attack on its
// firewall, and comes back after its flush.
func TestGateBesideFreePBX(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		for _, o := range []Options{{Hook: "raw"}, {Hook: "filter", Chain: "f2b-pbxjail"}} {
			t.Run(variant+"/"+o.Hook, func(t *testing.T) {
				w := newWires(t)
				kerneltest.WithTools(t, variant)
				f := freePBX{t}
				f.install()
				e := mustOpen(t, "ipset", o)
				mustSetup(t, e)
				g, degraded := OpenGate(e, o, guarded, time.Now())
				defer g.Close()
				if len(degraded) > 0 {
					t.Fatal(degraded)
				}
				if !f.configured() {
					t.Errorf("its firewall takes the gate for an attack:\n%s", f.run("iptables -S INPUT"))
				}
				for _, c := range []string{"iptables -F", "ip6tables -F", "iptables -X", "ip6tables -X"} {
					f.run(c)
				}
				f.install()
				mustSetup(t, e)
				settledGate(t, g)
				w.passes(w.dial("udp", kerneltest.Attacker4, sipPort), "packet", "[after]")
				wantHeard(t, g, kerneltest.Attacker4+" sipu")
				if !f.configured() {
					t.Errorf("after a repair its firewall takes the gate for an attack:\n%s", f.run("iptables -S INPUT"))
				}
			})
		}
	}
}

// connectUnanswered begins a connection over TCP and does not wait for it.
func connectUnanswered(t *testing.T, from string, port int) {
	t.Helper()
	to, family := kerneltest.PBX4, unix.AF_INET
	if strings.Contains(from, ":") {
		to, family = kerneltest.PBX6, unix.AF_INET6
	}
	at := func(addr string, port int) unix.Sockaddr {
		a := netip.MustParseAddr(addr)
		if a.Is4() {
			return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
		}
		return &unix.SockaddrInet6{Addr: a.As16(), Port: port}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, at(from, 0)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, at(to, port)); err != unix.EINPROGRESS {
		t.Fatalf("got error %v, want one that says it goes on", err)
	}
}

// flood sends packets, each from another address of 10.0.0.0/8, or all from one.
type flood struct {
	fd      int
	to      unix.Sockaddr
	control []byte
	next    uint32
	one     bool
}

// newFlood sends from another namespace to a port of the PBX.
func newFlood(t testing.TB, from, pbx netns.NsHandle, port int) *flood {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, all, err := net.ParseCIDR("10.0.0.0/8")
	must(err)
	cable, err := netlink.LinkByName("pbx")
	must(err)
	must(netlink.RouteAdd(&netlink.Route{LinkIndex: cable.Attrs().Index, Dst: all}))
	must(netns.Set(from))
	lo, err := netlink.LinkByName("lo")
	must(err)
	must(netlink.LinkSetUp(lo))
	must(netlink.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: all, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: unix.RT_SCOPE_HOST}))
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	must(netns.Set(pbx))
	t.Cleanup(func() { unix.Close(fd) })
	return &flood{fd: fd, to: &unix.SockaddrInet4{Addr: netip.MustParseAddr(kerneltest.PBX4).As4(), Port: port}, control: unix.PktInfo4(&unix.Inet4Pktinfo{}), next: 10 << 24}
}

func (f *flood) send(t testing.TB) {
	if f.next == 10<<24 || !f.one {
		f.next = 10<<24 | (f.next+1)&0xffffff
		binary.BigEndian.PutUint32(f.control[unix.CmsgLen(0)+4:], f.next) // ipi_spec_dst, behind the index
	}
	if _, err := unix.SendmsgN(f.fd, []byte("OPTIONS sip:100@192.0.2.1 SIP/2.0\r\n"), f.control, f.to, 0); err != nil {
		t.Fatal(err)
	}
}
