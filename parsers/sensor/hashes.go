package sensor

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
)

// hashRing remembers the last so many hashes, at most 65,535. They are mixed with a secret
// seed, so that no sender can choose two that meet in one place.
type hashRing struct {
	ring  []uint64
	cells []uint16 // places in the ring, from 1; 0: free. Where a hash belongs is in its last bits
	next  int
	max   int
}

// init makes room for the places of max hashes: twice to four times as many cells keep the
// searches short.
func (r *hashRing) init(max int) {
	r.max, r.ring, r.cells = max, make([]uint64, 0, 64), make([]uint16, 2<<bits.Len(uint(max-1)))
}

func (r *hashRing) put(h uint64) {
	cell, known := r.find(h)
	if known {
		return
	}
	if len(r.ring) < r.max {
		r.ring = append(grown(r.ring, r.max), h)
		r.cells[cell] = uint16(len(r.ring))
		return
	}
	r.forget(r.ring[r.next])
	r.ring[r.next] = h
	cell, _ = r.find(h) // what was forgotten may have made room nearer by
	r.next++
	r.cells[cell] = uint16(r.next)
	r.next %= r.max
}

func (r *hashRing) holds(h uint64) bool {
	_, known := r.find(h)
	return known
}

// find is the cell of a hash, or the free one where it would be.
func (r *hashRing) find(h uint64) (cell int, known bool) {
	last := len(r.cells) - 1
	for cell = int(h) & last; r.cells[cell] != 0; cell = (cell + 1) & last {
		if r.ring[r.cells[cell]-1] == h {
			return cell, true
		}
	}
	return cell, false
}

// forget frees the cell of a hash, and moves those behind it that could be nearer to where
// they belong.
func (r *hashRing) forget(h uint64) {
	free, known := r.find(h)
	if !known {
		return
	}
	last := len(r.cells) - 1
	for at := (free + 1) & last; r.cells[at] != 0; at = (at + 1) & last {
		belongs := int(r.ring[r.cells[at]-1]) & last
		if (at-belongs)&last >= (at-free)&last {
			r.cells[free], free = r.cells[at], at
		}
	}
	r.cells[free] = 0
}

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

// grown makes room for one more entry, and never for more than max of them.
func grown[T any](list []T, max int) []T {
	if len(list) < cap(list) {
		return list
	}
	return append(make([]T, 0, min(2*cap(list), max)), list...)
}
