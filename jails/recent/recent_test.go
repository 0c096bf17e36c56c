package recent

import "testing"

func TestRecentForgets(t *testing.T) {
	r := Map[int, int]{Max: 100}
	for i := range 10_000 {
		r.Put(i, i)
	}
	if n := len(r.young) + len(r.old); n > 200 {
		t.Errorf("got %d keys, want at most 200", n)
	}
	if _, ok := r.Get(9_999); !ok {
		t.Error("the latest key is forgotten")
	}
	if _, ok := r.Get(0); ok {
		t.Error("the oldest key is remembered")
	}
}
