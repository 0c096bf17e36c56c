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
	rows    []row[V] // rows[0] heads the list, from the latest to the quietest
	free    int32    // first of the free rows, by next; 0 is none
	evicted uint64
}

type row[V any] struct {
	key        addrKey
	prev, next int32
	at         uint32
	value      V
}

func newTable[V any](max int) table[V] { return table[V]{max: max, rows: make([]row[V], 1)} }

// find is the row of a key; 0 when it has none.
func (t *table[V]) find(k addrKey) int32 { return t.index.Get(k) }

// touch puts the row of a key first, and makes it when there is none. What crowded
// names must have been removed before.
func (t *table[V]) touch(k addrKey, at uint32) int32 {
	i := t.find(k)
	switch {
	case i != 0 && t.rows[0].next == i:
		t.rows[i].at = at
		return i
	case i != 0:
		t.unlink(i)
	case t.free != 0:
		i = t.free
		t.free = t.rows[i].next
		t.index.Put(k, i)
	default:
		t.rows = append(t.rows, row[V]{})
		i = int32(len(t.rows) - 1)
		t.index.Put(k, i)
	}
	r := &t.rows[i]
	r.key, r.at, r.prev, r.next = k, at, 0, t.rows[0].next
	t.rows[r.next].prev = i
	t.rows[0].next = i
	return i
}

// crowded is the row that must make room before k is touched; 0 when none must.
func (t *table[V]) crowded(k addrKey, at uint32) int32 {
	if t.index.Len() < t.max || t.find(k) != 0 {
		return 0
	}
	i := t.rows[0].prev
	if within(t.rows[i].at, at, t.keep) {
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
	t.rows[i] = row[V]{next: t.free}
	t.free = i
}

func (t *table[V]) unlink(i int32) {
	r := &t.rows[i]
	t.rows[r.prev].next = r.next
	t.rows[r.next].prev = r.prev
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
	for i := t.rows[0].next; i != 0; {
		r := &t.rows[i]
		next := r.next
		if p.Contains(r.key.Netip()) {
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
