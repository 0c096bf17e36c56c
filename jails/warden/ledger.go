package warden

import (
	"net/netip"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/home"
)

// Ledger is the record of bans on disk. The warden writes it and reads it once at
// start. All methods may be called from any goroutine; the errors carry a hint.
type Ledger interface {
	// Read calls part with the bans that are not over at now, and not lifted, some at a
	// time. The slices are part's to keep.
	Read(now time.Time, part func([]book.Ban)) error
	// Record writes new or changed bans, all or none. A prefix has one ban at a
	// time: a new one ends the one before, whichever jail's it was.
	Record(bans []book.Ban) error
	// Lift ends the bans of these prefixes now, and notes who did it.
	Lift(prefixes []netip.Prefix, by string, at time.Time) error
	// Homes returns who logged in from where, those first that did last, at most limit,
	// and the alarms that nobody has seen yet.
	Homes(limit int) ([]home.Home, []home.Guessed, error)
	// SaveHomes writes homes in place of what was known of them, all or none.
	SaveHomes(homes []home.Home) error
	// SaveAlarms writes alarms that are new, and removes those that were seen.
	SaveAlarms(changed []home.AlarmChange) error
	// SaveMoments writes moments in place of those of the same kind and prefix, all or none.
	SaveMoments(list []book.Moment, now time.Time) error
	// Moments returns those that still matter at now, the oldest first.
	Moments(now time.Time) ([]book.Moment, error)
	// Strikes returns the history of those whose last ban ended since a time and is
	// over at now, newest first, at most limit rows.
	Strikes(since, now time.Time, limit int) ([]book.Strike, error)
}
