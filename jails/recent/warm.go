package recent

// Warm looks keys up, at most WarmAtOnce of them, and changes nothing. What it reads is in the
// processor's cache for the next At or Find: it fetches from memory for many keys at once, and
// those would wait for each. The result says nothing: it makes the reads necessary.
func (r *Map[K, V]) Warm(keys []K) (read int) {
	if len(r.young.entries) == 0 {
		return 0
	}
	var hashes [WarmAtOnce]uint32
	for i, k := range keys {
		hashes[i] = r.hash(k)
	}
	for _, h := range []*half[K, V]{&r.young, &r.old} {
		if len(h.entries) == 0 {
			continue
		}
		var at [WarmAtOnce]uint32
		for i := range keys {
			at[i] = h.spots[hashes[i]&uint32(len(h.spots)-1)].entry
		}
		for i, k := range keys {
			if at[i] != 0 && h.entries[at[i]-1].key == k {
				read++
			}
		}
	}
	return read
}

// WarmAtOnce is the most keys that Warm takes.
const WarmAtOnce = 64
