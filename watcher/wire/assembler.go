package wire

import (
	"net/netip"
	"time"
)

// Assembler turns frames into pieces of conversation. Its memory is bounded: some
// 3 MiB when every bound is reached. The zero value is ready and takes all ports.
// Not safe for concurrent use.
type Assembler struct {
	// Own reports whether an address is this host's: that tells who sent a packet.
	// Without it the capture's word counts. Nil is "not known". Set before use.
	Own func(netip.Addr) bool
	// Guarded reports whether a port of this host is guarded: a packet is taken when
	// either end of it is. Nil takes all ports. It may be set between frames.
	Guarded func(port uint16) bool

	piece     Packet // the one handed out, so that none is allocated
	fragments fragments
	streams   streams
	counts    Counts
}

// Frame takes one frame and calls deliver for each piece that it completes. The
// piece and its data are valid until deliver returns. way is what the capture says
// of the direction; a cooked frame's own header says it where the capture does not.
func (a *Assembler) Frame(at time.Time, link Link, frame []byte, way Way, deliver func(*Packet)) {
	a.counts.Frames++
	ip, said := link.packet(frame)
	if ip == nil {
		a.counts.NotIP++
		return
	}
	if way == UnknownWay {
		way = said
	}
	d, o := readIP(ip)
	switch {
	case o == malformed:
		a.counts.Malformed++
	case o != fine:
		a.counts.NotIP++
	case d.protocol != protoUDP && d.protocol != protoTCP:
		a.counts.NotIP++
	case d.fragment:
		a.counts.Fragments++
		if whole, ok := a.fragments.add(&d, at); ok {
			d.payload, d.cut = whole, false
			a.transport(at, &d, way, deliver)
		}
	default:
		a.transport(at, &d, way, deliver)
	}
}

// transport reads UDP or TCP.
func (a *Assembler) transport(at time.Time, d *datagram, way Way, deliver func(*Packet)) {
	if d.protocol == protoUDP {
		a.udp(at, d, way, deliver)
		return
	}
	s, o := readTCP(d.payload)
	if o != fine {
		a.refused(d)
		return
	}
	if !a.guarded(s.src, s.dst) {
		return
	}
	if d.cut {
		a.counts.Cut++
	}
	begin(&a.piece, at, true, a.out(d, s.src, s.dst, way))
	a.streams.segment(&a.piece, &s, d.src, d.dst, func(p *Packet) {
		a.counts.Pieces++
		deliver(p)
	})
}

func (a *Assembler) udp(at time.Time, d *datagram, way Way, deliver func(*Packet)) {
	src, dst, data, whole, o := readUDP(d)
	switch {
	case o != fine:
		a.refused(d)
	case !a.guarded(src, dst):
	case !whole:
		a.counts.Cut++
	default:
		begin(&a.piece, at, false, a.out(d, src, dst, way))
		a.piece.Src, a.piece.Dst, a.piece.Data = netip.AddrPortFrom(d.src, src), netip.AddrPortFrom(d.dst, dst), data
		a.counts.Datagrams++
		deliver(&a.piece)
	}
}

// refused counts a header that cannot be read: because the capture cut it, or
// because it is wrong.
func (a *Assembler) refused(d *datagram) {
	if d.cut {
		a.counts.Cut++
	} else {
		a.counts.Malformed++
	}
}

func (a *Assembler) guarded(src, dst uint16) bool {
	if a.Guarded == nil || a.Guarded(src) || a.Guarded(dst) {
		return true
	}
	a.counts.Unguarded++
	return false
}

// out reports whether this host sent the packet. Between two addresses of its own,
// the guarded port is the end that serves.
func (a *Assembler) out(d *datagram, src, dst uint16, way Way) bool {
	if a.Own != nil {
		switch from, to := a.Own(d.src), a.Own(d.dst); {
		case from && to && a.Guarded != nil:
			return a.Guarded(src) && !a.Guarded(dst)
		case from != to:
			return from
		}
	}
	return way == Out
}

// Counts says what became of the frames so far.
func (a *Assembler) Counts() Counts {
	c := a.counts
	c.Incomplete, c.Evicted, c.Gaps = a.fragments.lost, a.streams.evicted, a.streams.gaps
	c.TCPBytesHeld = uint64(a.streams.held)
	return c
}
