package wire

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// outside is what the kernel knows beside the bytes of a packet.
type outside struct {
	kind, card, protocol uint32
	tagged, tag          uint32
}

// runs the filter in the library's machine, which knows no extensions of Linux: they
// become constants. The kernel tests run it in the kernel.
func passes(t *testing.T, program []bpf.Instruction, o outside, packet []byte) bool {
	t.Helper()
	known := map[bpf.Extension]uint32{bpf.ExtType: o.kind, bpf.ExtInterfaceIndex: o.card, bpf.ExtProto: o.protocol, bpf.ExtVLANTagPresent: o.tagged, bpf.ExtVLANTag: o.tag}
	list := slices.Clone(program)
	for i, in := range list {
		if e, ok := in.(bpf.LoadExtension); ok {
			list[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: known[e.Num]}
		}
	}
	vm, err := bpf.NewVM(list)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(packet)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestFilter(t *testing.T) {
	four, six := outside{card: 2, protocol: unix.ETH_P_IP}, outside{card: 2, protocol: unix.ETH_P_IPV6}
	with := func(o outside, change func(*outside)) outside { change(&o); return o }
	other := netip.AddrPortFrom(pbx.Addr(), 10_002)
	udp, tcp := udpPacket(caller, pbx, "x"), tcpPacket(caller, pbx, syn, 1, 0, "")
	long := udpPacket(caller, other, string(make([]byte, 3000)))
	long6 := udpPacket(caller6, pbx6, string(make([]byte, 3000)))
	hop := ip(caller6.Addr(), pbx6.Addr(), protoHopByHop, append([]byte{protoUDP, 0, 1, 4, 0, 0, 0, 0}, udpOnly(caller6, pbx6, nil)...))
	options := slices.Concat([]byte{0x46}, udp[1:20], []byte{1, 1, 1, 1}, udp[20:])
	ports := []Port{{4569, false}, {5060, false}, {5038, true}, {5060, true}}
	for _, c := range []struct {
		name   string
		o      outside
		packet []byte
		want   bool
	}{
		{"udp to the port", four, udp, true},
		{"udp from the port", four, udpPacket(pbx, caller, "x"), true},
		{"sent by us", with(four, func(o *outside) { o.kind = unix.PACKET_OUTGOING }), udpPacket(pbx, caller, "x"), true},
		{"udp v6", six, udpPacket(caller6, pbx6, "x"), true},
		{"tcp", four, tcp, true},
		{"tcp v6", six, tcpPacket(caller6, pbx6, syn, 1, 0, ""), true},
		{"ip options before the ports", four, options, true},
		{"another port", four, udpPacket(caller, other, "x"), false},
		{"another port, v6", six, udpPacket(caller6, netip.AddrPortFrom(pbx6.Addr(), 9), "x"), false},
		{"a port of tcp over udp", four, udpPacket(caller, netip.AddrPortFrom(pbx.Addr(), 5038), "x"), false},
		{"a port of udp over tcp", four, tcpPacket(caller, netip.AddrPortFrom(pbx.Addr(), 4569), syn, 1, 0, ""), false},
		{"the first fragment", four, fragment4(long, 1, 1000)[0], true},
		{"a later fragment", four, fragment4(long, 1, 1000)[2], true},
		{"a later fragment, v6", six, fragment6(long6, 1, 1000)[2], true},
		{"extension headers", six, hop, true},
		{"who joins a group", six, ip(caller6.Addr(), pbx6.Addr(), protoHopByHop, []byte{protoICMPv6, 0, 5, 2, 0, 0, 0, 0, 143, 0, 0, 0}), false},
		{"icmp", four, ip(caller.Addr(), pbx.Addr(), 1, make([]byte, 8)), false},
		{"icmp v6", six, ip(caller6.Addr(), pbx6.Addr(), 58, make([]byte, 8)), false},
		{"a fragment of icmp", four, fragment4(ip(caller.Addr(), pbx.Addr(), 1, make([]byte, 3000)), 1, 1000)[1], false},
		{"for another host", with(four, func(o *outside) { o.kind = unix.PACKET_OTHERHOST }), udp, false},
		{"what loopback sends", with(four, func(o *outside) { o.kind, o.card = unix.PACKET_OUTGOING, 1 }), udp, true},
		{"what loopback receives", with(four, func(o *outside) { o.card = 1 }), udp, false},
		{"of a vlan", with(four, func(o *outside) { o.tagged, o.tag = 1, 7 }), udp, false},
		{"of vlan 0, with a priority", with(four, func(o *outside) { o.tagged, o.tag = 1, 0xe000 }), udp, true},
		{"arp", with(four, func(o *outside) { o.protocol = unix.ETH_P_ARP }), make([]byte, 28), false},
		{"too short", four, udp[:21], false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, out := passes(t, filter(In, ports, lists{}), c.o, c.packet), passes(t, filter(Out, ports, lists{}), c.o, c.packet)
			if sent := c.o.kind == unix.PACKET_OUTGOING; in != (c.want && !sent) || out != (c.want && sent) {
				t.Errorf("got in %t, out %t, want %t", in, out, c.want)
			}
		})
	}
}

func TestFilterShutsAddresses(t *testing.T) {
	four, six := outside{card: 2, protocol: unix.ETH_P_IP}, outside{card: 2, protocol: unix.ETH_P_IPV6}
	for _, n := range []int{0, 1, 3, 4, 5, 64, maxShut4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var shut []netip.Addr
			for i := range n {
				shut = append(shut, netip.AddrFrom4([4]byte{203, 0, byte(i >> 4), byte(i*37 + 1)}))
			}
			for i := range min(n, maxShut6) {
				shut = append(shut, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}))
			}
			program := filter(In, guarded, lists{shut: shut})
			if most := 1300; len(program) > most {
				t.Errorf("got %d steps, want at most %d", len(program), most)
			}
			for _, a := range shut {
				from := netip.AddrPortFrom(a, 5060)
				o, to := four, pbx
				if a.Is6() {
					o, to = six, pbx6
				}
				if passes(t, program, o, udpPacket(from, to, "x")) {
					t.Fatalf("%v passes", a)
				}
				near := netip.AddrPortFrom(a.Next(), 5060)
				if got, want := passes(t, program, o, udpPacket(near, to, "x")), !slices.Contains(shut, near.Addr()); got != want {
					t.Fatalf("%v: got %t, want %t", near, got, want)
				}
			}
		})
	}
}

// TestFilterFamiliar: what we send to a familiar address is In's, and what we send to
// others is Out's; each is exactly one's.
func TestFilterFamiliar(t *testing.T) {
	four, six := outside{card: 2, protocol: unix.ETH_P_IP}, outside{card: 2, protocol: unix.ETH_P_IPV6}
	var l lists
	for i := range maxShut4 {
		l.shut = append(l.shut, netip.AddrFrom4([4]byte{203, 0, byte(i >> 4), byte(i*37 + 1)}))
	}
	for i := range maxShut6 {
		l.shut = append(l.shut, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}))
	}
	for i := range maxFamiliar4 {
		l.familiar = append(l.familiar, netip.AddrFrom4([4]byte{198, 51, 100, byte(2 * i)}))
	}
	for i := range maxFamiliar6 {
		l.familiar = append(l.familiar, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 1, 15: byte(2 * i)}))
	}
	in, out := filter(In, guarded, l), filter(Out, guarded, l)
	if most := 1300; len(in) > most || len(out) > most {
		t.Errorf("got %d and %d steps, want at most %d", len(in), len(out), most)
	}
	check := func(name string, o outside, packet []byte, wantIn, wantOut bool) {
		t.Helper()
		if i, u := passes(t, in, o, packet), passes(t, out, o, packet); i != wantIn || u != wantOut {
			t.Errorf("%s: got in %t, out %t, want %t, %t", name, i, u, wantIn, wantOut)
		}
	}
	for _, a := range slices.Concat(l.familiar, l.shut) {
		for _, a := range []netip.Addr{a, a.Next()} {
			o, us := four, pbx
			if a.Is6() {
				o, us = six, pbx6
			}
			them := netip.AddrPortFrom(a, 5060)
			familiar, shut := slices.Contains(l.familiar, a), slices.Contains(l.shut, a)
			check("from "+a.String(), o, udpPacket(them, us, "x"), !shut, false)
			o.kind = unix.PACKET_OUTGOING
			check("to "+a.String(), o, udpPacket(us, them, "x"), familiar, !familiar)
			o.card = 1
			check("to "+a.String()+" over loopback", o, udpPacket(us, them, "x"), familiar, !familiar)
			check("another port to "+a.String(), o, udpPacket(netip.AddrPortFrom(us.Addr(), 9), netip.AddrPortFrom(a, 9), "x"), false, false)
		}
	}
}

var guarded = []Port{{5060, false}, {5060, true}}
