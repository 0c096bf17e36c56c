package jails

// recent is a map that forgets: it holds between max and twice as many of the
// latest keys, and costs no more however many an attacker makes up. The zero value
// holds nothing; set max before use.
type recent[K comparable, V any] struct {
	max        int
	young, old map[K]V
}

// put notes k as the latest.
func (r *recent[K, V]) put(k K, v V) {
	if r.young == nil || len(r.young) >= r.max {
		r.old, r.young = r.young, map[K]V{}
	}
	r.young[k] = v
}

// get finds what was put last for k, unless it is forgotten.
func (r *recent[K, V]) get(k K) (V, bool) {
	v, ok := r.young[k]
	if !ok {
		v, ok = r.old[k]
	}
	return v, ok
}

// each yields every key once, with what was put last for it, in no order.
func (r *recent[K, V]) each(yield func(K, V) bool) {
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
