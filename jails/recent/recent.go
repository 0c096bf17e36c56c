package recent

// Map is a map that forgets: it holds between Max and twice as many of the
// latest keys, and costs no more however many an attacker makes up. The zero value
// holds nothing; set Max before use.
type Map[K comparable, V any] struct {
	Max        int
	young, old map[K]V
}

// Put notes k as the latest.
func (r *Map[K, V]) Put(k K, v V) {
	if r.young == nil || r.Full() {
		clear(r.old)
		r.old, r.young = r.young, r.old // no memory is taken for what comes now
		if r.young == nil {
			r.young = map[K]V{}
		}
	}
	r.young[k] = v
}

// Get finds what was put last for k, unless it is forgotten.
func (r *Map[K, V]) Get(k K) (V, bool) {
	v, ok := r.young[k]
	if !ok {
		v, ok = r.old[k]
	}
	return v, ok
}

// Each yields every key once, with what was put last for it, in no order.
func (r *Map[K, V]) Each(yield func(K, V) bool) {
	for k, v := range r.young {
		if !yield(k, v) {
			return
		}
	}
	for k, v := range r.old {
		if _, newer := r.young[k]; !newer && !yield(k, v) {
			return
		}
	}
}

// Full reports whether the next key forgets the oldest half.
func (r *Map[K, V]) Full() bool { return len(r.young) >= r.Max }
