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
	// Read calls part with the bans that are neither over at now nor lifted, some at a
	// time. part may keep the slices.
	Read(now time.Time, part func([]book.Ban)) error
	// Record writes new or changed bans, all or none. A prefix has one ban at a
	// time: a new one ends the one before, also that of another jail.
	Record(bans []book.Ban) error
	// Lift ends the bans of these prefixes now, and writes to each who did it.
	Lift(prefixes []netip.Prefix, by string, at time.Time) error
	// Homes returns which accounts logged in from where, the latest first, at most limit,
	// and the alarms that no one has seen yet.
	Homes(limit int) ([]home.Home, []home.Guessed, error)
	// SaveHomes writes homes in place of what was known of them, all or none.
	SaveHomes(homes []home.Home) error
	// SaveAlarms writes alarms that are new, and removes those that were seen.
	SaveAlarms(changed []home.AlarmChange) error
	// SaveMoments writes moments in place of those of the same kind and prefix, all or none.
	SaveMoments(list []book.Moment, now time.Time) error
	// Moments returns those that still matter at now, the oldest first.
	Moments(now time.Time) ([]book.Moment, error)
	// SaveCounts keeps what the judge counted; TakeCounts returns it once, or nil.
	SaveCounts(data []byte, now time.Time) error
	TakeCounts() ([]byte, error)
	// Strikes returns the history of the prefixes whose last ban ended between since and
	// now, newest first, at most limit rows.
	Strikes(since, now time.Time, limit int) ([]book.Strike, error)
}
