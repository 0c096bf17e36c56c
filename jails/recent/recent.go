package recent

import "hash/maphash"

// Map is a map that forgets: it holds between Max and twice as many of the
// latest keys, and costs no more however many an attacker makes up. The zero value
// holds nothing; set Max before use. It takes memory until it is full for the second
// time, and none after that.
//
// K must hold no pointer but those of strings: any other would be allocated for each look-up.
type Map[K comparable, V any] struct {
	Max        int
	seed       maphash.Seed // of the hashes; an attacker chooses the keys
	young, old half[K, V]
}

// half is a generation of keys: a hash table with open addressing and linear probing, at most
// half full. A key and its value are beside each other and apart from the spots, so that a
// look-up reads little memory, and a value can be changed where it is.
type half[K comparable, V any] struct {
	spots   []spot // a power of two
	entries []entry[K, V]
}

// spot names an entry by its number, from 1; 0 is a free spot.
type spot struct{ hash, entry uint32 }

type entry[K comparable, V any] struct {
	key   K
	value V
}

const fewestSpots = 16

// find returns the value of a key, or nil.
func (h *half[K, V]) find(hash uint32, k K) *V {
	if len(h.entries) == 0 {
		return nil
	}
	mask := uint32(len(h.spots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		p := h.spots[i]
		if p.entry == 0 {
			return nil
		}
		if e := &h.entries[p.entry-1]; p.hash == hash && e.key == k {
			return &e.value
		}
	}
}

// add takes a key that is not here.
func (h *half[K, V]) add(hash uint32, k K, v V) *V {
	h.entries = append(h.entries, entry[K, V]{k, v})
	n := len(h.entries)
	if 2*n > len(h.spots) {
		old := h.spots
		h.spots = make([]spot, max(2*len(old), fewestSpots))
		for _, p := range old {
			if p.entry != 0 {
				h.put(p)
			}
		}
	}
	h.put(spot{hash, uint32(n)})
	return &h.entries[n-1].value
}

// put takes the first free spot of a hash.
func (h *half[K, V]) put(p spot) {
	mask := uint32(len(h.spots) - 1)
	i := p.hash & mask
	for h.spots[i].entry != 0 {
		i = (i + 1) & mask
	}
	h.spots[i] = p
}

func (h *half[K, V]) clear() {
	clear(h.spots)
	clear(h.entries)
	h.entries = h.entries[:0]
}

// hash is under a secret seed, so that an attacker cannot choose keys that collide.
func (r *Map[K, V]) hash(k K) uint32 { return uint32(maphash.Comparable(r.seed, k)) }

// Put notes k as the latest.
func (r *Map[K, V]) Put(k K, v V) { *r.At(k) = v }

// At notes k as the latest and returns its value, to be changed in its place until the next
// Put or At. The value of a new key is zero.
func (r *Map[K, V]) At(k K) *V {
	if r.seed == (maphash.Seed{}) {
		r.seed = maphash.MakeSeed()
	}
	hash := r.hash(k)
	var v V
	if at := r.young.find(hash, k); at != nil {
		if !r.Full() {
			return at
		}
		v = *at
	} else if at := r.old.find(hash, k); at != nil {
		v = *at
	}
	if r.Full() { // a known key begins the next half too
		r.old.clear()
		r.old, r.young = r.young, r.old
	}
	return r.young.add(hash, k, v)
}

// Get finds what was put last for k, unless it is forgotten.
func (r *Map[K, V]) Get(k K) (v V, ok bool) {
	if p := r.Find(k); p != nil {
		return *p, true
	}
	return v, false
}

// Find is Get without a copy: nil when there is no value, and else valid until the next Put
// or At.
func (r *Map[K, V]) Find(k K) *V {
	if len(r.young.entries) == 0 { // the old half is empty too
		return nil
	}
	hash := r.hash(k)
	if at := r.young.find(hash, k); at != nil {
		return at
	}
	return r.old.find(hash, k)
}

// Each yields every key once, with what was put last for it, in no order.
func (r *Map[K, V]) Each(yield func(K, V) bool) {
	for _, e := range r.young.entries {
		if !yield(e.key, e.value) {
			return
		}
	}
	for _, e := range r.old.entries {
		if newer := r.young.find(r.hash(e.key), e.key); newer == nil && !yield(e.key, e.value) {
			return
		}
	}
}

// Full reports whether the next key forgets the oldest half.
func (r *Map[K, V]) Full() bool { return len(r.young.entries) >= r.Max }
