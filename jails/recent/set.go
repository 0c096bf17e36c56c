package recent

// Set is a set of hashes that forgets as a Map does, with less work for each: a key is one
// word. The zero value holds nothing; set Max before use. An attacker must
// not be able to choose the hashes.
type Set struct {
	Max        int
	young, old []uint64 // open addressing with linear probing; 0 is a free place
	n          int      // in young
}

// Add notes a hash as the latest.
func (s *Set) Add(hash uint64) {
	if s.young == nil || s.n >= s.Max {
		s.turn()
	}
	hash = max(hash, 1)
	if at := place(s.young, hash); *at == 0 {
		*at = hash
		s.n++
	}
}

// turn forgets the old half, and begins a new one in its memory.
func (s *Set) turn() {
	clear(s.old)
	s.old, s.young, s.n = s.young, s.old, 0
	if s.young == nil {
		size := 4
		for 3*size < 4*s.Max { // at most three quarters are in use
			size *= 2
		}
		s.young = make([]uint64, size)
	}
}

// Has reports whether a hash was added and is not forgotten.
func (s *Set) Has(hash uint64) bool {
	hash = max(hash, 1)
	return s.young != nil && *place(s.young, hash) != 0 || s.old != nil && *place(s.old, hash) != 0
}

// place is where a hash is, or the free place where it would be.
func place(half []uint64, hash uint64) *uint64 {
	mask := len(half) - 1
	for i := int(hash>>8) & mask; ; i = (i + 1) & mask {
		if at := &half[i]; *at == hash || *at == 0 {
			return at
		}
	}
}
