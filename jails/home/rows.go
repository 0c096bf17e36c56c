package home

import (
	"hash/maphash"
	"net/netip"

	"pbxjail/jails/witness"
)

// rowKey is a number for an account at an address: a hash with a secret seed, because a key
// with the name costs memory and time for each log-in and each failure.
func rowKey(seed maphash.Seed, a netip.Addr, f witness.Family, account []byte) uint64 {
	var b [16 + 1 + maxAccountName]byte
	raw := a.As16()
	copy(b[:], raw[:])
	b[16] = byte(f)
	return maphash.Bytes(seed, b[:17+copy(b[17:], account)])
}

// rowIndex finds rows by their key. It is a hash table with open addressing and linear probing,
// at most half full. Two rows may have the same key.
type rowIndex struct {
	slots []rowSlot // a power of two
	n     int
}

type rowSlot struct {
	key uint64
	row *homeRow // nil: the slot is free
}

const fewestSlots = 16

func (x *rowIndex) get(key uint64, a netip.Addr, f witness.Family, account []byte) *homeRow {
	if x.n == 0 {
		return nil
	}
	mask := uint64(len(x.slots) - 1)
	for i := key & mask; x.slots[i].row != nil; i = (i + 1) & mask {
		if s := &x.slots[i]; s.key == key && s.row.Addr == a && s.row.family == f && s.row.Account == string(account) {
			return s.row
		}
	}
	return nil
}

// add takes a row that is not here.
func (x *rowIndex) add(row *homeRow) {
	if 2*(x.n+1) > len(x.slots) {
		old := x.slots
		x.slots = make([]rowSlot, max(2*len(old), fewestSlots))
		for _, s := range old {
			if s.row != nil {
				*x.free(s.key) = s
			}
		}
	}
	*x.free(row.key) = rowSlot{row.key, row}
	x.n++
}

// free is the slot for a new row.
func (x *rowIndex) free(key uint64) *rowSlot {
	mask := uint64(len(x.slots) - 1)
	i := key & mask
	for x.slots[i].row != nil {
		i = (i + 1) & mask
	}
	return &x.slots[i]
}

// remove takes out a row that is here. The rows behind it move up, as far as their own first
// slot allows.
func (x *rowIndex) remove(row *homeRow) {
	mask := uint64(len(x.slots) - 1)
	free := row.key & mask
	for x.slots[free].row != row {
		free = (free + 1) & mask
	}
	x.n--
	for i := (free + 1) & mask; x.slots[i].row != nil; i = (i + 1) & mask {
		if first := x.slots[i].key & mask; (i-first)&mask >= (i-free)&mask {
			x.slots[free] = x.slots[i]
			free = i
		}
	}
	x.slots[free] = rowSlot{}
}

// all yields each row, in no order. The index must not change meanwhile.
func (x *rowIndex) all(yield func(*homeRow) bool) {
	for i := range x.slots {
		if row := x.slots[i].row; row != nil && !yield(row) {
			return
		}
	}
}

// rowList is a list of rows. A row is in one list at most.
type rowList struct {
	first, last *homeRow
	n           int
}

func (l *rowList) pushFront(row *homeRow) {
	row.before, row.behind = nil, l.first
	if l.first != nil {
		l.first.before = row
	} else {
		l.last = row
	}
	l.first = row
	l.n++
}

func (l *rowList) remove(row *homeRow) {
	if row.before != nil {
		row.before.behind = row.behind
	} else {
		l.first = row.behind
	}
	if row.behind != nil {
		row.behind.before = row.before
	} else {
		l.last = row.before
	}
	row.before, row.behind = nil, nil
	l.n--
}

func (l *rowList) moveToFront(row *homeRow) {
	if l.first != row {
		l.remove(row)
		l.pushFront(row)
	}
}

// names keeps one copy of each account's name that was asked for lately: most accounts log in
// again and again.
type names struct {
	kept [namesKept]string
}

const namesKept = 1024

// nameOf is the name of an account as a string.
func (t *homeTable) nameOf(account []byte) string {
	kept := &t.names.kept[maphash.Bytes(t.seed, account)%namesKept]
	if *kept != string(account) {
		*kept = string(account)
	}
	return *kept
}

// forgetSpare drops what is kept only to save memory: it names accounts and addresses.
func (t *homeTable) forgetSpare() {
	t.names = names{}
	clear(t.spare[:cap(t.spare)])
	t.spare = t.spare[:0]
}
