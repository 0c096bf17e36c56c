package sensor

import (
	"hash/maphash"
	"net/netip"
)

// hashRing remembers the last so many hashes, at most 65,535.
type hashRing struct {
	ring  []uint64
	index index
	next  int
	max   int
}

func (r *hashRing) init(max int) {
	r.max, r.ring = max, make([]uint64, 0, max)
	r.index.init(max, func(place uint16) uint64 { return r.ring[place-1] })
}

func (r *hashRing) put(h uint64) {
	switch {
	case r.holds(h):
		return
	case len(r.ring) < r.max:
		r.ring = append(r.ring, h)
		r.index.put(h, uint16(len(r.ring)))
		return
	}
	place := uint16(r.next + 1)
	r.index.drop(r.ring[r.next], place)
	r.ring[r.next] = h
	r.index.put(h, place)
	r.next = (r.next + 1) % r.max
}

func (r *hashRing) holds(h uint64) bool { return r.index.get(h) != 0 }

// hash mixes an address and texts.
func (s *Sensor) hash(a netip.Addr, texts ...[]byte) uint64 {
	b := a.As16()
	mix := append(s.mix[:0], b[:]...)
	for _, t := range texts {
		mix = append(append(mix, t...), 0)
	}
	return s.sum(mix)
}

// looseHash mixes texts without their blanks: a stack may fold and unfold lines.
func (s *Sensor) looseHash(a netip.Addr, texts ...[]byte) uint64 {
	mix := s.mix[:0]
	if a.IsValid() {
		b := a.As16()
		mix = append(mix, b[:]...)
	}
	for _, t := range texts {
		for len(t) > 0 {
			n := 0
			for n < len(t) && t[n] > ' ' {
				n++
			}
			mix = append(mix, t[:n]...)
			t = t[min(n+1, len(t)):]
		}
		mix = append(mix, 0)
	}
	return s.sum(mix)
}

// maxMix is how much memory is kept for the next hash.
const maxMix = 2048

func (s *Sensor) sum(mix []byte) uint64 {
	if cap(mix) <= maxMix {
		s.mix = mix
	}
	return maphash.Bytes(s.seed, mix)
}
