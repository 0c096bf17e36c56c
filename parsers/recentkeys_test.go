package parsers

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRecentKeys: the ring knows the same keys, in the same order, as a plain list does.
func TestRecentKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var got recentKeys
	var want []uint64 // the last one used first
	for i := range 50_000 {
		key := uint64(r.IntN(2*fewCalls)) << r.IntN(2)
		at := slices.Index(want, key)
		if known := got.use(key); known != (at >= 0) {
			t.Fatalf("step %d: use(%d): got %v", i, key, known)
		}
		if at >= 0 {
			want = slices.Insert(slices.Delete(want, at, at+1), 0, key)
		} else if r.IntN(3) == 0 {
			got.add(key)
			want = slices.Insert(want, 0, key)
			want = want[:min(len(want), fewCalls)]
		}
		lwp := uint32(r.IntN(2 * fewCalls))
		has := slices.ContainsFunc(want[:min(len(want), fewWriters)], func(k uint64) bool { return uint32(k) == lwp })
		if got.has(lwp) != has {
			t.Fatalf("step %d: has(%d): got %v", i, lwp, !has)
		}
		if other := uint64(r.IntN(2 * fewCalls)); got.holds(other) != slices.Contains(want, other) {
			t.Fatalf("step %d: holds(%d): got %v", i, other, got.holds(other))
		}
	}
}
