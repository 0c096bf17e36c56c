package sensor

import (
	"hash/maphash"
	"net/netip"
)

// hashRing remembers the last so many hashes.
type hashRing struct {
	ring []uint64
	has  map[uint64]struct{}
	next int
	max  int
}

func (r *hashRing) init(max int) {
	r.max, r.ring, r.has = max, make([]uint64, 0, 64), map[uint64]struct{}{}
}

func (r *hashRing) put(h uint64) {
	if r.holds(h) {
		return
	}
	if len(r.ring) < r.max {
		r.ring = append(grown(r.ring, r.max), h)
	} else {
		delete(r.has, r.ring[r.next])
		r.ring[r.next] = h
		r.next = (r.next + 1) % r.max
	}
	r.has[h] = struct{}{}
}

func (r *hashRing) holds(h uint64) bool {
	_, ok := r.has[h]
	return ok
}

// hash mixes an address and texts.
func (s *Sensor) hash(a netip.Addr, texts ...[]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	b := a.As16()
	h.Write(b[:])
	for _, t := range texts {
		h.Write(t)
		h.WriteByte(0)
	}
	return h.Sum64()
}

// looseHash mixes texts without their blanks: a stack may fold and unfold lines.
func (s *Sensor) looseHash(a netip.Addr, texts ...[]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	if a.IsValid() {
		b := a.As16()
		h.Write(b[:])
	}
	for _, t := range texts {
		for len(t) > 0 {
			n := 0
			for n < len(t) && t[n] > ' ' {
				n++
			}
			h.Write(t[:n])
			t = t[min(n+1, len(t)):]
		}
		h.WriteByte(0)
	}
	return h.Sum64()
}

// grown makes room for one more entry, and never for more than max of them.
func grown[T any](list []T, max int) []T {
	if len(list) < cap(list) {
		return list
	}
	return append(make([]T, 0, min(2*cap(list), max)), list...)
}
