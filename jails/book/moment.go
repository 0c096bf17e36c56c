package book

import (
	"net/netip"
	"time"
)

// Moment is something that happened once to a prefix and matters for a while, over a restart
// too. Of each kind a prefix has the latest one. The ledger keeps it for MomentKept after
// its end.
type Moment struct {
	Kind   string
	Prefix netip.Prefix // masked
	At     time.Time
	Until  time.Time
	Why    string // for people
}

// The kinds of moments.
const (
	LetOut   = "let out"  // by hand: what was done before At does not count; the grace runs until Until
	Reported = "reported" // old passwords at an address: they are not reported again before Until
	Admin    = "admin"    // an admin was there: the address is protected until Until
)

// MomentKept is how long after its end a moment is kept: a log that is read late has older
// lines.
const MomentKept = 24 * time.Hour
