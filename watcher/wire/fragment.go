package wire

import (
	"net/netip"
	"slices"
	"time"
)

// Bounds of fragment reassembly. Linux has 4 MiB and 30 seconds
// (ip(7) ipfrag_high_thresh, ipfrag_time); SIP in fragments has two or three each.
const (
	maxHalves       = 256       // datagrams of which a part is there
	maxHalfBytes    = 256 << 10 // of all of them together
	maxHalvesOfOne  = 16        // datagrams of one source: a sender must not push out the others
	maxParts        = 64        // fragments of one datagram
	maxDatagram     = 65_535
	fragmentTimeout = 30 * time.Second
)

// half is a datagram of which a part is there.
type half struct {
	at     time.Time // of its first fragment
	parts  []part    // by offset, without overlap
	bytes  int
	length int  // of the whole; 0 until the last fragment is there
	bad    bool // overlaps or contradicts itself: what comes of it is dropped until it times out
}

type part struct {
	offset int
	data   []byte
}

type halfKey struct {
	src, dst netip.Addr
	id       uint32
	protocol uint8
}

// fragments puts datagrams together. Memory is bounded: the oldest make room.
type fragments struct {
	halves map[halfKey]*half
	order  []halfKey // by time of the first fragment
	bytes  int
	whole  []byte // the last datagram handed out
	lost   uint64
}

// add takes a fragment and returns the payload of the whole datagram once all of
// it is there. It is valid until the next call. Fragments that overlap make no
// datagram, as in Linux (RFC 5722 3, RFC 8200 4.5).
func (f *fragments) add(d *datagram, at time.Time) (whole []byte, ok bool) {
	f.expire(at)
	key := halfKey{d.src, d.dst, d.id, d.protocol}
	h := f.halves[key]
	if h == nil {
		f.makeRoom(d.src, len(d.payload))
		h = &half{at: at}
		if f.halves == nil {
			f.halves = map[halfKey]*half{}
		}
		f.halves[key] = h
		f.order = append(f.order, key)
	}
	if h.bad {
		return nil, false
	}
	if d.cut || !f.fits(h, d) {
		f.spoil(h)
		return nil, false
	}
	if !h.complete() {
		return nil, false
	}
	f.whole = f.whole[:0]
	for _, p := range h.parts {
		f.whole = append(f.whole, p.data...)
	}
	f.forget(key)
	return f.whole, true
}

// fits puts a fragment in its place; false when it contradicts what is there.
func (f *fragments) fits(h *half, d *datagram) bool {
	end := d.offset + len(d.payload)
	if end > maxDatagram || len(h.parts) >= maxParts || d.more && len(d.payload)%8 != 0 || len(d.payload) == 0 {
		return false
	}
	if !d.more {
		if h.length != 0 && h.length != end {
			return false
		}
		h.length = end
	}
	if h.length != 0 && end > h.length {
		return false
	}
	i, same := slices.BinarySearchFunc(h.parts, d.offset, func(p part, offset int) int { return p.offset - offset })
	if same && len(h.parts[i].data) == len(d.payload) {
		return true // the same fragment again
	}
	if same || i > 0 && h.parts[i-1].offset+len(h.parts[i-1].data) > d.offset || i < len(h.parts) && h.parts[i].offset < end {
		return false
	}
	if last := len(h.parts) - 1; h.length != 0 && last >= 0 && h.parts[last].offset+len(h.parts[last].data) > h.length {
		return false
	}
	h.parts = slices.Insert(h.parts, i, part{d.offset, slices.Clone(d.payload)})
	h.bytes += len(d.payload)
	f.bytes += len(d.payload)
	for f.bytes > maxHalfBytes && f.halves[f.order[0]] != h {
		f.drop(f.order[0])
	}
	return true
}

func (h *half) complete() bool { return h.length != 0 && h.bytes == h.length }

// spoil keeps the key of a datagram that contradicts itself, so that its other
// fragments make no datagram either.
func (f *fragments) spoil(h *half) {
	f.bytes -= h.bytes
	h.parts, h.bytes, h.bad = nil, 0, true
	f.lost++
}

// expire drops what has waited too long.
func (f *fragments) expire(now time.Time) {
	for len(f.order) > 0 {
		h := f.halves[f.order[0]]
		if now.Sub(h.at).Abs() < fragmentTimeout {
			return
		}
		f.drop(f.order[0])
	}
}

// makeRoom keeps the bounds before a new datagram comes: its own sender's oldest
// goes first.
func (f *fragments) makeRoom(src netip.Addr, size int) {
	own := 0
	for _, k := range f.order {
		if k.src == src {
			own++
		}
	}
	if own >= maxHalvesOfOne {
		i := slices.IndexFunc(f.order, func(k halfKey) bool { return k.src == src })
		f.drop(f.order[i])
	}
	for len(f.order) > 0 && (len(f.order) >= maxHalves || f.bytes+size > maxHalfBytes) {
		f.drop(f.order[0])
	}
}

// drop gives a datagram up.
func (f *fragments) drop(key halfKey) {
	if !f.halves[key].bad {
		f.lost++
	}
	f.forget(key)
}

func (f *fragments) forget(key halfKey) {
	f.bytes -= f.halves[key].bytes
	delete(f.halves, key)
	if i := slices.Index(f.order, key); i >= 0 {
		f.order = slices.Delete(f.order, i, i+1)
	}
}
