package wire

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Port is one port of this host whose packets are captured.
type Port struct {
	Number uint16
	TCP    bool // UDP otherwise
}

// wholePacket is what a filter returns for a packet that is wanted: its length at most.
const wholePacket = 0x40000

// filter makes the program that the kernel runs for each packet (classic BPF,
// packet(7) and Linux' Documentation/networking/filter.rst). It sees packets from
// their IP header on. What passes: UDP and TCP from or to the ports, fragments of
// both (only the first part of a datagram has ports), and IPv6 with extension
// headers, which user space reads. What does not: packets of the shut addresses;
// packets for other hosts; packets of a VLAN, which come once more from the VLAN's
// own device; and what loopback receives, which it also sends. way is Out for what
// this host sends, and In for the rest.
//
// What we send to a familiar address belongs to In: it does not wake us up.
func filter(way Way, ports []Port, l lists) []bpf.Instruction {
	f := program{list: make([]bpf.Instruction, 0, usualSteps+4*len(ports)+2*(len(l.shut)+len(l.familiar)))}
	f.device(way, len(l.familiar) > 0)
	f.transport(ports)
	f.addresses(way, l)
	return f.link()
}

// usualSteps is room for a program without ports and addresses. Most programs do not grow
// beyond the room that filter makes: while many are banned, filters are made often.
const usualSteps = 128

// lists are the addresses that a filter treats in another way.
type lists struct {
	shut     []netip.Addr // what they send is left out
	familiar []netip.Addr // what is sent to them can wait
}

// program is a filter under construction. Conditional jumps of classic BPF reach 255
// instructions, so each skips at most one, a far jump to a label.
type program struct {
	list []bpf.Instruction
	far  map[int]string // unresolved jumps
	at   map[string]int
}

func (f *program) add(list ...bpf.Instruction) { f.list = append(f.list, list...) }

func (f *program) label(name string) {
	if f.at == nil {
		f.at = map[string]int{}
	}
	f.at[name] = len(f.list)
}

// jump goes to a label that is further on.
func (f *program) jump(to string) {
	if f.far == nil {
		f.far = map[int]string{}
	}
	f.far[len(f.list)] = to
	f.add(bpf.Jump{})
}

// when goes to a label when the accumulator fulfils the condition.
func (f *program) when(cond bpf.JumpTest, value uint32, to string) {
	f.add(bpf.JumpIf{Cond: cond, Val: value, SkipFalse: 1})
	f.jump(to)
}

// link resolves the labels.
func (f *program) link() []bpf.Instruction {
	for i, to := range f.far {
		f.list[i] = bpf.Jump{Skip: uint32(f.at[to] - i - 1)}
	}
	return f.list
}

// device looks at what the kernel knows beside the bytes.
func (f *program) device(way Way, familiar bool) {
	const loopback = 1 // the index of lo in every network namespace
	f.add(bpf.LoadExtension{Num: bpf.ExtType})
	if way == Out {
		f.when(bpf.JumpNotEqual, unix.PACKET_OUTGOING, "no")
	} else {
		if familiar {
			f.add(bpf.StoreScratch{Src: bpf.RegA, N: kindAt})
			f.when(bpf.JumpEqual, unix.PACKET_OUTGOING, "vlan")
		} else {
			f.when(bpf.JumpEqual, unix.PACKET_OUTGOING, "no")
		}
		f.when(bpf.JumpEqual, unix.PACKET_OTHERHOST, "no")
		f.add(bpf.LoadExtension{Num: bpf.ExtInterfaceIndex})
		f.when(bpf.JumpEqual, loopback, "no")
	}
	f.label("vlan")
	f.add(bpf.LoadExtension{Num: bpf.ExtVLANTagPresent})
	f.when(bpf.JumpEqual, 0, "protocol")
	f.add(bpf.LoadExtension{Num: bpf.ExtVLANTag}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xfff})
	f.when(bpf.JumpNotEqual, 0, "no") // VLAN 0 is a priority and no VLAN (IEEE 802.1Q 9.6)
	f.label("protocol")
	f.add(bpf.LoadExtension{Num: bpf.ExtProto})
	f.when(bpf.JumpEqual, unix.ETH_P_IP, "ip")
	f.when(bpf.JumpNotEqual, unix.ETH_P_IPV6, "no")
	f.label("ip")
}

// kindAt is where In keeps whether a packet is sent or received, in scratch memory.
const kindAt = 3

// transport looks for the ports. Scratch memory 0 and 1 hold source and destination.
func (f *program) transport(ports []Port) {
	f.version("six")
	f.add(bpf.LoadAbsolute{Off: 6, Size: 2})
	f.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x3fff}, bpf.TAX{}) // X: whether it is a fragment
	f.add(bpf.LoadAbsolute{Off: 9, Size: 1})
	f.when(bpf.JumpEqual, protoUDP, "four")
	f.when(bpf.JumpNotEqual, protoTCP, "no")
	f.label("four")
	f.add(bpf.StoreScratch{Src: bpf.RegA, N: 2}, bpf.TXA{})
	f.when(bpf.JumpNotEqual, 0, "wanted")
	f.add(bpf.LoadMemShift{Off: 0})
	f.add(bpf.LoadIndirect{Off: 0, Size: 2}, bpf.StoreScratch{Src: bpf.RegA, N: 0})
	f.add(bpf.LoadIndirect{Off: 2, Size: 2}, bpf.StoreScratch{Src: bpf.RegA, N: 1})
	f.jump("ports")
	f.label("six")
	f.add(bpf.LoadAbsolute{Off: 6, Size: 1}, bpf.StoreScratch{Src: bpf.RegA, N: 2})
	for _, header := range []uint32{protoFragment, protoHopByHop, protoRouting, protoDestination, protoAuth} {
		f.when(bpf.JumpEqual, header, "extended")
	}
	f.add(bpf.LoadAbsolute{Off: 40, Size: 2}, bpf.StoreScratch{Src: bpf.RegA, N: 0})
	f.add(bpf.LoadAbsolute{Off: 42, Size: 2}, bpf.StoreScratch{Src: bpf.RegA, N: 1})
	f.label("ports")
	f.add(bpf.LoadScratch{Dst: bpf.RegA, N: 2})
	f.when(bpf.JumpEqual, protoTCP, "tcp")
	f.when(bpf.JumpNotEqual, protoUDP, "no")
	f.either(ports, false)
	f.label("tcp")
	f.either(ports, true)
	f.label("extended")
	f.add(bpf.LoadAbsolute{Off: 40, Size: 1}) // what follows the first extension
	f.when(bpf.JumpNotEqual, protoICMPv6, "wanted")
	f.label("no")
	f.add(bpf.RetConstant{Val: 0})
}

// version goes to a label for IPv6.
func (f *program) version(six string) {
	f.add(bpf.LoadAbsolute{Off: 0, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4})
	f.when(bpf.JumpEqual, 6, six)
}

// either ends the program for packets that neither come from nor go to one of the ports.
func (f *program) either(ports []Port, tcp bool) {
	for n := range 2 {
		f.add(bpf.LoadScratch{Dst: bpf.RegA, N: n})
		for _, p := range ports {
			if p.TCP == tcp {
				f.when(bpf.JumpEqual, uint32(p.Number), "wanted")
			}
		}
	}
	f.add(bpf.RetConstant{Val: 0})
}

// Bounds of the addresses in the filter: with them it stays below 1,300 instructions,
// since the memory for it is small by default (net.core.optmem_max).
const (
	maxShut4     = 192
	maxShut6     = 32
	maxFamiliar4 = 96
	maxFamiliar6 = 16
)

// addresses drops what the shut addresses send, tells apart what is sent to the familiar
// ones, and passes the rest.
func (f *program) addresses(way Way, l lists) {
	f.label("wanted")
	source, destination := end{12, 8}, end{16, 24}
	shut := atMost(l.shut, maxShut4, maxShut6)
	switch {
	case way == Out:
		f.match("familiar", l.familiar, destination, 0, wholePacket)
	case len(l.familiar) == 0:
		f.match("shut", shut, source, 0, wholePacket)
	default:
		f.add(bpf.LoadScratch{Dst: bpf.RegA, N: kindAt})
		f.when(bpf.JumpEqual, unix.PACKET_OUTGOING, "sent")
		f.match("shut", shut, source, 0, wholePacket)
		f.label("sent")
		f.match("familiar", l.familiar, destination, wholePacket, 0)
	}
}

// atMost takes the first addresses of each family.
func atMost(list []netip.Addr, most4, most6 int) (some []netip.Addr) {
	for _, a := range list {
		left := &most4
		if a.Is6() {
			left = &most6
		}
		if *left > 0 {
			*left--
			some = append(some, a)
		}
	}
	return some
}

// end says where an address is in the headers of IPv4 and IPv6.
type end struct{ four, six uint32 }

// match ends the program by whether the address at one end is in a list.
func (f *program) match(name string, list []netip.Addr, at end, found, other uint32) {
	var four []uint32
	var six [][4]uint32
	for _, a := range list {
		if b := a.As16(); a.Is4() {
			four = append(four, binary.BigEndian.Uint32(b[12:]))
		} else {
			six = append(six, [4]uint32{binary.BigEndian.Uint32(b[:]), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])})
		}
	}
	if len(four)+len(six) > 0 {
		f.version(name)
		slices.Sort(four)
		f.add(bpf.LoadAbsolute{Off: at.four, Size: 4})
		f.search(four, found, other)
		f.label(name)
		for _, words := range six {
			f.list = append(f.list, same(words, at.six, found)...)
		}
	}
	f.add(bpf.RetConstant{Val: other})
}

// leaf is how many addresses are compared one after the other.
const leaf = 4

// search looks for the accumulator in a sorted list by halves, and ends the program.
func (f *program) search(list []uint32, found, other uint32) {
	if len(list) <= leaf {
		for i, a := range list {
			f.add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: a, SkipTrue: uint8(len(list) - i)})
		}
		f.add(bpf.RetConstant{Val: other}, bpf.RetConstant{Val: found})
		return
	}
	half := len(list) / 2
	f.add(bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: list[half], SkipFalse: 1}, bpf.Jump{})
	lower := len(f.list)
	f.search(list[:half], found, other)
	f.list[lower-1] = bpf.Jump{Skip: uint32(len(f.list) - lower)}
	f.search(list[half:], found, other)
}

// same ends the program for packets with one IPv6 address at an offset.
func same(words [4]uint32, at, found uint32) (list []bpf.Instruction) {
	const size = 9
	for i, w := range words {
		rest := uint8(size - 2*i - 2)
		list = append(list, bpf.LoadAbsolute{Off: at + uint32(4*i), Size: 4}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: w, SkipFalse: rest})
	}
	return append(list, bpf.RetConstant{Val: found})
}
