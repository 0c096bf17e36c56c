package recent

import (
	"maps"
	"math/rand/v2"
	"testing"
)

func TestRecentForgets(t *testing.T) {
	r := Map[int, int]{Max: 100}
	for i := range 10_000 {
		r.Put(i, i)
	}
	if n := len(r.young.entries) + len(r.old.entries); n > 200 {
		t.Errorf("got %d keys, want at most 200", n)
	}
	if _, ok := r.Get(9_999); !ok {
		t.Error("the latest key is forgotten")
	}
	if _, ok := r.Get(0); ok {
		t.Error("the oldest key is remembered")
	}
}

// TestLikeTwoMaps: a Map holds what two Go maps would, of which the young one becomes the
// old one when it is full.
func TestLikeTwoMaps(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := Map[int, int]{Max: int(seed)*3 + 1}
		young, old := map[int]int{}, map[int]int{}
		for range 5000 {
			k, v := r.IntN(40), r.Int()
			want, known := young[k]
			if !known {
				want, known = old[k]
			}
			if got, ok := m.Get(k); got != want || ok != known || m.Full() != (len(young) >= m.Max) {
				t.Fatalf("got %d, %t, want %d, %t", got, ok, want, known)
			}
			if len(young) >= m.Max {
				old, young = young, map[int]int{}
			}
			young[k] = v
			if r.IntN(2) == 0 {
				m.Put(k, v)
			} else if at := m.At(k); *at != want {
				t.Fatalf("got %d to change, want %d", *at, want)
			} else {
				*at = v
			}
			all := maps.Clone(old)
			maps.Copy(all, young)
			if got := maps.Collect(m.Each); !maps.Equal(got, all) {
				t.Fatalf("got %v, want %v", got, all)
			}
		}
	}
}

// TestSetLikeAMap: a Set forgets when a Map does.
func TestSetLikeAMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		set, m := Set{Max: int(seed)*3 + 1}, Map[uint64, struct{}]{Max: int(seed)*3 + 1}
		for range 5000 {
			k := r.Uint64N(60)<<8 | 1
			if r.IntN(2) == 0 {
				k = r.Uint64N(40) * 0x100000001b3
				k = max(k, 1)
			}
			if _, want := m.Get(k); set.Has(k) != want {
				t.Fatalf("got %t for %x, want %t", !want, k, want)
			}
			if k = k ^ 0x100; r.IntN(3) > 0 {
				set.Add(k)
				m.Put(k, struct{}{})
			}
		}
	}
}
