package book

import "time"

// Off says that pbxjail is switched off: nothing of ours is in the kernel. The zero value
// says that it is on. Times are UTC.
type Off struct {
	Since time.Time // zero: it is on
	Until time.Time // when it comes back by itself; zero: when an operator switches it on
	By    string
}

// Holds reports whether it is off at now.
func (o Off) Holds(now time.Time) bool {
	return !o.Since.IsZero() && (o.Until.IsZero() || now.Before(o.Until))
}
