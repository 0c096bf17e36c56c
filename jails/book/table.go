package book

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
)

// table finds bans by their prefix. It takes a third of the memory of a map, because the ban
// itself holds the key. It is a hash table with open addressing and linear probing, at most
// four fifths full. Attackers choose the prefixes, so the hash has a secret seed. Not safe for
// concurrent use. The zero value is empty.
type table struct {
	seed  [2]uint64
	slots []*Ban   // a power of two; nil: free; gone: it was in use
	marks []uint32 // the hash of each slot in use, so that the bans themselves need not be read
	n     int      // bans
	used  int      // slots that are not free
}

// gone marks a slot whose ban was removed: others may be behind it.
var gone = &Ban{}

const fewestSlots = 16

func (t *table) hash(p netip.Prefix) uint32 {
	a := p.Addr().As16()
	high, low := bits.Mul64(binary.LittleEndian.Uint64(a[:8])^t.seed[0], binary.LittleEndian.Uint64(a[8:])^t.seed[1])
	mixed := (high ^ low) * (uint64(p.Bits())<<1 | 1)
	return uint32(mixed>>32) ^ uint32(mixed)
}

// find returns the slot of a prefix, or -1.
func (t *table) find(p netip.Prefix) int {
	if t.n == 0 {
		return -1
	}
	h, last := t.hash(p), len(t.slots)-1
	for i := int(h) & last; t.slots[i] != nil; i = (i + 1) & last {
		if t.marks[i] == h && t.slots[i] != gone && t.slots[i].Prefix == p {
			return i
		}
	}
	return -1
}

// get returns the ban of a prefix; nil: there is none.
func (t *table) get(p netip.Prefix) *Ban {
	if i := t.find(p); i >= 0 {
		return t.slots[i]
	}
	return nil
}

// put enters a ban in place of the one of its prefix.
func (t *table) put(b *Ban) {
	if i := t.find(b.Prefix); i >= 0 {
		t.slots[i] = b
		return
	}
	if 5*(t.used+1) > 4*len(t.slots) {
		t.grow()
	}
	t.n++
	t.used++
	t.set(b, t.hash(b.Prefix))
}

// set puts a ban that is not there into the first free slot.
func (t *table) set(b *Ban, h uint32) {
	last := len(t.slots) - 1
	i := int(h) & last
	for t.slots[i] != nil {
		i = (i + 1) & last
	}
	t.slots[i], t.marks[i] = b, h
}

// grow makes room for more. Slots of bans that were removed become free.
func (t *table) grow() {
	slots, marks := t.slots, t.marks
	size := max(len(slots), fewestSlots)
	if 5*(t.n+1) > 2*size { // more than half of the slots in use hold a ban
		size *= 2
	}
	if slots == nil {
		t.seed = [2]uint64{rand.Uint64(), rand.Uint64()}
		size = fewestSlots
	}
	t.slots, t.marks, t.used = make([]*Ban, size), make([]uint32, size), t.n
	for i, b := range slots {
		if b != nil && b != gone {
			t.set(b, marks[i])
		}
	}
}

// delete removes the ban of a prefix, if there is one.
func (t *table) delete(p netip.Prefix) {
	if i := t.find(p); i >= 0 {
		t.slots[i] = gone
		t.n--
	}
}

// all yields each ban, in no order. yield may change the table: what it removes is not
// yielded later, and what it enters may be.
func (t *table) all(yield func(*Ban) bool) {
	slots := t.slots
	for i := range slots {
		b := slots[i]
		if b == nil || b == gone || &slots[0] != &t.slots[0] && t.get(b.Prefix) != b {
			continue
		}
		if !yield(b) {
			return
		}
	}
}
