package fraud

// mark is one distinct thing, by its hash, and when it was last reported.
type mark struct{ hash, at uint32 }

// Hashes of what does not exist end in a one, those of what does in a zero, so that
// both share the places.
const (
	exists  = 0
	unknown = 1
)

func marked(hash uint64, kind uint32) uint32 {
	h := uint32(hash)&^1 | kind
	if h == 0 {
		h = 2
	}
	return h
}

// longestMemory is the longest that any rule remembers, in seconds: configs allows a
// week.
const longestMemory = 7 * 24 * 3600

// later is the later of two times of the same thing. A time beyond longestMemory comes from
// a wrong clock and is not used.
func later(at, now uint32) uint32 {
	if within(at, now, longestMemory) {
		return max(at, now)
	}
	return now
}

// apart is the distance of two times: the farthest one makes room.
func apart(at, now uint32) uint32 { return max(at, now) - min(at, now) }

// note notes a thing, in place of the one farthest from now where there is no room. It
// returns how many things are noted, of any kind and time.
func note(marks []mark, hash, now uint32) (noted int) {
	at, found := 0, false
	for i := range marks {
		m := &marks[i]
		if m.at != 0 {
			noted++
		}
		switch {
		case found:
		case m.hash == hash:
			at, found = i, true
		case apart(m.at, now) > apart(marks[at].at, now):
			at = i
		}
	}
	m := &marks[at]
	if found {
		m.at = later(m.at, now)
		return noted
	}
	if m.at == 0 {
		noted++
	}
	*m = mark{hash, now}
	return noted
}

func has(marks []mark, hash, now, limit uint32) bool {
	for _, m := range marks {
		if m.hash == hash && within(m.at, now, limit) {
			return true
		}
	}
	return false
}

// places are for the accounts and extensions of one address. One rule or the other matches
// before they are full: configs allows at most 7 unknown accounts and 12 wrong passwords.
const places = 18

// caller is what is remembered of one address. 224 bytes, and 32 more in its table.
type caller struct {
	tried [places]mark
	// Numbers, by tail and head.
	tails, dialled [8]uint32 // hash, and when
	heads          [8]uint16
}

// count is how many different things of a kind were tried.
func (c *caller) count(kind, now, limit uint32) (n int) {
	for _, m := range c.tried {
		if m.hash&1 == kind && within(m.at, now, limit) {
			n++
		}
	}
	return n
}

// dial notes a number and says under how many heads its tail was dialled.
func (c *caller) dial(tail uint32, head uint16, at, limit uint32) (heads int) {
	farthest, known := 0, false
	for i := range c.tails {
		if c.tails[i] == tail && c.heads[i] == head {
			c.dialled[i], known = later(c.dialled[i], at), true
		}
		if apart(c.dialled[i], at) > apart(c.dialled[farthest], at) {
			farthest = i
		}
	}
	if !known {
		c.tails[farthest], c.heads[farthest], c.dialled[farthest] = tail, head, at
	}
	for i := range c.tails {
		if c.tails[i] == tail && within(c.dialled[i], at, limit) {
			heads++
		}
	}
	return heads
}

// mostAddresses is how many addresses of a crowd are distinguished.
const mostAddresses = 16

// crowd is the addresses that tried one account, or dialled one number.
type crowd struct {
	addresses [mostAddresses]mark
	alarmed   uint32 // when the rule last spoke
}

// join adds an address and says how many there are, at most mostAddresses.
func (c *crowd) join(address, at, limit uint32) (n int) {
	note(c.addresses[:], address, at)
	for _, m := range c.addresses {
		if within(m.at, at, limit) {
			n++
		}
	}
	return n
}

// alarm reports whether the admin has to know: once, until all is quiet again.
func (c *crowd) alarm(at, limit uint32) bool {
	recently := within(c.alarmed, at, limit)
	c.alarmed = max(at, 1)
	return !recently
}

// leave forgets an address.
func (c *crowd) leave(gone map[uint32]bool) {
	for i, m := range c.addresses {
		if gone[m.hash] {
			c.addresses[i] = mark{}
		}
	}
}
