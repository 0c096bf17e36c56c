package recent

import (
	"reflect"
	"testing"
)

// TestWarmChangesNothing: a Map is the same after Warm, and Warm reads the keys of both halves.
func TestWarmChangesNothing(t *testing.T) {
	m := Map[int, int]{Max: 10}
	if n := m.Warm([]int{1}); n != 0 {
		t.Errorf("got %d keys read of an empty map, want 0", n)
	}
	var keys []int
	for k := range 15 {
		m.Put(k, k)
		keys = append(keys, k)
	}
	like := m
	like.young.entries, like.old.entries = append([]entry[int, int](nil), m.young.entries...), append([]entry[int, int](nil), m.old.entries...)
	like.young.spots, like.old.spots = append([]spot(nil), m.young.spots...), append([]spot(nil), m.old.spots...)
	if n := m.Warm(keys); n == 0 || n > len(keys) {
		t.Errorf("got %d keys read, want some of %d", n, len(keys))
	}
	if !reflect.DeepEqual(m, like) {
		t.Error("Warm changed the map")
	}
}
