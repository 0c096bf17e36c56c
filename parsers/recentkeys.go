package parsers

// recentKeys is the latest threads of calls, the last one used first. A key that is not here
// costs one look into a table: in a busy log most calls are new.
type recentKeys struct {
	keys  [fewCalls]uint64 // a ring
	first int              // where in it the last one used is
	n     int
	alike [keyHashes]uint16 // how many of the keys have this hash
}

const keyHashes = 1024

func hashOfKey(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 >> 54 % keyHashes }

// at is the key that i others were used after.
func (r *recentKeys) at(i int) *uint64 { return &r.keys[(r.first+i)%fewCalls] }

// use reports whether the key is known, and makes it the last one used.
func (r *recentKeys) use(key uint64) bool {
	at := r.find(key)
	if at < 0 {
		return false
	}
	for ; at > 0; at-- {
		*r.at(at) = *r.at(at - 1)
	}
	*r.at(0) = key
	return true
}

// find returns how many keys were used after this one, or -1.
func (r *recentKeys) find(key uint64) int {
	if r.alike[hashOfKey(key)] == 0 {
		return -1
	}
	for i := range r.n {
		if *r.at(i) == key {
			return i
		}
	}
	return -1
}

// add takes a key that is not here.
func (r *recentKeys) add(key uint64) {
	r.first = (r.first + fewCalls - 1) % fewCalls
	if r.n == fewCalls { // the oldest one is forgotten
		r.alike[hashOfKey(*r.at(0))]--
	} else {
		r.n++
	}
	*r.at(0) = key
	r.alike[hashOfKey(key)]++
}

// holds reports whether the thread works for this very call.
func (r *recentKeys) holds(key uint64) bool { return r.find(key) >= 0 }

// has reports whether the thread works for some call: one of the latest, as each that is
// known makes a guess easier.
func (r *recentKeys) has(lwp uint32) bool {
	for i := range min(r.n, fewWriters) {
		if uint32(*r.at(i)) == lwp {
			return true
		}
	}
	return false
}
