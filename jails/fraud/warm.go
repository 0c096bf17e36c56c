package fraud

import "pbxjail/jails/recent"

// Warm reads what is known of addresses, at most recent.WarmAtOnce of them, and changes
// nothing: see recent.Map.
func (s *Sense) Warm(keys []recent.Addr) uint32 {
	return s.callers.warm(keys, func(c *caller) uint32 { return c.tried[6].at + c.tried[14].at + c.tails[3] + uint32(c.heads[0]) })
}

// Warm reads what is known of addresses, at most recent.WarmAtOnce of them, and changes
// nothing: see recent.Map.
func (s *Silence) Warm(keys []recent.Addr) uint32 {
	return s.table.warm(keys, func(c *challenged) uint32 { return uint32(c.sent[6]) + c.ids[2] + uint32(c.login) })
}

// warm reads the rows of keys, at most recent.WarmAtOnce of them, and changes nothing: see
// recent.Map. part reads a row in several places.
func (t *table[V]) warm(keys []addrKey, part func(*V) uint32) (read uint32) {
	var at [recent.WarmAtOnce]int32
	for i, k := range keys {
		at[i] = t.index.Get(k)
	}
	for i := range keys {
		r := &t.rows[at[i]]
		read += uint32(r.key[15]) + part(&r.value) + t.links[at[i]].at
	}
	return read
}
