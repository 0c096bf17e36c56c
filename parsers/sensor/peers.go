package sensor

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// peer is what is known of one address. Times without a unit are unix seconds; 0 is never.
type peer struct {
	addr       [16]byte
	prev, next int32 // slots in the order of last use
	seen       int64 // when its last packet came
	visits     [classes]visit
	dark       uint32    // when it last sent something that cannot be read
	login      uint32    // when it last logged in with a password
	accounts   uint64    // the accounts that logged in, one bit each; see accountBit
	answers    uint32    // when it last answered a request of ours
	open       uint16    // how many challenges it has not answered
	openSince  int64     // unix ns: when the first of them was sent
	asked      [4]uint64 // what it asked for: a set of hashes; see asks
	askedCount uint16    // how many different things it asked for
	askedLast  uint32    // when it last asked
	pings      uint16    // how many OPTIONS it sent since pingsSince
	pingsSince uint32
	refused    uint64 // hash of the last refused request
	refusedAt  int64  // unix ns
	hasty      uint16 // how many short visits over TLS it made
	hastySince int64  // unix ns: when the first of them was
	digest     uint64 // hash of the last wrong answer to a challenge
	tail       uint64 // hash of the last digits of the number that it called last
	number     uint64 // hash of that whole number
}

// peerTable holds the addresses that sent packets last. When it is full, the address that was
// quiet for the longest time makes room. The slots form a ring; slot 0 is its head. Their
// memory is reserved at once, and the kernel gives it when a slot is used.
type peerTable struct {
	slots       []peer
	index       index
	seed        maphash.Seed
	max         int
	evicted     uint64
	lastEvicted int64 // unix seconds: the latest time at which a forgotten address was seen
}

func (t *peerTable) init(max int) {
	t.max, t.slots, t.seed = max, make([]peer, 1, max+1), maphash.MakeSeed()
	t.index.init(max, func(place uint16) uint64 { return t.hash(t.slots[place].addr) })
}

func (t *peerTable) hash(a [16]byte) uint64 { return maphash.Bytes(t.seed, a[:]) }

// find returns the entry of an address; nil if there is none.
func (t *peerTable) find(a netip.Addr) *peer {
	key := a.As16()
	if p := t.latest(); p != nil && p.addr == key {
		return p
	}
	if i := t.index.get(t.hash(key)); i != 0 {
		return &t.slots[i]
	}
	return nil
}

// latest returns the entry that was taken last; nil if there is none. One packet asks for the
// same address several times.
func (t *peerTable) latest() *peer {
	if last := t.slots[0].prev; last != 0 {
		return &t.slots[last]
	}
	return nil
}

// take returns the entry of an address that sends a packet now. It makes one if there is none.
func (t *peerTable) take(a netip.Addr, at int64) *peer {
	key := a.As16()
	if p := t.latest(); p != nil && p.addr == key {
		p.seen = max(p.seen, at)
		return p
	}
	h := t.hash(key)
	i := int32(t.index.get(h))
	switch {
	case i != 0:
		t.unlink(i)
	case len(t.slots) <= t.max:
		i = int32(len(t.slots))
		t.slots = append(t.slots, peer{addr: key})
		t.index.put(h, uint16(i))
	default:
		i = t.oldest(at)
		t.unlink(i)
		old := &t.slots[i]
		t.index.drop(t.hash(old.addr), uint16(i))
		t.evicted++
		t.lastEvicted = max(t.lastEvicted, old.seen)
		*old = peer{addr: key}
		t.index.put(h, uint16(i))
	}
	p := &t.slots[i]
	p.seen = max(p.seen, at)
	t.link(i)
	return p
}

// oldest returns the entry that makes room. Of the oldest few it takes one without a log-in. The
// entries that it spares count as new.
func (t *peerTable) oldest(at int64) int32 {
	const tries = 8
	for range tries {
		i := t.slots[0].next
		if p := &t.slots[i]; !p.loggedIn(at) && !p.isOurs(at) {
			return i
		}
		t.unlink(i)
		t.link(i)
	}
	return t.slots[0].next
}

// link puts a slot at the end of the ring, and unlink removes it from the ring.
func (t *peerTable) link(i int32) {
	last := t.slots[0].prev
	t.slots[i].prev, t.slots[i].next = last, 0
	t.slots[last].next, t.slots[0].prev = i, i
}

func (t *peerTable) unlink(i int32) {
	p := &t.slots[i]
	t.slots[p.prev].next, t.slots[p.next].prev = p.next, p.prev
}

const (
	// knownFor is how long after a log-in, or an answer to our request, an address is known.
	// Small offences of a known address are not charged. Phones register once an hour, or once
	// a day.
	knownFor = 24 * 3600
)

// loggedIn reports whether the address logged in with a password within knownFor.
func (p *peer) loggedIn(at int64) bool { return p.login != 0 && at-int64(p.login) < knownFor }

// LoggedIn reports whether an address logged in with a password within the last day.
func (s *Sensor) LoggedIn(a netip.Addr, now time.Time) bool {
	p := s.peers.find(a.Unmap())
	return p != nil && p.loggedIn(now.Unix())
}

// isOurs reports whether the address answered a request of ours within knownFor: a provider
// where we register, or a phone that we call or qualify.
func (p *peer) isOurs(at int64) bool { return p.answers != 0 && at-int64(p.answers) < knownFor }

// asks notes what an address asks for. It returns how many different things the address asked
// for until now; 0 if it asked for this one before.
func (p *peer) asks(number uint64, at int64) int {
	const forget = 3600
	if at-int64(p.askedLast) > forget {
		p.asked, p.askedCount = [4]uint64{}, 0
	}
	p.askedLast = uint32(at)
	bit1, bit2 := number&255, number>>8&255
	known := p.asked[bit1>>6]>>(bit1&63)&1 == 1 && p.asked[bit2>>6]>>(bit2&63)&1 == 1
	if known {
		return 0
	}
	p.asked[bit1>>6] |= 1 << (bit1 & 63)
	p.asked[bit2>>6] |= 1 << (bit2 & 63)
	p.askedCount++
	return int(p.askedCount)
}
