package book

import (
	"slices"
	"time"

	"pbxjail/parsers"
)

// weakest are the bans that make room first when the book is full, the weakest
// first. No ban of the book that is not in the list is weaker than its last one.
type weakest struct {
	list []*Ban
}

// maxWeakest bounds the list: the whole book is looked through once in so many bans.
const maxWeakest = 8192

// weaker orders bans: those from logs before those by hand, then by how well the address is
// proven, then by the time left.
func weaker(a, b *Ban) int {
	if d := strength(a) - strength(b); d != 0 {
		return d
	}
	switch {
	case a.Until.IsZero() || b.Until.IsZero():
		return boolInt(a.Until.IsZero()) - boolInt(b.Until.IsZero())
	default:
		return a.Until.Compare(b.Until)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// strength is how well the address of a ban is known. What was found in the kernel
// counts as seen, and what a person ordered more than anything else.
func strength(b *Ban) int {
	switch {
	case b.By == "kernel":
		return int(parsers.Seen)
	case b.By != "log":
		return int(parsers.Proven) + 1
	}
	return int(b.Evidence)
}

// fill takes the weakest bans of the whole book.
func (w *weakest) fill(bans func(func(*Ban) bool)) {
	w.list = make([]*Ban, 0, 2*maxWeakest)
	var limit *Ban // so many weaker ones are known
	for b := range bans {
		if !made(b) || limit != nil && weaker(b, limit) >= 0 {
			continue
		}
		w.list = append(w.list, b)
		if len(w.list) == 2*maxWeakest {
			slices.SortFunc(w.list, weaker)
			w.list = w.list[:maxWeakest]
			limit = w.list[maxWeakest-1]
		}
	}
	slices.SortFunc(w.list, weaker)
	w.list = w.list[:min(len(w.list), maxWeakest)]
}

// made reports whether a log led to a ban, so that it may make room.
func made(b *Ban) bool { return strength(b) <= int(parsers.Proven) }

// add keeps the list true to the book when a ban is entered.
func (w *weakest) add(b *Ban) {
	if len(w.list) == 0 || !made(b) || weaker(b, w.list[len(w.list)-1]) >= 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(w.list, b, weaker)
	w.list = slices.Insert(w.list, i, b)
	if len(w.list) > maxWeakest {
		w.list = w.list[:maxWeakest]
	}
}

// MakeRoom ends the weakest ban at now, so that there is room for another, and
// returns it as it ended; its strike stays. Claimed addresses go before seen ones and
// these before proven ones, of each those with the least time left. It reports false
// when all bans were ordered by people.
func (b *Book) MakeRoom(now time.Time) (Ban, bool) {
	for range 2 {
		for len(b.weak.list) > 0 {
			ban := b.weak.list[0]
			b.weak.list = b.weak.list[1:]
			if b.bans.get(ban.Prefix) != ban {
				continue // another one is in its place, or none
			}
			ban.end(now)
			b.close(ban)
			return *ban, true
		}
		b.weak.fill(b.Each)
	}
	return Ban{}, false
}
