package book

import (
	"net/netip"
	"time"

	"pbxjail/configs"
)

// Book holds the bans that are live and the strikes of those that are over.
// Owned by one Judge or Warden. Both are bounded: an attacker with a thousand
// addresses fills it no further.
type Book struct {
	bans    table
	strikes map[netip.Prefix]Strike
	lengths [129]bool // of prefixes that were ever entered: the others need not be looked for
	pass    uint32    // the comparison that runs, or ran last
	places  int       // in how many groups of ports the bans are, together
	byJail  map[string]int
	weak    weakest
	limit   int // how many bans there may be; 0 is MaxBans
}

const (
	// MaxBans is how many bans are kept at once; the weakest makes room for one more.
	MaxBans = 500_000
	// MaxStrikes is how many prefixes have a history.
	MaxStrikes = 200_000
)

// SetLimit sets how many bans are kept at once, where memory is too small for MaxBans, which
// is the most. It ends no ban. Not more than as many strikes are kept then. Set before use.
func (b *Book) SetLimit(n int) { b.limit = n }

// Limit is how many bans are kept at once.
func (b *Book) Limit() int {
	if b.limit <= 0 {
		return MaxBans
	}
	return min(b.limit, MaxBans)
}

// NewBook starts with what the ledger remembers.
func NewBook(bans []Ban, strikes []Strike) *Book {
	b := &Book{strikes: make(map[netip.Prefix]Strike, len(strikes)), byJail: map[string]int{}}
	for _, s := range strikes {
		b.strikes[s.Prefix] = s
	}
	for i := range bans {
		b.Load(&bans[i])
	}
	return b
}

// Load enters the bans of the ledger. They have not been compared yet.
func (b *Book) Load(ban *Ban) {
	b.enter(ban)
	ban.loaded, ban.found = true, 0
}

func (b *Book) enter(ban *Ban) {
	ban.found = b.pass // what comes in during a comparison is no part of it
	b.drop(ban.Prefix)
	b.places += ban.Ports.Places()
	b.byJail[ban.Jail]++
	b.bans.put(ban)
	b.weak.add(ban)
	if bits := ban.Prefix.Bits(); bits >= 0 {
		b.lengths[bits] = true
	}
}

// StartComparison begins to compare the book with another list of bans. MarkFound notes a
// ban that is in both; NotFound then lists what is missing.
func (b *Book) StartComparison() { b.pass++ }

// MarkWrong notes that the other list has this ban otherwise.
func (b *Book) MarkWrong(ban *Ban) { ban.found = b.pass - 1 }

// MarkFound notes that the other list has this ban.
func (b *Book) MarkFound(ban *Ban) { ban.found = b.pass }

// NotFound calls yield for every ban that the comparison did not find, those
// included that are over, until it returns false. What was entered since the
// comparison began is no part of it.
func (b *Book) NotFound(yield func(*Ban) bool) {
	for ban := range b.bans.all {
		if ban.found != b.pass && !yield(ban) {
			return
		}
	}
}

// Find returns the ban of exactly this prefix, live or over; nil when there is none.
func (b *Book) Find(p netip.Prefix) *Ban { return b.bans.get(p) }

// Remove drops a ban as if it had never been. The history of its prefix stays.
func (b *Book) Remove(p netip.Prefix) { b.drop(p) }

func (b *Book) drop(p netip.Prefix) {
	if ban := b.bans.get(p); ban != nil {
		b.places -= ban.Ports.Places()
		if b.byJail[ban.Jail]--; b.byJail[ban.Jail] == 0 {
			delete(b.byJail, ban.Jail)
		}
		b.bans.delete(p)
	}
}

// History returns the last ban of a prefix that is over.
func (b *Book) History(p netip.Prefix) (Strike, bool) {
	s, ok := b.strikes[p]
	return s, ok
}

// LoadStrike enters a strike that the ledger remembers.
func (b *Book) LoadStrike(s Strike) { b.strikes[s.Prefix] = s }

// Get returns the ban of exactly this prefix, when it is live at now.
func (b *Book) Get(p netip.Prefix, now time.Time) (*Ban, bool) {
	ban := b.bans.get(p)
	if ban == nil {
		return nil, false
	}
	if _, live := ban.Left(now); !live {
		b.close(ban)
		return nil, false
	}
	return ban, true
}

// Holding returns the live ban that contains an address: the longest prefix.
func (b *Book) Holding(a netip.Addr, now time.Time) (*Ban, bool) {
	return b.Covering(netip.PrefixFrom(a, a.BitLen()), now)
}

// Covering returns the live ban that contains all of a prefix: the longest.
func (b *Book) Covering(p netip.Prefix, now time.Time) (*Ban, bool) {
	for bits := p.Bits(); bits > 0; bits-- {
		if !b.lengths[bits] {
			continue
		}
		wider, _ := p.Addr().Prefix(bits)
		if ban, ok := b.Get(wider, now); ok {
			return ban, true
		}
	}
	return nil, false
}

// Strike is NextStrike where the ban is known that holds p, or nil.
func (b *Book) Strike(p netip.Prefix, held *Ban, g configs.Growth, now time.Time) int {
	if held != nil && held.Prefix == p {
		return held.Strike
	}
	return b.NextStrike(p, g, now)
}

// Put enters a ban. It reports false when the book is full: MakeRoom helps then.
func (b *Book) Put(ban Ban) bool {
	if b.bans.n >= b.Limit() && b.bans.get(ban.Prefix) == nil {
		return false
	}
	b.enter(&ban)
	return true
}

// Lift ends a ban and forgets its strikes: an address unbanned by hand was banned wrongly,
// or is trusted now.
func (b *Book) Lift(p netip.Prefix) bool {
	there := b.bans.get(p) != nil
	b.drop(p)
	delete(b.strikes, p)
	return there
}

// ForgetStrikes forgets the strikes of the prefixes in one. Bans stay.
func (b *Book) ForgetStrikes(p netip.Prefix) {
	for at := range b.strikes {
		if p.Bits() <= at.Bits() && p.Contains(at.Addr()) {
			delete(b.strikes, at)
		}
	}
}

// Len is the number of bans, those included that are over and not yet expired.
func (b *Book) Len() int { return b.bans.n }

// Places is how many members the kernel has that holds them all: a ban of several groups of
// ports is in each.
func (b *Book) Places() int { return b.places }

// ByJail is the number of bans of each jail, as Len counts them. The caller must not change
// it, and not keep it.
func (b *Book) ByJail() map[string]int { return b.byJail }

// Each calls yield for every ban until it returns false.
func (b *Book) Each(yield func(*Ban) bool) { b.bans.all(yield) }

// Expire closes the bans that are over at now and reports how many.
func (b *Book) Expire(now time.Time) (n int) {
	for ban := range b.bans.all {
		if _, live := ban.Left(now); !live {
			b.close(ban)
			n++
		}
	}
	return n
}

func (b *Book) close(ban *Ban) {
	b.drop(ban.Prefix)
	old, known := b.strikes[ban.Prefix]
	if known && ban.Observed && !old.Observed { // what was not enforced changes no history
		return
	}
	if !known && len(b.strikes) >= min(MaxStrikes, b.Limit()) {
		for p := range b.strikes { // any one: which does not matter among so many
			delete(b.strikes, p)
			break
		}
	}
	b.strikes[ban.Prefix] = Strike{Prefix: ban.Prefix, Count: ban.Strike, Last: ban.Until, Observed: ban.Observed}
}

// DropObserved forgets the bans and strikes that were only observed, and reports how many
// bans that were.
func (b *Book) DropObserved() (n int) {
	for ban := range b.bans.all {
		if ban.Observed {
			b.drop(ban.Prefix)
			n++
		}
	}
	for p, s := range b.strikes {
		if s.Observed {
			delete(b.strikes, p)
		}
	}
	return n
}

// NextStrike is the number of the ban that would come now: of the one that is there,
// or one more than the last.
func (b *Book) NextStrike(p netip.Prefix, g configs.Growth, now time.Time) int {
	if ban, ok := b.Get(p, now); ok {
		return ban.Strike
	}
	s, ok := b.strikes[p]
	switch {
	case !ok || g.ForgiveAfter > 0 && now.Sub(s.Last) > g.ForgiveAfter:
		return 1
	case now.Before(s.Last): // old lines: that ban held then
		return max(s.Count, 1)
	}
	return s.Count + 1
}
