package index

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"pbxjail/jails/recent"
)

// TestLikeAMap: whatever is put and deleted, it holds what Go's map does.
func TestLikeAMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var got Map[int32]
		want := map[recent.Addr]int32{}
		few := 1 << (seed%10 + 2)
		for range 20_000 {
			k := recent.Addr{10: 0xff, 11: 0xff, 14: byte(r.IntN(few) >> 8), 15: byte(r.IntN(few))}
			if seed%2 == 0 {
				k[0], k[10], k[11] = 0x20, 0, 0
			}
			switch v := int32(r.IntN(1000) + 1); r.IntN(3) {
			case 0:
				got.Delete(k)
				delete(want, k)
			default:
				got.Put(k, v)
				want[k] = v
			}
			if k[15] ^= 1; got.Get(k) != want[k] || got.Len() != len(want) {
				t.Fatalf("got %d for %v among %d, want %d among %d", got.Get(k), k, got.Len(), want[k], len(want))
			}
		}
		if all := maps.Collect(got.All); !maps.Equal(all, want) {
			t.Fatalf("got %d keys, want %d, and the same", len(all), len(want))
		}
	}
}

func TestEmpty(t *testing.T) {
	var m Map[*int]
	m.Delete(recent.Addr{})
	if m.Get(recent.Addr{}) != nil || m.Len() != 0 {
		t.Error("got something in an empty map")
	}
	one := 1
	if m.Put(recent.Addr{}, &one); m.Get(recent.Addr{}) != &one || m.Len() != 1 {
		t.Error("the address of zeros is not found")
	}
}

// BenchmarkGet finds one of many IPv4 addresses, beside Go's map.
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{300, 200_000} {
		var ours Map[int32]
		theirs := map[recent.Addr]int32{}
		keys := make([]recent.Addr, n)
		for i := range keys {
			x := rand.Uint32()
			keys[i] = recent.Addr{10: 0xff, 11: 0xff, 12: byte(x >> 24), 13: byte(x >> 16), 14: byte(x >> 8), 15: byte(x)}
			ours.Put(keys[i], int32(i+1))
			theirs[keys[i]] = int32(i + 1)
		}
		order := make([]int32, 1<<16)
		for i := range order {
			order[i] = rand.Int32N(int32(n))
		}
		for name, get := range map[string]func(recent.Addr) int32{"ours": ours.Get, "Go": func(k recent.Addr) int32 { return theirs[k] }} {
			b.Run(fmt.Sprint(n, " ", name), func(b *testing.B) {
				i := 0
				for b.Loop() {
					get(keys[order[i%len(order)]])
					i++
				}
			})
		}
	}
}
