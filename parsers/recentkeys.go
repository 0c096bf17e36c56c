package parsers

import "bytes"

// recentKeys is the latest threads of calls, the last one used first. A look-up costs the same
// whether the key is here or not: in a busy log most calls are new.
type recentKeys struct {
	// A ring, written twice, so that the keys are one piece wherever they begin.
	keys  [2 * fewCalls]uint64
	low   [2 * fewCalls]byte // the low byte of each key's thread, which is searched for first
	first int                // where the last one used is
	n     int
	alike [keyHashes]uint16 // how many of the keys have this hash
}

const keyHashes = 4096

func hashOfKey(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 >> 52 % keyHashes }

// set puts a key where i others were used after it.
func (r *recentKeys) set(i int, key uint64) {
	at := (r.first + i) % fewCalls
	r.keys[at], r.keys[at+fewCalls] = key, key
	r.low[at], r.low[at+fewCalls] = byte(key), byte(key)
}

// use reports whether the key is known, and makes it the last one used.
func (r *recentKeys) use(key uint64) bool {
	if r.n > 0 && r.keys[r.first] == key { // it was asked for a moment ago
		return true
	}
	at := r.find(key)
	if at < 0 {
		return false
	}
	if at > 0 {
		shift(r.keys[:], r.first, at)
		shift(r.low[:], r.first, at)
	}
	r.set(0, key)
	return true
}

// shift moves n values of a ring that is written twice one place on, from first on.
func shift[T any](ring []T, first, n int) {
	copy(ring[first+1:first+n+1], ring[first:first+n])
	if end := min(first+n+1, fewCalls); end > first+1 { // those of the first half into the second
		copy(ring[first+1+fewCalls:end+fewCalls], ring[first+1:end])
	}
	if end := first + n + 1; end > fewCalls { // and the other way
		from := max(first+1, fewCalls)
		copy(ring[from-fewCalls:end-fewCalls], ring[from:end])
	}
}

// find returns how many keys were used after this one, or -1.
func (r *recentKeys) find(key uint64) int {
	if r.alike[hashOfKey(key)] == 0 {
		return -1
	}
	return r.search(byte(key), r.n, func(known uint64) bool { return known == key })
}

// search finds the first of the last most keys that has this low byte and is the one.
func (r *recentKeys) search(low byte, most int, isIt func(uint64) bool) int {
	for i := 0; i < most; i++ {
		next := bytes.IndexByte(r.low[r.first+i:r.first+most], low)
		if next < 0 {
			break
		}
		if i += next; isIt(r.keys[r.first+i]) {
			return i
		}
	}
	return -1
}

// add takes a key that is not here.
func (r *recentKeys) add(key uint64) {
	r.first = (r.first + fewCalls - 1) % fewCalls
	if r.n == fewCalls { // the oldest one is forgotten
		r.alike[hashOfKey(r.keys[r.first])]--
	} else {
		r.n++
	}
	r.set(0, key)
	r.alike[hashOfKey(key)]++
}

// holds reports whether the thread works for this very call.
func (r *recentKeys) holds(key uint64) bool { return r.find(key) >= 0 }

// has reports whether the thread works for some call: one of the latest, as each that is
// known makes a guess easier.
func (r *recentKeys) has(lwp uint32) bool {
	return r.search(byte(lwp), min(r.n, fewWriters), func(known uint64) bool { return uint32(known) == lwp }) >= 0
}
