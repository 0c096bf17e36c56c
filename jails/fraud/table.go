package fraud

import (
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"pbxjail/jails/index"
	"pbxjail/jails/recent"
)

// table remembers a value of fixed size for each of a bounded number of keys. The
// one that was quiet the longest makes room. Owned by one Sense or Silence.
type table[V any] struct {
	max     int
	keep    uint32 // seconds after which a value says nothing any more: it is no loss
	index   index.Map[int32]
	rows    []row[V] // from number 1
	links   []link   // of each row; links[0] heads the list, from the latest to the quietest
	free    int32    // first of the free rows, by next; 0 is none
	evicted uint64
}

type row[V any] struct {
	key   addrKey
	value V
}

// link is the place of a row in the list, and when it came there. Links are apart from the rows,
// so that a row that goes to the front does not fetch its large neighbours from memory.
type link struct {
	prev, next int32
	at         uint32
}

func newTable[V any](max int) table[V] {
	return table[V]{max: max, rows: make([]row[V], 1), links: make([]link, 1)}
}

// find is the row of a key; 0 when it has none.
func (t *table[V]) find(k addrKey) int32 { return t.index.Get(k) }

// touch puts the row of a key first, and makes it when there is none. What crowded
// names must have been removed before.
func (t *table[V]) touch(k addrKey, at uint32) int32 {
	i := t.find(k)
	switch {
	case i != 0 && t.links[0].next == i:
		t.links[i].at = at
		return i
	case i != 0:
		t.unlink(i)
	case t.free != 0:
		i = t.free
		t.free = t.links[i].next
		t.index.Put(k, i)
	default:
		t.rows, t.links = append(t.rows, row[V]{}), append(t.links, link{})
		i = int32(len(t.rows) - 1)
		t.index.Put(k, i)
	}
	t.rows[i].key = k
	next := t.links[0].next
	t.links[i] = link{next: next, at: at}
	t.links[next].prev = i
	t.links[0].next = i
	return i
}

// crowded is the row that must make room before k is touched; 0 when none must.
func (t *table[V]) crowded(k addrKey, at uint32) int32 {
	if t.index.Len() < t.max || t.find(k) != 0 {
		return 0
	}
	i := t.links[0].prev
	if within(t.links[i].at, at, t.keep) {
		t.evicted++
	}
	return i
}

// get finds or makes the value of a key. It holds until the next get.
func (t *table[V]) get(k addrKey, at uint32) *V {
	if i := t.crowded(k, at); i != 0 {
		t.remove(i)
	}
	return &t.rows[t.touch(k, at)].value
}

func (t *table[V]) remove(i int32) {
	t.unlink(i)
	t.index.Delete(t.rows[i].key)
	t.rows[i], t.links[i] = row[V]{}, link{next: t.free}
	t.free = i
}

func (t *table[V]) unlink(i int32) {
	l := t.links[i]
	t.links[l.prev].next = l.next
	t.links[l.next].prev = l.prev
}

// addrKey is the key of a row: an address, or a hash in the place of one.
type addrKey = recent.Addr

func keyOf(a netip.Addr) addrKey { return a.As16() }

// keyOfHash is the key of an account or a number.
func keyOfHash(hash uint64) (k addrKey) {
	binary.LittleEndian.PutUint64(k[:], hash)
	return k
}

// rowsIn calls yield for each row whose address lies in p. It may be removed there.
func rowsIn[V any](t *table[V], p netip.Prefix, yield func(i int32)) {
	if p.IsSingleIP() {
		if i := t.find(keyOf(p.Addr())); i != 0 {
			yield(i)
		}
		return
	}
	for i := t.links[0].next; i != 0; {
		next := t.links[i].next
		if p.Contains(t.rows[i].key.Netip()) {
			yield(i)
		}
		i = next
	}
}

// seconds is a time in half the space. Years beyond 1970 to 2106 are no times of ours.
func seconds(t time.Time) uint32 { return uint32(min(max(t.Unix(), 1), math.MaxUint32)) }

// within reports whether two times are less than so many seconds apart. Clocks go
// back at times: what is later by less still counts, what lies beyond is of a clock
// that was wrong. Time 0 is never.
func within(at, now, limit uint32) bool {
	d := int64(now) - int64(at)
	return at != 0 && d < int64(limit) && -d < int64(limit)
}
