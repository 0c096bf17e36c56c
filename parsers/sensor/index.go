package sensor

import "math/bits"

// index finds an entry of a table by a hash. It takes a sixth of the memory of a map, and
// has no pointers in it. The hashes are mixed with a secret seed, so that no sender can choose
// two that meet in one place.
type index struct {
	cells  []uint16                  // places of entries, from 1; 0: free. Where a hash belongs is in its last bits
	hashOf func(place uint16) uint64 // the hash of the entry at a place
}

// mostPlaces is how many entries a table with an index can have.
const mostPlaces = 1<<16 - 1

// init makes room for max entries: twice to four times as many cells keep the searches short.
func (x *index) init(max int, hashOf func(place uint16) uint64) {
	x.cells, x.hashOf = make([]uint16, 2<<bits.Len(uint(max-1))), hashOf
}

// get returns the place of a hash; 0 is none.
func (x *index) get(h uint64) (place uint16) { return x.cells[x.find(h)] }

// put notes that the entry of a hash is at a place now.
func (x *index) put(h uint64, place uint16) { x.cells[x.find(h)] = place }

// find is the cell of a hash, or the free one where it would be.
func (x *index) find(h uint64) (cell int) {
	last := len(x.cells) - 1
	for cell = int(h) & last; x.cells[cell] != 0 && x.hashOf(x.cells[cell]) != h; cell = (cell + 1) & last {
	}
	return cell
}

// drop forgets a hash if it leads to this place. It moves the cells behind it that could be
// nearer to where they belong. The entry must still have its hash.
func (x *index) drop(h uint64, place uint16) {
	free := x.find(h)
	if place == 0 || x.cells[free] != place {
		return
	}
	last := len(x.cells) - 1
	for at := (free + 1) & last; x.cells[at] != 0; at = (at + 1) & last {
		belongs := int(x.hashOf(x.cells[at])) & last
		if (at-belongs)&last >= (at-free)&last {
			x.cells[free], free = x.cells[at], at
		}
	}
	x.cells[free] = 0
}
