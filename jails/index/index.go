package index

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"pbxjail/jails/recent"
)

// Map is a map from addresses to values. A value is never the zero value of its type: that
// means none. The zero Map is empty. Not safe for concurrent use.
//
// It is a hash table with open addressing and linear probing, at most half full. The
// attacker chooses the addresses, so the hash has a secret seed.
type Map[V comparable] struct {
	seed  [2]uint64
	slots []slot[V] // a power of two
	n     int
}

type slot[V comparable] struct {
	key   recent.Addr
	value V
}

const fewestSlots = 16

// hash is a multiplication of the two halves of the address, each with a secret, to 128
// bits. Without the secret an attacker cannot choose addresses that collide.
func (m *Map[V]) hash(k *recent.Addr) int {
	a, b := words(k)
	high, low := bits.Mul64(a^m.seed[0], b^m.seed[1])
	return int((high ^ low) & uint64(len(m.slots)-1))
}

// words are the two halves of an address: they are compared faster than its bytes.
func words(k *recent.Addr) (a, b uint64) {
	return binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:])
}

// find is the slot of a key, or the empty slot where it would be.
func (m *Map[V]) find(k *recent.Addr) *slot[V] {
	var none V
	a, b := words(k)
	for i := m.hash(k); ; i = (i + 1) & (len(m.slots) - 1) {
		s := &m.slots[i]
		if s.value == none {
			return s
		}
		if x, y := words(&s.key); x == a && y == b {
			return s
		}
	}
}

// Get returns the value of a key; the zero value when it has none.
func (m *Map[V]) Get(k recent.Addr) (v V) {
	if m.n == 0 {
		return v
	}
	return m.find(&k).value
}

// Put sets the value of a key, which must not be the zero value.
func (m *Map[V]) Put(k recent.Addr, v V) {
	if 2*(m.n+1) > len(m.slots) {
		m.grow()
	}
	var none V
	s := m.find(&k)
	if s.value == none {
		m.n++
	}
	*s = slot[V]{k, v}
}

// grow doubles the slots. It takes a new seed, so that the order of the old slots says
// nothing about the new ones.
func (m *Map[V]) grow() {
	old := m.slots
	m.seed = [2]uint64{rand.Uint64(), rand.Uint64()}
	m.slots = make([]slot[V], max(2*len(old), fewestSlots))
	var none V
	for i := range old {
		if s := &old[i]; s.value != none {
			*m.find(&s.key) = *s
		}
	}
}

// Delete removes a key, if it is there. The keys behind it move up, as far as their own
// first slot allows: so no slot has to be marked as deleted.
func (m *Map[V]) Delete(k recent.Addr) {
	var none V
	if m.n == 0 {
		return
	}
	mask := len(m.slots) - 1
	free := m.hash(&k)
	for m.slots[free].value != none && m.slots[free].key != k {
		free = (free + 1) & mask
	}
	if m.slots[free].value == none {
		return
	}
	m.n--
	for i := (free + 1) & mask; m.slots[i].value != none; i = (i + 1) & mask {
		if first := m.hash(&m.slots[i].key); (i-first)&mask >= (i-free)&mask {
			m.slots[free] = m.slots[i]
			free = i
		}
	}
	m.slots[free] = slot[V]{}
}

// Len is how many keys there are.
func (m *Map[V]) Len() int { return m.n }

// All yields each key and its value, in no order. The map must not change meanwhile.
func (m *Map[V]) All(yield func(recent.Addr, V) bool) {
	var none V
	for i := range m.slots {
		if s := &m.slots[i]; s.value != none && !yield(s.key, s.value) {
			return
		}
	}
}
