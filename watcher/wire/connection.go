package wire

import (
	"net/netip"
	"slices"
)

// Bounds of TCP reassembly.
const (
	maxHeldOfOne = 64 << 10  // bytes of one direction that wait for bytes before them
	maxHeld      = 256 << 10 // of all connections together
	// maxAhead is how far a segment may be ahead of the next byte wanted. A segment farther
	// ahead is not part of this connection: windows of signalling are smaller.
	maxAhead = 4 << 20
	// heldCost is what a waiting segment takes beside its bytes: many small ones must
	// count for what they are.
	heldCost = 64
)

// pair names a connection: both ends, the smaller first.
type pair struct{ a, b netip.AddrPort }

// pairOf also returns which side of the connection the source is.
func pairOf(src, dst netip.AddrPort) (pair, int) {
	if src.Compare(dst) <= 0 {
		return pair{src, dst}, 0
	}
	return pair{dst, src}, 1
}

// connection is a TCP connection as both ends would see it.
type connection struct {
	key         uint64 // a secret hash of its pair, which takes less memory
	sides       [2]side
	shaken      int  // which side's SYN is acknowledged by the other's; -1 is none yet
	established bool // both sides have spoken
	started     bool // the whole handshake was seen
	reopened    uint32
	reopens     bool // a SYN came while established; its answer decides whether it is a new connection

	list         *connections // that it is in
	older, newer *connection
}

// side is one direction: what one end sends.
type side struct {
	first     uint32 // the sequence number of the first byte behind the handshake
	next      uint32 // and of the next byte
	known     bool   // next is known
	acked     uint32 // what the other end has acknowledged
	ackKnown  bool
	lost      bool // bytes are missing before the next ones handed out
	ended     bool
	held      []waiting // in order, without overlap of beginnings
	heldBytes int
}

// waiting is a segment that came before the bytes in front of it.
type waiting struct {
	seq  uint32
	data []byte
	fin  bool
}

// held is how many bytes wait in both directions.
func (c *connection) held() int { return c.sides[0].heldBytes + c.sides[1].heldBytes }

// ahead is how far a is behind b in the circle of sequence numbers; negative when
// it is before (RFC 9293 3.4).
func ahead(a, b uint32) int { return int(int32(a - b)) }

// shake follows the handshake. It returns false when the segment carries no data
// of interest.
func (c *connection) shake(from int, s *segment) bool {
	me, other := &c.sides[from], &c.sides[1-from]
	switch {
	case s.syn && !s.acks:
		switch {
		case c.established:
			c.reopened, c.reopens = s.seq+1, true
		case !me.known || me.next != s.seq+1:
			*c = connection{key: c.key, shaken: -1, list: c.list, older: c.older, newer: c.newer}
			c.sides[from] = side{first: s.seq + 1, next: s.seq + 1, known: true}
		}
		return false
	case s.syn:
		if c.reopens && s.ack == c.reopened {
			*c = connection{key: c.key, shaken: -1, list: c.list, older: c.older, newer: c.newer}
			c.sides[1-from] = side{first: s.ack, next: s.ack, known: true}
			me, other = &c.sides[from], &c.sides[1-from]
		}
		if c.established {
			return false
		}
		if !other.known {
			*other = side{first: s.ack, next: s.ack, known: true}
		}
		if other.first == s.ack {
			*me = side{first: s.seq + 1, next: s.seq + 1, known: true}
			c.shaken = 1 - from
		}
		return false
	case s.acks && c.shaken == from && !c.established && me.next == s.seq && ahead(s.ack, other.first) >= 0 && ahead(s.ack, other.next) <= 0:
		// a sender that forged the SYN does not know the number in the answer
		c.established, c.started = true, true
	}
	return true
}

// hold keeps a segment until the bytes before it come; false when there is no room.
func (d *side) hold(s *segment, room int) bool {
	cost := len(s.data) + heldCost
	if d.heldBytes+cost > maxHeldOfOne || cost > room {
		return false
	}
	i, same := slices.BinarySearchFunc(d.held, s.seq, func(w waiting, seq uint32) int { return ahead(w.seq, seq) })
	if same {
		if len(d.held[i].data) >= len(s.data) {
			return true
		}
		d.heldBytes += len(s.data) - len(d.held[i].data)
		d.held[i].data, d.held[i].fin = slices.Clone(s.data), d.held[i].fin || s.fin
		return true
	}
	d.held = slices.Insert(d.held, i, waiting{s.seq, slices.Clone(s.data), s.fin})
	d.heldBytes += cost
	return true
}

// ready takes out the first waiting segment when no byte is missing before it.
func (d *side) ready() (w waiting, ok bool) {
	if len(d.held) == 0 || ahead(d.held[0].seq, d.next) > 0 {
		return w, false
	}
	w = d.held[0]
	d.heldBytes -= len(w.data) + heldCost
	d.held = slices.Delete(d.held, 0, 1)
	if len(d.held) == 0 {
		d.held = nil // a burst must not keep its memory
	}
	return w, true
}

// skip goes on behind the bytes that are missing.
func (d *side) skip(to uint32) {
	d.next, d.lost = to, true
}

// connections is a list by the time of the last packet, the newest first at last. One list
// holds connections in which both ends have sent, the other list holds the rest: a sender
// that opens many connections, or forges their beginnings, pushes out only connections of
// that second list.
type connections struct {
	max            int
	n              int
	oldest, newest *connection
}

// add puts c at the end and returns the one that must make room, or nil.
func (l *connections) add(c *connection) (gone *connection) {
	if l.n >= l.max {
		gone = l.oldest
		l.remove(gone)
	}
	c.list, c.older, c.newer = l, l.newest, nil
	if l.newest != nil {
		l.newest.newer = c
	} else {
		l.oldest = c
	}
	l.newest = c
	l.n++
	return gone
}

func (l *connections) remove(c *connection) {
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		l.oldest = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		l.newest = c.older
	}
	c.list, c.older, c.newer = nil, nil, nil
	l.n--
}

// touch makes c the newest.
func (l *connections) touch(c *connection) {
	if l.newest == c {
		return
	}
	l.remove(c)
	l.add(c)
}
