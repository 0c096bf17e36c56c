package watcher

import "testing"

// TestPlacesAreBounded: the oldest go first.
func TestPlacesAreBounded(t *testing.T) {
	k := places{at: map[identity]Position{}}
	for i := range 3 * maxPlaces {
		k.keep(Position{Inode: uint64(i + 1), Older: []Position{{}}})
		k.keep(Position{Inode: uint64(i + 1), Offset: 5})
	}
	if got := len(k.at); got != maxPlaces || len(k.order) != maxPlaces {
		t.Errorf("places: got %d, %d in order, want %d", got, len(k.order), maxPlaces)
	}
	if _, ok := k.at[identity{0, 2 * maxPlaces}]; ok {
		t.Error("an old place was kept")
	}
	newest := identity{0, 3 * maxPlaces}
	if got := k.at[newest]; got.Offset != 5 || got.Older != nil {
		t.Errorf("newest: got %+v, want offset 5 and nothing older", got)
	}
	k.take(newest)
	if _, ok := k.at[newest]; ok || len(k.order) != maxPlaces-1 {
		t.Errorf("after take: got %v and %d in order, want it gone", ok, len(k.order))
	}
}
