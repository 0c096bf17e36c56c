package actions

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/actions/kerneltest"
	"pbxjail/configs/ports"
)

// lane is a PBX with one kind of firewall, and a host that sends to it.
type lane struct {
	what    string
	port    uint16 // where the packets go
	strange bool   // each packet comes from another address
	full    bool   // the sets are full before
	kind    string // "": no rules
	gate    bool

	heard Gate
	flood *flood
	rates []float64 // kpps
}

// BenchmarkGatePackets sends the same packets through each firewall in turn, over veth, with
// sender and receiver on one processor. It prints the median of the rounds, in thousands of
// packets a second, and the best of them: on a machine that others use too it says more.
func BenchmarkGatePackets(b *testing.B) {
	const count = 2_000
	lanes := []*lane{
		{what: "no rules", port: sipPort},
		{what: "ipset bans", port: sipPort, kind: "ipset"},
		{what: "ipset bans and heard", port: sipPort, kind: "ipset", gate: true},
		{what: "ipset bans and heard, a call", port: 10000, kind: "ipset", gate: true},
		{what: "ipset bans, strangers", port: sipPort, kind: "ipset", strange: true},
		{what: "ipset bans and heard, strangers", port: sipPort, kind: "ipset", gate: true, strange: true},
		{what: "ipset bans and heard, strangers, full", port: sipPort, kind: "ipset", gate: true, strange: true, full: true},
		{what: "nftables bans", port: sipPort, kind: "nftables"},
		{what: "nftables bans and heard", port: sipPort, kind: "nftables", gate: true},
		{what: "nftables bans and heard, a call", port: 10000, kind: "nftables", gate: true},
		{what: "nftables bans and heard, strangers", port: sipPort, kind: "nftables", gate: true, strange: true},
		{what: "nftables bans and heard, strangers, full", port: sipPort, kind: "nftables", gate: true, strange: true, full: true},
	}
	for _, l := range lanes {
		l.open(b)
	}
	for b.Loop() {
		for _, l := range lanes {
			start := time.Now()
			for range count {
				l.flood.send(b)
			}
			l.rates = append(l.rates, count/time.Since(start).Seconds()/1000)
		}
	}
	b.ReportMetric(0, "ns/op")
	var text strings.Builder
	for _, l := range lanes {
		slices.Sort(l.rates)
		fmt.Fprintf(&text, "\n%-42s %7.1f %7.1f", l.what, l.rates[len(l.rates)/2], l.rates[len(l.rates)-1])
	}
	fmt.Printf("kpps: median and best of %d%s\n", b.N, text.String()) // b.Log cuts it
}

// open makes the namespaces, the firewall and the sockets of a lane.
func (l *lane) open(b *testing.B) {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	pbx, wild := kerneltest.Cable(b)
	to := netip.AddrPortFrom(netip.MustParseAddr(kerneltest.PBX4), l.port)
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(to)) // it is never read: the kernel drops packets when the buffer is full
	must(err)
	b.Cleanup(func() { conn.Close() })
	l.firewall(b)

	l.flood = newFlood(b, wild, pbx, int(l.port))
	l.flood.one = !l.strange
	packets := 100
	if l.full {
		packets = 400_000
	}
	for range packets {
		l.flood.send(b)
	}
	if h := l.heardAll(); h != "" {
		b.Fatal(h)
	}
}

func (l *lane) firewall(b *testing.B) {
	b.Helper()
	if l.kind == "" {
		return
	}
	e := mustOpen(b, l.kind, Options{})
	mustSetup(b, e)
	if err := e.BanAll(func(yield func(ports.Ban) bool) {
		for i := range 10_000 {
			if !yield(ports.Ban{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 32), For: time.Hour}) {
				return
			}
		}
	}); err != nil {
		b.Fatal(err)
	}
	if l.gate {
		g, degraded := OpenGate(e, Options{}, guarded, time.Now())
		b.Cleanup(func() { g.Close() })
		if l.heard = g; len(degraded) > 0 {
			b.Fatal(degraded)
		}
	}
}

// heardAll reports what the gate remembers wrongly of the first packets.
func (l *lane) heardAll() string {
	if l.heard == nil {
		return ""
	}
	l.heard.Check(time.Now())
	h := l.heard.Heard(netip.MustParseAddr("10.0.0.1"), "sipu", time.Now())
	if h.Heard != (l.port == sipPort) || h.Full != l.full {
		return fmt.Sprintf("%s: got %+v", l.what, h)
	}
	return ""
}

// BenchmarkGateHeard is one question and its answer.
func BenchmarkGateHeard(b *testing.B) {
	for _, kind := range []string{"ipset", "nftables"} {
		for _, who := range []string{"10.0.0.1", "203.0.113.1", "2001:db8::1"} {
			b.Run(fmt.Sprintf("%s/%s", kind, who), func(b *testing.B) {
				e := benchEnforcer(b, kind)
				g, degraded := OpenGate(e, Options{}, guarded, time.Now())
				defer g.Close()
				if len(degraded) > 0 {
					b.Fatal(degraded)
				}
				if kind == "ipset" {
					kerneltest.Tool(b, "ipset", "add", "pbxjail_sipu-4", "10.0.0.1", "timeout", "300")
				} else {
					kerneltest.Tool(b, "nft", "add", "element", "inet", "pbxjail-heard", "sipu-4", "{", "10.0.0.1", "timeout", "300s", "}")
				}
				a := netip.MustParseAddr(who)
				for b.Loop() {
					if h := g.Heard(a, "sipu", time.Now()); h.Blind != "" || h.Heard != (who == "10.0.0.1") {
						b.Fatal(h)
					}
				}
			})
		}
		b.Run(kind+"/check", func(b *testing.B) {
			e := benchEnforcer(b, kind)
			g, _ := OpenGate(e, Options{}, guarded, time.Now())
			defer g.Close()
			for range 3 {
				g.Check(time.Now())
			}
			for b.Loop() {
				if made, err := g.Check(time.Now()); err != nil || len(made) > 0 {
					b.Fatal(made, err)
				}
			}
		})
	}
}
