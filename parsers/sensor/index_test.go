package sensor

import (
	"math/rand/v2"
	"testing"
)

// TestIndex compares the index with a map: entries share hashes, the last one of a hash is
// found, and only its own entry makes an index forget it.
func TestIndex(t *testing.T) {
	for name, mask := range map[string]uint64{"spread": 1<<64 - 1, "crowded": 0xf00000000000000f} {
		t.Run(name, func(t *testing.T) {
			const places = 100
			random := rand.New(rand.NewPCG(3, 4))
			var hashes [places + 1]uint64 // 0: the place is free
			var x index
			x.init(places, func(place uint16) uint64 { return hashes[place] })
			want := map[uint64]uint16{}
			for range 20_000 {
				place := uint16(1 + random.IntN(places))
				if h := hashes[place]; h != 0 {
					x.drop(h, place)
					if want[h] == place {
						delete(want, h)
					}
					hashes[place] = 0
					continue
				}
				h := (1 + random.Uint64N(60)) * 0x9e3779b97f4a7c15 & mask
				if h == 0 {
					continue
				}
				hashes[place], want[h] = h, place
				x.put(h, place)
				for h := range want {
					if got := x.get(h); got != want[h] {
						t.Fatalf("%x: got place %d, want %d", h, got, want[h])
					}
				}
			}
			for i := range uint64(100) {
				h := i * 0x9e3779b97f4a7c15 & mask
				if got := x.get(h); got != want[h] {
					t.Errorf("%x: got place %d, want %d", h, got, want[h])
				}
			}
		})
	}
}
