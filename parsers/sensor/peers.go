package sensor

import "net/netip"

// peer is what is known of one address. Seconds are unix seconds; 0 is never.
type peer struct {
	addr       netip.Addr
	prev, next int32
	seen       int64
	visits     [classes]visit
	dark       uint32 // when it last sent what we cannot read
	login      uint32 // the last, with a password
	accounts   uint64 // that logged in, a bit each
	answers    uint32 // when it last answered a request of ours
	open       uint16 // challenges that it has not answered
	openSince  int64  // unix ns, of the first of them
	asked      [4]uint64
	askedCount uint16
	askedLast  uint32
	pings      uint16 // OPTIONS since
	pingsSince uint32
	refused    uint64 // what was refused last, as a hash
	refusedAt  int64  // unix ns
	hasty      uint16 // short visits over TLS
	hastySince int64  // unix ns, of the first of them
	digest     uint64 // the last wrong answer, as a hash
	tail       uint64 // the end of the number that it called last, as a hash
	number     uint64 // and the whole
}

// peerTable holds the addresses that were heard last. Slot 0 is the ring's head.
type peerTable struct {
	slots       []peer
	index       map[netip.Addr]int32
	max         int
	evicted     uint64
	lastEvicted int64 // seconds: when the latest one that was forgotten had been seen
}

func (t *peerTable) init(max int) {
	t.max, t.slots, t.index = max, make([]peer, 1, 64), map[netip.Addr]int32{}
}

func (t *peerTable) find(a netip.Addr) *peer {
	if p := t.latest(); p.addr == a && a.IsValid() {
		return p
	}
	if i, ok := t.index[a]; ok {
		return &t.slots[i]
	}
	return nil
}

// latest is the entry that was taken last; slot 0, of no address, when there is none. One
// packet asks for the same address several times.
func (t *peerTable) latest() *peer { return &t.slots[t.slots[0].prev] }

// take finds or makes the entry of an address that is heard now.
func (t *peerTable) take(a netip.Addr, at int64) *peer {
	if p := t.latest(); p.addr == a && a.IsValid() {
		p.seen = max(p.seen, at)
		return p
	}
	i, ok := t.index[a]
	switch {
	case ok:
		t.unlink(i)
	case len(t.slots) <= t.max:
		i = int32(len(t.slots))
		t.slots = append(grown(t.slots, t.max+1), peer{addr: a})
		t.index[a] = i
	default:
		i = t.oldest(at)
		t.unlink(i)
		old := &t.slots[i]
		delete(t.index, old.addr)
		t.evicted++
		t.lastEvicted = max(t.lastEvicted, old.seen)
		*old = peer{addr: a}
		t.index[a] = i
	}
	p := &t.slots[i]
	p.seen = max(p.seen, at)
	t.link(i)
	return p
}

// oldest finds the entry that makes room: of the oldest few rather a stranger's. Those
// of ours that are passed over count as new.
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

// link puts a slot at the end, unlink takes it out.
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
	// knownFor is how long an address that logged in, or that answers us, counts as
	// one of ours for small offences: phones register once an hour, or once a day.
	knownFor = 24 * 3600
)

// loggedIn reports whether the address logged in with a password within knownFor.
func (p *peer) loggedIn(at int64) bool { return p.login != 0 && at-int64(p.login) < knownFor }

// isOurs reports whether the address answers what we ask of it: a provider where we
// registered, a phone that we call or qualify.
func (p *peer) isOurs(at int64) bool { return p.answers != 0 && at-int64(p.answers) < knownFor }

// asks notes what an address asks for, and says how many different things that makes
// if this one is new, 0 if it is not.
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
