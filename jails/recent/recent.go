package recent

// Map is a map that forgets: it holds between Max and twice as many of the
// latest keys, and costs no more however many an attacker makes up. The zero value
// holds nothing; set Max before use. It takes memory until it is full for the second
// time, and none after that.
type Map[K comparable, V any] struct {
	Max        int
	young, old half[K, V]
}

// half is a generation of keys. Their values are apart, so that a look-up reads little
// memory, and a value can be changed in its place.
type half[K comparable, V any] struct {
	index  map[K]int32
	values []V
}

func (h *half[K, V]) clear() {
	clear(h.index)
	clear(h.values)
	h.values = h.values[:0]
}

// Put notes k as the latest.
func (r *Map[K, V]) Put(k K, v V) { *r.At(k) = v }

// At notes k as the latest and returns its value, to be changed in its place until the next
// Put or At. The value of a new key is zero.
func (r *Map[K, V]) At(k K) *V {
	var v V
	if i, ok := r.young.index[k]; ok {
		if !r.Full() {
			return &r.young.values[i]
		}
		v = r.young.values[i]
	} else if i, ok := r.old.index[k]; ok {
		v = r.old.values[i]
	}
	if r.young.index == nil || r.Full() { // a known key begins the next half too
		r.turn()
	}
	n := len(r.young.values)
	r.young.index[k] = int32(n)
	r.young.values = append(r.young.values, v)
	return &r.young.values[n]
}

// turn forgets the old half, and begins a new one.
func (r *Map[K, V]) turn() {
	r.old.clear()
	r.old, r.young = r.young, r.old
	if r.young.index == nil {
		r.young.index = map[K]int32{}
	}
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
	if i, ok := r.young.index[k]; ok {
		return &r.young.values[i]
	}
	if i, ok := r.old.index[k]; ok {
		return &r.old.values[i]
	}
	return nil
}

// Each yields every key once, with what was put last for it, in no order.
func (r *Map[K, V]) Each(yield func(K, V) bool) {
	for k, i := range r.young.index {
		if !yield(k, r.young.values[i]) {
			return
		}
	}
	for k, i := range r.old.index {
		if _, newer := r.young.index[k]; !newer && !yield(k, r.old.values[i]) {
			return
		}
	}
}

// Full reports whether the next key forgets the oldest half.
func (r *Map[K, V]) Full() bool { return len(r.young.index) >= r.Max }
