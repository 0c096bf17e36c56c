package sensor

import (
	"math/rand/v2"
	"testing"
)

// TestHashRing compares the ring with a plain list, also where many hashes belong into the
// same cell.
func TestHashRing(t *testing.T) {
	for name, mask := range map[string]uint64{"spread": 1<<64 - 1, "crowded": 0xf00000000000000f} {
		t.Run(name, func(t *testing.T) {
			const max = 100
			random := rand.New(rand.NewPCG(1, 2))
			var r hashRing
			r.init(max)
			var list []uint64
			has := map[uint64]bool{}
			for range 20_000 {
				h := random.Uint64N(400) * 0x9e3779b97f4a7c15 & mask
				if r.holds(h) != has[h] {
					t.Fatalf("holds %x: got %t, want %t", h, !has[h], has[h])
				}
				if r.put(h); has[h] {
					continue
				}
				if list = append(list, h); len(list) > max {
					delete(has, list[0])
					list = list[1:]
				}
				has[h] = true
			}
			for h := range has {
				if !r.holds(h) {
					t.Errorf("%x is forgotten", h)
				}
			}
		})
	}
}
