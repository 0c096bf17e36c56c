package book

import (
	"net/netip"
	"time"

	"pbxjail/configs/ports"
	"pbxjail/parsers"
)

// Forever is the bantime of a ban without an end.
const Forever = time.Duration(0)

// Ban is a banned prefix, and why. Times are UTC.
type Ban struct {
	Prefix   netip.Prefix
	Jail     string           // the jail that decided, or "manual"
	Ports    ports.Set        // what it closes
	Since    time.Time        // when it was decided
	Until    time.Time        // when it ends; zero: without end
	Strike   int              // 1 is the first ban of this prefix within forgive_after; 0 does not count
	found    uint32           // by the comparison of this number
	loaded   bool             // from the ledger, at start
	Narrow   bool             // it closes no more than what was attacked, whatever its strike
	Observed bool             // decided while nothing was dropped: it is what would be, and is never enforced
	Evidence parsers.Evidence // how the address was learned; NoEvidence for a manual ban
	By       string           // "log", or who did it by hand, such as "uid 0 (root)"
	Most     time.Duration    // no longer than this, because its packets do not prove more; 0: no limit
	Reason   string           // one line for people; no log text in it
	Sum      *Reckoning       // how its points add up; nil for a ban by hand
	Lines    []Line           // the records that counted, oldest first, the last MaxLines of them
}

// MaxLines is how many lines of evidence a ban keeps.
const MaxLines = 20

// Line is one record that counted. Text is cut at MaxLineText bytes.
type Line struct {
	Time     time.Time
	Rule     string
	Evidence parsers.Evidence
	Base     parsers.Points // of its kind in this jail
	Factors  []Factor       // that made Points of Base, in their order
	Points   parsers.Points
	Counts   parsers.Points // what the decision counts of Points: none of an attempt that another log tells better
	File     string
	Witness  string // who wrote it: security, notice, acl, dialplan, wire; "" in an old ledger
	Packets  string // what those who know the packets say: wire, heard, cannot tell; "": they were not asked
	Text     parsers.Text
	Kind     parsers.Kind    // what was tried; none in an old ledger
	Service  parsers.Service // where
	Account  parsers.Text    // that was tried, cut at MaxName bytes; empty: none
	Number   parsers.Text    // that was dialled, cut at MaxName bytes; empty: none
}

// MaxName is how much of an account or a number is kept with a line, in bytes.
const MaxName = 64

// MaxLineText is how much of a record is kept with a ban, in bytes.
const MaxLineText = 512

// Left is the time a ban still has at now; ok is false when it is over. A ban without end
// has Forever left. No ban has more than its bantime left: the clock of a machine may start
// in the past.
func (b Ban) Left(now time.Time) (left time.Duration, ok bool) {
	if b.Until.IsZero() {
		return Forever, true
	}
	left = min(b.Until.Sub(now), b.Until.Sub(b.Since))
	return left, left > 0
}

// EndOf is when a ban of d ends that begins now; the zero time when d is Forever.
func EndOf(now time.Time, d time.Duration) time.Time {
	if d == Forever {
		return time.Time{}
	}
	return now.Add(d).UTC()
}

// Outlasts reports whether a ban lasts longer than another in all, and ends later.
func (b Ban) Outlasts(o Ban) bool {
	if b.Until.IsZero() || o.Until.IsZero() {
		return b.Until.IsZero() && !o.Until.IsZero()
	}
	return b.Until.Sub(b.Since) > o.Until.Sub(o.Since) && b.Until.After(o.Until)
}

// WithoutLines is a ban as the book keeps it: the ledger has the lines and their sum.
func (b Ban) WithoutLines() Ban {
	b.Lines, b.Sum = nil, nil
	return b
}

// Loaded reports whether a ban came from the ledger, and not from an event since.
func (b Ban) Loaded() bool { return b.loaded }

// end cuts a ban short, unless it is over.
func (b *Ban) end(now time.Time) {
	if _, live := b.Left(now); live {
		b.Until = now.UTC()
	}
}

// Forgive ends a ban, and it does not count as a strike.
func (b *Ban) Forgive(now time.Time) {
	b.end(now)
	b.Strike = 0
}

// Strike is the history of a prefix: how often it was banned and when last.
type Strike struct {
	Prefix   netip.Prefix
	Count    int
	Last     time.Time // end of the last ban
	Observed bool      // it was not enforced
}

// Join makes a ban hold what another one of the same prefix does, in whose place it comes.
func (b *Ban) Join(held Ban) {
	if held.Prefix != b.Prefix {
		return
	}
	b.Ports = b.Ports.And(held.Ports)
	if !b.Until.IsZero() && (held.Until.IsZero() || held.Until.After(b.Until)) {
		b.Until = held.Until
	}
}
