package wire

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// Connections that are remembered. An entry takes about 250 bytes. Package sensor follows
// fewer.
const (
	maxEstablished = 2048
	maxYoung       = 1024 // of which only one end has spoken
)

// streams puts the bytes of TCP connections in order.
type streams struct {
	known       map[uint64]*connection
	seed        maphash.Seed // of the keys: no sender can choose two connections of one key
	young       connections
	established connections
	held        int // bytes that wait, of all connections
	evicted     uint64
	gaps        uint64
}

// segment takes one TCP packet and hands out what became readable.
func (t *streams) segment(p *Packet, s *segment, src, dst netip.Addr, deliver func(*Packet)) {
	p.Src, p.Dst = netip.AddrPortFrom(src, s.src), netip.AddrPortFrom(dst, s.dst)
	if t.known == nil {
		t.known, t.seed = map[uint64]*connection{}, maphash.MakeSeed()
		t.young.max, t.established.max = maxYoung, maxEstablished
	}
	ends, from := pairOf(p.Src, p.Dst)
	key := maphash.Comparable(t.seed, ends)
	c := t.known[key]
	if c == nil {
		if s.rst || s.fin && len(s.data) == 0 || !s.syn && len(s.data) == 0 {
			return // nothing to follow: a connection that is over, or silent
		}
		c = t.open(key)
	}
	if s.rst {
		t.reset(c, from, p, s, deliver)
		return
	}
	before, held := c.established, c.held()
	carries := c.shake(from, s)
	t.held -= held - c.held()
	if !carries {
		return
	}
	me := &c.sides[from]
	if !me.known {
		*me = side{next: s.seq, known: true, lost: true}
	}
	if s.acks {
		t.acknowledge(c, 1-from, s.ack, p, deliver)
		if c.shaken < 0 && me.ackKnown {
			c.established = true // of one whose beginning was not seen, both have spoken
		}
	}
	c.list.touch(c)
	if c.established && !before {
		t.young.remove(c)
		t.keep(&t.established, c)
	}
	if c.started && !before {
		p.Start = true
		if len(s.data) == 0 && !s.fin { // a host that connects and sends nothing still connected
			deliver(p)
		}
	}
	t.take(me, p, s, deliver)
	if c.sides[0].ended && c.sides[1].ended {
		t.forget(c)
	}
}

// take hands out a segment's bytes, now or when those before it are there.
func (t *streams) take(d *side, p *Packet, s *segment, deliver func(*Packet)) {
	if d.ended || len(s.data) == 0 && !s.fin {
		return
	}
	gap := ahead(s.seq, d.next)
	if gap > maxAhead {
		return
	}
	if gap > 0 && d.ackKnown && ahead(d.acked, s.seq) >= 0 { // the other end has what this capture missed
		t.skip(d, s.seq)
		gap = 0
	}
	if gap > 0 {
		before := d.heldBytes
		if d.hold(s, maxHeld-t.held) {
			t.held += d.heldBytes - before
			return
		}
		t.skipHeld(d, s.seq) // no room to wait any longer
		t.drain(d, p, deliver)
		if gap = ahead(s.seq, d.next); gap > 0 {
			t.skip(d, s.seq)
		}
	}
	t.hand(d, p, waiting{s.seq, s.data, s.fin}, deliver)
	t.drain(d, p, deliver)
}

// skip goes on behind a hole.
func (t *streams) skip(d *side, to uint32) {
	t.gaps++
	d.skip(to)
}

// skipHeld goes on at the first waiting segment, or at seq when that is before it.
func (t *streams) skipHeld(d *side, seq uint32) {
	to := seq
	if len(d.held) > 0 && ahead(d.held[0].seq, seq) < 0 {
		to = d.held[0].seq
	}
	t.skip(d, to)
}

// drain hands out the waiting segments that have no hole before them.
func (t *streams) drain(d *side, p *Packet, deliver func(*Packet)) {
	for !d.ended {
		before := d.heldBytes
		w, ok := d.ready()
		if !ok {
			return
		}
		t.held -= before - d.heldBytes
		t.hand(d, p, w, deliver)
	}
	t.held -= d.heldBytes
	d.held, d.heldBytes = nil, 0
}

// hand delivers what of w is new. Bytes that came twice count as they came first.
func (t *streams) hand(d *side, p *Packet, w waiting, deliver func(*Packet)) {
	old := -ahead(w.seq, d.next)
	if old > len(w.data) || old == len(w.data) && !w.fin {
		return
	}
	p.Data = w.data[old:]
	d.next += uint32(len(p.Data))
	if w.fin {
		d.ended = true
		d.next++
	}
	p.End, p.Lost = w.fin, d.lost
	d.lost = false
	deliver(p)
	p.Start = false
}

// turn makes p a piece of the other direction.
func turn(p *Packet) {
	p.Src, p.Dst, p.Out = p.Dst, p.Src, !p.Out && !p.blind
}

// acknowledge notes what the end opposite to side i has received. Bytes it has and
// this capture has not are lost for good.
func (t *streams) acknowledge(c *connection, i int, ack uint32, p *Packet, deliver func(*Packet)) {
	d := &c.sides[i]
	if !d.known {
		*d = side{next: ack, known: true, lost: !c.started}
	}
	if !d.ackKnown || ahead(ack, d.acked) > 0 {
		d.acked, d.ackKnown = ack, true
	}
	if len(d.held) == 0 || ahead(d.acked, d.held[0].seq) < 0 {
		return
	}
	turn(p)
	t.skipHeld(d, d.held[0].seq)
	t.drain(d, p, deliver)
	turn(p)
	p.Data, p.End, p.Lost = nil, false, false
}

// reset ends both directions. Only the exact number does, as in the kernel (RFC
// 5961 3.2), or a refusal of the connection.
func (t *streams) reset(c *connection, from int, p *Packet, s *segment, deliver func(*Packet)) {
	me, other := &c.sides[from], &c.sides[1-from]
	refused := !c.established && s.acks && other.known && s.ack == other.next
	if !refused && !(me.known && s.seq == me.next) {
		return
	}
	p.End = true
	for range 2 {
		if c.established && !me.ended {
			p.Lost = me.lost
			deliver(p)
		}
		turn(p)
		me, other = other, me
	}
	t.forget(c)
}

// open remembers a new connection.
func (t *streams) open(key uint64) *connection {
	c := &connection{key: key, shaken: -1}
	t.known[key] = c
	t.keep(&t.young, c)
	return c
}

// keep puts c into a list, whose oldest makes room.
func (t *streams) keep(l *connections, c *connection) {
	if gone := l.add(c); gone != nil {
		t.evicted++
		t.drop(gone)
	}
}

func (t *streams) forget(c *connection) {
	c.list.remove(c)
	t.drop(c)
}

func (t *streams) drop(c *connection) {
	t.held -= c.held()
	delete(t.known, c.key)
}

// begin sets what all pieces of one packet share.
func begin(p *Packet, at time.Time, tcp bool, way Way) {
	*p = Packet{Time: at, TCP: tcp, Out: way == Out, blind: way == UnknownWay}
}
