package fraud

import (
	"math"
	"net/netip"
	"time"
)

// table remembers a value of fixed size for each of a bounded number of keys. The
// one that was quiet the longest makes room. Owned by one Sense or Silence.
type table[K comparable, V any] struct {
	max     int
	keep    uint32 // seconds after which a value says nothing any more: it is no loss
	index   map[K]int32
	rows    []row[K, V] // rows[0] heads the list, from the latest to the quietest
	free    int32       // first of the free rows, by next; 0 is none
	evicted uint64
}

type row[K comparable, V any] struct {
	key        K
	prev, next int32
	at         uint32
	value      V
}

func newTable[K comparable, V any](max int) table[K, V] {
	return table[K, V]{max: max, index: map[K]int32{}, rows: make([]row[K, V], 1)}
}

// find is the row of a key; 0 when it has none.
func (t *table[K, V]) find(k K) int32 { return t.index[k] }

// touch puts the row of a key first, and makes it when there is none. What crowded
// names must have been removed before.
func (t *table[K, V]) touch(k K, at uint32) int32 {
	i, ok := t.index[k]
	switch {
	case ok && t.rows[0].next == i:
		t.rows[i].at = at
		return i
	case ok:
		t.unlink(i)
	case t.free != 0:
		i = t.free
		t.free = t.rows[i].next
		t.index[k] = i
	default:
		t.rows = append(t.rows, row[K, V]{})
		i = int32(len(t.rows) - 1)
		t.index[k] = i
	}
	r := &t.rows[i]
	r.key, r.at, r.prev, r.next = k, at, 0, t.rows[0].next
	t.rows[r.next].prev = i
	t.rows[0].next = i
	return i
}

// crowded is the row that must make room before k is touched; 0 when none must.
func (t *table[K, V]) crowded(k K, at uint32) int32 {
	if _, ok := t.index[k]; ok || len(t.index) < t.max {
		return 0
	}
	i := t.rows[0].prev
	if within(t.rows[i].at, at, t.keep) {
		t.evicted++
	}
	return i
}

// get finds or makes the value of a key. It holds until the next get.
func (t *table[K, V]) get(k K, at uint32) *V {
	if i := t.crowded(k, at); i != 0 {
		t.remove(i)
	}
	return &t.rows[t.touch(k, at)].value
}

func (t *table[K, V]) remove(i int32) {
	t.unlink(i)
	delete(t.index, t.rows[i].key)
	t.rows[i] = row[K, V]{next: t.free}
	t.free = i
}

func (t *table[K, V]) unlink(i int32) {
	r := &t.rows[i]
	t.rows[r.prev].next = r.next
	t.rows[r.next].prev = r.prev
}

// addrKey is an address without the pointer that netip.Addr carries for zones.
type addrKey [16]byte

func keyOf(a netip.Addr) addrKey { return a.As16() }

func (k addrKey) in(p netip.Prefix) bool { return p.Contains(netip.AddrFrom16(k).Unmap()) }

// rowsIn calls yield for each row whose address lies in p. It may be removed there.
func rowsIn[V any](t *table[addrKey, V], p netip.Prefix, yield func(i int32)) {
	if p.IsSingleIP() {
		if i := t.find(keyOf(p.Addr())); i != 0 {
			yield(i)
		}
		return
	}
	for key, i := range t.index {
		if key.in(p) {
			yield(i)
		}
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
