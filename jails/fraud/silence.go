package fraud

import (
	"container/heap"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"time"

	"pbxjail/parsers"
)

const (
	// SilentAfter is how long a challenge may stay open: no transaction of SIP lives
	// longer (RFC 3261 17.1.1.2 and 17.1.2.2, timers B and F: 64*T1).
	SilentAfter = 32 * time.Second
	// heardWithin is how long a login says that an address is not silent: a line that
	// loses packets must not cost a phone its account.
	heardWithin = 10 * time.Minute
	// restartAfter is how long an address that names no account must pause before it
	// counts from 1 again: a monitor that asks every minute asks but once.
	restartAfter = 10 * time.Minute
	// openChallenges is how many of one address are remembered.
	openChallenges = 12
)

// Silence remembers challenges that were never answered. It starts nothing and reads no
// clock. Not safe for concurrent use.
//
// An attacker that forges the address of another never sees the challenge, and so
// leaves it open in the other's name: silence alone is no proof against an address.
type Silence struct {
	table table[challenged]
	due   dueQueue
	seed  maphash.Seed
}

// challenged is one address. Times are unix milliseconds, 0 is never.
type challenged struct {
	sent    [openChallenges]int64
	ids     [openChallenges]uint32 // of those that are not open any more too: another log tells of them later
	open    uint16                 // a bit for each
	place   int32                  // in the queue, from 1; 0 when nothing is open
	first   int64                  // when the first of those that are open was sent
	login   int64                  // the last
	unnamed int64                  // the last without an account
	pulse   pulse
}

// NewSilence makes a Silence that remembers at most so many addresses.
func NewSilence(max int) *Silence {
	s := &Silence{table: newTable[challenged](max), seed: maphash.MakeSeed()}
	s.table.keep = secondsOf(heardWithin)
	s.due.rows = &s.table.rows
	return s
}

// Challenged hears that a challenge was sent at now. id tells it from others when a
// second log tells of it: its nonce, or the session where the log has none. What has
// no id is always another one.
func (s *Silence) Challenged(a netip.Addr, account, id parsers.Text, now time.Time) {
	if !a.IsValid() {
		return
	}
	i := s.row(keyOf(a), now)
	c := &s.table.rows[i].value
	at := now.UnixMilli()
	if len(bareName(account.Raw())) == 0 {
		last := c.unnamed
		c.unnamed = at
		if near(last, at, restartAfter) {
			return
		}
	}
	if near(c.login, at, heardWithin) {
		return
	}
	name := maphash.Bytes(s.seed, account.Raw())
	hash := uint32(name ^ 31*maphash.Bytes(s.seed, id.Raw()))
	slot := c.slot(hash, at, !id.Empty())
	if slot < 0 {
		return
	}
	c.ids[slot], c.sent[slot] = hash, at
	if c.pulse.beat(uint32(name), at) {
		return
	}
	c.open |= 1 << slot
	s.schedule(i)
}

// slot is where a challenge can be noted; -1 when it is known already, or when more
// of them are open than anybody needs to see.
func (c *challenged) slot(hash uint32, at int64, named bool) int {
	free := -1
	for k := range c.ids {
		if named && c.ids[k] == hash && near(c.sent[k], at, restartAfter) {
			return -1
		}
		if c.open&(1<<k) == 0 && (free < 0 || c.sent[k] < c.sent[free]) {
			free = k
		}
	}
	return free
}

// Answered hears of a login, or of an attempt with a wrong password: all challenges
// of that address are answered. Only a login says that it will not be silent soon.
func (s *Silence) Answered(a netip.Addr, login bool, now time.Time) {
	if !a.IsValid() {
		return
	}
	i := s.table.find(keyOf(a))
	if i == 0 && !login {
		return
	}
	if i == 0 {
		i = s.row(keyOf(a), now)
	}
	c := &s.table.rows[i].value
	if login {
		c.login = now.UnixMilli()
	}
	c.open = 0
	s.schedule(i)
}

// Due calls yield for each challenge that stayed open, once, with the time it was
// sent at. It costs nothing while there is none. yield must not call s.
func (s *Silence) Due(now time.Time, yield func(a netip.Addr, at time.Time)) {
	at := now.UnixMilli()
	for len(s.due.order) > 0 {
		i := s.due.order[0]
		r := &s.table.rows[i]
		c := &r.value
		if near(c.first, at, SilentAfter) {
			return
		}
		for k := range c.sent {
			if c.open&(1<<k) == 0 || near(c.sent[k], at, SilentAfter) {
				continue
			}
			c.open &^= 1 << k
			if c.sent[k] < at { // else a clock was wrong
				yield(netip.AddrFrom16(r.key).Unmap(), time.UnixMilli(c.sent[k]).UTC())
			}
		}
		s.schedule(i)
	}
}

// Forget forgets the addresses of a prefix.
func (s *Silence) Forget(p netip.Prefix) { rowsIn(&s.table, p, s.remove) }

// Len is how many addresses are remembered.
func (s *Silence) Len() int { return s.table.index.Len() }

// Evicted is how many of them were forgotten before their time.
func (s *Silence) Evicted() uint64 { return s.table.evicted }

func (s *Silence) row(k addrKey, now time.Time) int32 {
	at := seconds(now)
	if i := s.table.crowded(k, at); i != 0 {
		s.remove(i)
	}
	return s.table.touch(k, at)
}

func (s *Silence) remove(i int32) {
	s.table.rows[i].value.open = 0
	s.schedule(i)
	s.table.remove(i)
}

// schedule puts a row where it belongs in the queue.
func (s *Silence) schedule(i int32) {
	c := &s.table.rows[i].value
	if c.open == 0 {
		if c.place > 0 {
			heap.Remove(&s.due, int(c.place-1))
		}
		return
	}
	first := bits.TrailingZeros16(c.open)
	for k := range c.sent {
		if c.open&(1<<k) != 0 && c.sent[k] < c.sent[first] {
			first = k
		}
	}
	c.first = c.sent[first]
	if c.place == 0 {
		heap.Push(&s.due, i)
	} else {
		heap.Fix(&s.due, int(c.place-1))
	}
}

// dueQueue is a heap of rows by the time of their first open challenge.
type dueQueue struct {
	rows  *[]row[challenged]
	order []int32
}

func (q *dueQueue) at(i int) *challenged { return &(*q.rows)[q.order[i]].value }

func (q *dueQueue) Len() int           { return len(q.order) }
func (q *dueQueue) Less(i, j int) bool { return q.at(i).first < q.at(j).first }

func (q *dueQueue) Swap(i, j int) {
	q.order[i], q.order[j] = q.order[j], q.order[i]
	q.at(i).place, q.at(j).place = int32(i+1), int32(j+1)
}

func (q *dueQueue) Push(x any) {
	q.order = append(q.order, x.(int32))
	q.at(len(q.order) - 1).place = int32(len(q.order))
}

func (q *dueQueue) Pop() any {
	last := len(q.order) - 1
	i := q.order[last]
	q.at(last).place = 0
	q.order = q.order[:last]
	return i
}

// near reports whether two times, in milliseconds, are less than d apart. 0 is never.
func near(a, b int64, d time.Duration) bool {
	return a != 0 && b-a < d.Milliseconds() && a-b < d.Milliseconds()
}
