package sensor

import (
	"net/netip"

	"pbxjail/parsers/sip"
)

// conn is one TCP connection to a port of ours.
type conn struct {
	key        connKey
	prev, next int32
	start      bool // seen from its handshake
	spoke      bool // we sent something on it
	dark       bool // nothing on it is read any more
	known      bool // it is dark because a log-in ended all questions
	socket     bool // a WebSocket with SIP in it
	in, out    half
	ami        amiState
	web        webState
	tls        tlsState
}

// half is one direction: bytes that are no whole message yet, and how many to skip.
type half struct {
	buf    []byte
	parts  []byte // of a message that comes in several WebSocket frames
	skip   int
	behind bool // bytes were missing: the next message has to begin a packet
	ended  bool // nothing follows
}

func (h *half) held() int { return len(h.buf) + len(h.parts) }

type connKey struct {
	remote netip.AddrPort
	local  uint16
}

const (
	maxConns = 768
	// maxHeld is the longest beginning of a message that is kept, and maxAllHeld of
	// all connections together.
	maxHeld    = 16 << 10
	maxAllHeld = 256 << 10
)

// connTable holds the connections that spoke last. Slot 0 is the ring's head. Their memory is
// reserved with the first one.
type connTable struct {
	slots   []conn
	free    []int32
	index   map[connKey]int32
	held    int
	evicted uint64

	lastEvicted int64 // seconds
}

func (t *connTable) init() { t.slots, t.index = make([]conn, 1), map[connKey]int32{} }

// take finds or makes a connection, and makes it the youngest.
func (t *connTable) take(key connKey, start bool, at int64) *conn {
	i, ok := t.index[key]
	if ok && start { // the same ports again
		t.drop(i)
		ok = false
	}
	if ok {
		t.unlink(i)
	} else {
		if len(t.index) >= maxConns {
			t.evicted++
			t.lastEvicted = at
			t.drop(t.slots[0].next)
		}
		if n := len(t.free); n > 0 {
			i, t.free = t.free[n-1], t.free[:n-1]
		} else {
			i = int32(len(t.slots))
			if i == 1 {
				t.slots = append(make([]conn, 0, maxConns+1), t.slots[0])
			}
			t.slots = append(t.slots, conn{})
		}
		t.slots[i] = conn{key: key, start: start}
		t.index[key] = i
	}
	last := t.slots[0].prev
	t.slots[i].prev, t.slots[i].next = last, 0
	t.slots[last].next, t.slots[0].prev = i, i
	return &t.slots[i]
}

func (t *connTable) unlink(i int32) {
	c := &t.slots[i]
	t.slots[c.prev].next, t.slots[c.next].prev = c.next, c.prev
}

func (t *connTable) drop(i int32) {
	c := &t.slots[i]
	t.unlink(i)
	t.held -= c.in.held() + c.out.held()
	delete(t.index, c.key)
	*c = conn{}
	t.free = append(t.free, i)
}

// close stops reading a connection.
func (t *connTable) close(c *conn) {
	c.dark = true
	t.held -= c.in.held() + c.out.held()
	c.in.buf, c.in.parts, c.out.buf, c.out.parts = nil, nil, nil, nil
}

// stream reads the next bytes of a connection.
func (s *Sensor) stream(f *flow, p *Packet) {
	key := connKey{f.remote, f.local.Port()}
	if _, known := s.conns.index[key]; !known && !p.Start && len(p.Data) == 0 {
		return
	}
	c := s.conns.take(key, p.Start, p.Time.Unix())
	c.spoke = c.spoke || p.Out && len(p.Data) > 0
	h := &c.in
	if p.Out {
		h = &c.out
	}
	if p.Lost || !c.start && len(h.buf) == 0 {
		s.lose(f, c, h)
	}
	if !c.dark && len(p.Data) > 0 {
		s.feed(f, c, h, p.Data)
	}
	if (c.dark && !c.known || h.behind || c.web.blind) && len(p.Data) > 0 {
		s.peers.take(f.remote.Addr(), p.Time.Unix()).dark = uint32(p.Time.Unix())
	}
	h.ended = h.ended || p.End
	if c.in.ended && c.out.ended {
		s.conns.drop(s.conns.index[key])
	}
}

// lose gives up what a direction holds: bytes are missing.
func (s *Sensor) lose(f *flow, c *conn, h *half) {
	s.conns.held -= h.held()
	h.parts = nil
	h.buf, h.skip, h.behind = nil, 0, true
	switch {
	case f.port.class == classSIP || !c.start:
	case f.port.class == classHTTP && !c.socket:
		c.web = webState{blind: c.web.blind, lost: true}
	default: // requests and answers cannot be counted any more
		s.conns.close(c)
	}
}

// tooLong gives up what a direction holds, because there is no room for more of it.
func (s *Sensor) tooLong(f *flow, c *conn, h *half) {
	s.conns.evicted++
	s.conns.lastEvicted = f.time.Unix()
	switch {
	case f.port.class != classHTTP || c.socket:
		s.conns.close(c)
	case h == &c.in:
		s.blind(c)
	default:
		s.conns.held -= h.held()
		h.buf, h.behind = nil, true
	}
}

// feed reads as many messages as there are, and keeps the rest.
func (s *Sensor) feed(f *flow, c *conn, h *half, data []byte) {
	b := data
	if len(h.buf) > 0 {
		if len(h.buf)+len(data) > maxHeld || s.conns.held+len(data) > maxAllHeld {
			s.tooLong(f, c, h)
			return
		}
		s.conns.held += len(data)
		h.buf = append(h.buf, data...)
		b = h.buf
	}
	for len(b) > 0 && !c.dark {
		n := min(h.skip, len(b))
		h.skip, b = h.skip-n, b[n:]
		if len(b) == 0 {
			break
		}
		n, wait := s.one(f, c, h, b)
		if wait {
			break
		}
		h.skip += max(n-len(b), 0)
		b = b[min(n, len(b)):]
	}
	if c.dark {
		return
	}
	if !s.conns.keep(h, b) {
		s.tooLong(f, c, h)
	}
}

// keep holds the beginning of a message until the rest comes; not when that is more
// than there is room for.
func (t *connTable) keep(h *half, b []byte) bool {
	t.held -= len(h.buf)
	switch {
	case len(b) == 0:
		h.buf = nil
	case len(h.buf) > 0: // b is its end
		h.buf = h.buf[:copy(h.buf, b)]
	case len(b) > maxHeld || t.held+len(b) > maxAllHeld:
		return false
	default:
		h.buf = append([]byte(nil), b...)
	}
	t.held += len(h.buf)
	return true
}

// one reads one message, and says how long it is with its body, which may be yet to
// come; wait says that more bytes are needed to tell.
func (s *Sensor) one(f *flow, c *conn, h *half, b []byte) (n int, wait bool) {
	switch {
	case c.socket:
		return s.socketFrame(f, c, h, b)
	case f.port.class == classSIP:
		return s.streamed(f, c, h, b)
	case f.port.class == classAMI:
		return s.ami(f, c, b)
	case f.port.class == classHTTP:
		return s.web(f, c, b)
	}
	return len(b), false
}

// streamed reads one SIP message of a connection.
func (s *Sensor) streamed(f *flow, c *conn, h *half, b []byte) (n int, wait bool) {
	skip, need := sip.Frame(b, &s.msg)
	switch {
	case skip > 0:
		return skip, false
	case need == 0:
		return 0, true
	case s.msg.Problem == sip.NotSIP:
		if !h.behind && c.start && !tlsHello(b) {
			s.message(f, &s.msg, len(b))
		}
		if h.behind {
			return len(b), false // the next packet may begin a message
		}
		s.conns.close(c)
		return len(b), false
	}
	h.behind = false
	if c.start || c.spoke {
		s.message(f, &s.msg, need)
	}
	return need, false
}

// tlsHello reports whether a client begins to speak TLS: a phone with a wrong setting.
func tlsHello(b []byte) bool { return len(b) > 2 && b[0] == 0x16 && b[1] == 3 }
