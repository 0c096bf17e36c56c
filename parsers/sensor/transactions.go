package sensor

import (
	"net/netip"
	"time"

	"pbxjail/parsers"
	"pbxjail/parsers/sip"
)

// lifetime is how long a transaction, and a challenge, can stay without an answer
// (RFC 3261 17.1.1.2 and 17.1.2.2, timers B and F: 64*T1).
const lifetime = 32 * time.Second

// words is a bounded copy of a text.
type words struct {
	n uint8
	b [39]byte
}

func (w *words) set(b []byte)       { w.n = uint8(copy(w.b[:], b)) }
func (w *words) text() parsers.Text { return parsers.TextOf(w.b[:w.n]) }
func (w *words) bytes() []byte      { return w.b[:w.n] }

// tx is one request, theirs or ours, and what came of it.
type tx struct {
	key, loose uint64
	challenge  uint64 // of the call, while they have not answered the challenge; 0: none is open
	nonce      uint64 // of the challenge and the address
	at         int64  // unix ns of the request
	challenges uint16 // of the same call
	remote     netip.AddrPort
	local      netip.AddrPort
	prev, next int32
	port       *port
	word       string // what it is called: a constant
	method     sip.Method
	tcp        bool
	out        bool
	creds      bool   // it answers a challenge
	ours       bool   // with a nonce that we sent to its address
	sameCall   bool   // and for the same Call-ID
	again      bool   // while a challenge of its call waits for an answer
	verified   bool   // its kind of request was asked for a password: a client that passes had the right one
	inside     bool   // of a dialog
	keepAlive  bool   // a NOTIFY that keeps a way open
	mismatch   bool   // the CSeq names another method
	trying     bool   // we answered 100
	ringing    bool   // we answered 101 to 199
	in         bool   // the event of the log-in has been sent
	done       bool   // there was a final answer
	status     uint16 // of the last answer
	digest     uint64
	call       uint64 // hash of address and Call-ID
	as         uint64 // hash of what Asterisk finds the account by
	account    words
	number     words
	agent      words
}

// txTable holds transactions, the oldest first. Slot 0 is the ring's head. Their memory is
// reserved at once, and the kernel gives it when a slot is used.
type txTable struct {
	slots   []tx
	free    []int32
	keys    index
	loose   index // by the call and the number alone, the last one
	calls   index // of open challenges, by the call
	nonces  index // of open challenges, by the nonce
	max     int
	evicted uint64

	lastEvicted int64 // seconds
}

func (t *txTable) init(max int) {
	t.max, t.slots = max, make([]tx, 1, max+1)
	t.keys.init(max, func(place uint16) uint64 { return t.slots[place].key })
	t.loose.init(max, func(place uint16) uint64 { return t.slots[place].loose })
	t.calls.init(max, func(place uint16) uint64 { return t.slots[place].challenge })
	t.nonces.init(max, func(place uint16) uint64 { return t.slots[place].nonce })
}

// held is how many there are.
func (t *txTable) held() int { return len(t.slots) - 1 - len(t.free) }

func (t *txTable) find(key uint64) *tx { return t.at(t.keys.get(key)) }

// at is the entry of a slot; nil for 0.
func (t *txTable) at(place uint16) *tx {
	if place == 0 {
		return nil
	}
	return &t.slots[place]
}

// slot is where an entry lies.
func (t *txTable) slot(x *tx) int32 { return int32(t.keys.get(x.key)) }

// full reports whether one has to go before another is made.
func (t *txTable) full() bool { return len(t.free) == 0 && len(t.slots) > t.max }

// make makes the entry of a key that is not there; the table is not full.
func (t *txTable) make(key uint64) *tx {
	var i int32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		i = int32(len(t.slots))
		t.slots = append(t.slots, tx{})
	}
	t.slots[i] = tx{key: key}
	t.keys.put(key, uint16(i))
	last := t.slots[0].prev
	t.slots[i].prev, t.slots[i].next = last, 0
	t.slots[last].next, t.slots[0].prev = i, i
	return &t.slots[i]
}

// alias gives a transaction a second name; the last one of a name has it.
func (t *txTable) alias(x *tx, loose uint64) {
	x.loose = loose
	t.loose.put(loose, uint16(t.slot(x)))
}

// oldest is the slot that falls due first; 0 when there is none.
func (t *txTable) oldest() int32 { return t.slots[0].next }

// over reports whether nothing more is waited for: it is kept to know its packets when
// they are sent again.
func (x *tx) over() bool { return x.done && x.challenge == 0 }

// leastUseful is the slot that makes room: of the oldest few one that is over.
func (t *txTable) leastUseful() int32 {
	const tries = 16
	i := t.oldest()
	for range tries {
		if i == 0 {
			break
		}
		if t.slots[i].over() {
			return i
		}
		i = t.slots[i].next
	}
	return t.oldest()
}

// due is the oldest when its time is over; -1 when there is none.
func (t *txTable) due(now int64) int32 {
	if i := t.oldest(); i != 0 && now-t.slots[i].at >= int64(lifetime) {
		return i
	}
	return -1
}

func (t *txTable) drop(i int32) {
	x := &t.slots[i]
	t.settle(i)
	t.keys.drop(x.key, uint16(i))
	t.loose.drop(x.loose, uint16(i))
	t.slots[x.prev].next, t.slots[x.next].prev = x.next, x.prev
	t.free = append(t.free, i)
}

// open notes that a challenge was sent: it is found by the call and by the nonce. Of
// one call a single challenge is open, which counts the others. It says whether this
// one is.
func (t *txTable) open(x *tx, call, nonce uint64) bool {
	if first := t.at(t.calls.get(call)); first != nil {
		first.challenges++
		return false
	}
	x.challenge, x.nonce, x.challenges = call, nonce, 1
	place := uint16(t.slot(x))
	t.calls.put(call, place)
	t.nonces.put(nonce, place)
	return true
}

// settle notes that a challenge is not open any more.
func (t *txTable) settle(i int32) {
	x := &t.slots[i]
	if x.challenge == 0 {
		return
	}
	t.calls.drop(x.challenge, uint16(i))
	t.nonces.drop(x.nonce, uint16(i))
	x.challenge = 0
}

// newTx makes a transaction for a flow, and room for it.
func (s *Sensor) newTx(f *flow, key uint64) *tx {
	if s.txs.full() {
		i := s.txs.leastUseful()
		if !s.txs.slots[i].over() {
			s.txs.evicted++
			s.txs.lastEvicted = f.time.Unix()
		}
		s.expire(i, f.time, f.emit)
	}
	x := s.txs.make(key)
	x.at, x.remote, x.local, x.tcp, x.out, x.port = f.time.UnixNano(), f.remote, f.local, f.tcp, f.out, f.port
	return x
}

// tell gives a finished transaction to those who look on.
func (s *Sensor) tell(x *tx, now time.Time, answer string) {
	if s.opts.Finished == nil {
		return
	}
	s.finished = Transaction{
		Time: time.Unix(0, x.at), Took: now.Sub(time.Unix(0, x.at)), Remote: x.remote, Local: x.local, Service: x.port.service,
		TCP: x.tcp, Out: x.out, Method: x.word, Account: x.account.text(), Number: x.number.text(), Agent: x.agent.text(),
		Status: x.status, Answer: answer,
	}
	s.opts.Finished(&s.finished)
}
