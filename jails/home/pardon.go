package home

import (
	"net/netip"
	"slices"
	"time"

	"pbxjail/jails/book"
)

// pardon is a prefix that an operator unbanned by hand.
type pardon struct {
	prefix netip.Prefix
	from   time.Time // what was done before does not count, whenever it is read
	until  time.Time // the grace ends
}

const (
	// maxPardons bounds those that are remembered: the latest.
	maxPardons = 256
	// pardonKept is how long what was done before may still come in: a log that is read
	// after the fact.
	pardonKept = book.MomentKept
)

// Pardon notes that a prefix is unbanned at now. It is not banned again by what it did
// before, and within the grace every account that ever logged in there is at home there.
func (hs *Homes) Pardon(p netip.Prefix, grace time.Duration, now time.Time) {
	d := pardon{p, now.Truncate(time.Second), now.Add(grace)} // a log's date says a whole second
	hs.pardon(d, now)
	hs.moments.add(book.Moment{Kind: book.LetOut, Prefix: p, At: d.from.UTC(), Until: d.until.UTC()})
}

func (hs *Homes) pardon(d pardon, now time.Time) {
	over := func(o pardon) bool { return o.prefix == d.prefix || now.Sub(o.until) >= pardonKept }
	hs.pardons = slices.DeleteFunc(hs.pardons, over)
	if len(hs.pardons) >= maxPardons {
		hs.pardons = slices.Delete(hs.pardons, 0, len(hs.pardons)-maxPardons+1)
	}
	hs.pardons = append(hs.pardons, d)
}

// Pardoned reports whether what an address did at a time does not count, because it was
// let out since, and whether its grace runs.
func (hs *Homes) Pardoned(a netip.Addr, at time.Time) (before, grace bool) {
	for _, d := range hs.pardons {
		if d.prefix.Contains(a) {
			before = before || at.Before(d.from)
			grace = grace || !at.Before(d.from) && at.Before(d.until)
		}
	}
	return before, grace
}
