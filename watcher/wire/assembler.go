package wire

import (
	"net/netip"
	"time"
)

// Assembler turns frames into pieces of conversation. Its memory is bounded: some
// 1.3 MiB when every bound is reached. The zero value is ready and takes all ports.
// Not safe for concurrent use.
type Assembler struct {
	// Own reports whether an address is this host's: this shows which side sent a packet.
	// Without it, the direction in the capture is used. Nil is "not known". Set before use.
	Own func(netip.Addr) bool
	// Guarded reports whether a port of this host is guarded: a packet is taken when
	// either end of it is. Nil takes all ports. It may be set between frames.
	Guarded func(port uint16) bool

	piece     Packet // the one handed out, so that none is allocated
	fragments fragments
	streams   streams
	twice     twice
	counts    Counts
}

// Frame takes one frame and calls deliver for each piece that it completes. The
// piece and its data are valid until deliver returns. A packet that came through
// another card a moment before is counted and left out.
func (a *Assembler) Frame(f Frame, deliver func(*Packet)) {
	ip, way, card := f.Link.packet(f.Data)
	if f.Way != UnknownWay {
		way = f.Way
	}
	if card == 0 {
		card = f.Card
	}
	a.packet(f.Time, ip, way, card, false, deliver)
}

// packet takes one IP packet, or nil. verify says that no one has looked at its
// check sums yet.
func (a *Assembler) packet(at time.Time, ip []byte, way Way, card int, verify bool, deliver func(*Packet)) {
	a.counts.Frames++
	if ip == nil {
		a.counts.NotIP++
		return
	}
	d, o := readIP(ip)
	switch {
	case o == malformed:
		a.counts.Malformed++
		return
	case o != fine || d.protocol != protoUDP && d.protocol != protoTCP:
		a.counts.NotIP++
		return
	case verify && !rightHeader(ip):
		a.counts.BadSum++
		return
	case card != 0 && a.twice.seen(&d, card, at):
		a.counts.Twice++
		return
	}
	if d.fragment {
		a.counts.Fragments++
		whole, ok := a.fragments.add(&d, at)
		if !ok {
			return
		}
		d.payload, d.cut = whole, false
	}
	if verify && !d.cut && !rightSum(&d) {
		a.counts.BadSum++
		return
	}
	a.transport(at, &d, way, deliver)
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
	begin(&a.piece, at, true, a.way(d, s.src, s.dst, way))
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
		begin(&a.piece, at, false, a.way(d, src, dst, way))
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

// way finds which side sent the packet. Between two addresses of this host, the side with
// the guarded port is the server.
func (a *Assembler) way(d *datagram, src, dst uint16, said Way) Way {
	if a.Own != nil {
		switch from, to := a.Own(d.src), a.Own(d.dst); {
		case from && to && a.Guarded != nil:
			return wayIf(a.Guarded(src) && !a.Guarded(dst))
		case from != to:
			return wayIf(from)
		}
	}
	return said
}

func wayIf(out bool) Way {
	if out {
		return Out
	}
	return In
}

// Counts says what became of the frames so far.
func (a *Assembler) Counts() Counts {
	c := a.counts
	c.Incomplete, c.Evicted, c.Gaps = a.fragments.lost, a.streams.evicted, a.streams.gaps
	c.TCPBytesHeld = uint64(a.streams.held)
	return c
}
