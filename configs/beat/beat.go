// Package beat lets everything that is done from time to time be done at the same moment:
// a processor that sleeps wakes up once for all of it. Every room that looks at something
// from time to time uses it. It must never start a goroutine or keep a state.
package beat

import "time"

// Until is the time from now to the next beat: the next whole multiple of period on the
// clock. It is never shorter than an eighth of period, so that a timer that was a little
// early does not fire twice for one beat, and at most an eighth longer than period. Periods
// that are multiples of each other meet. A period of 0 or less is a mistake of the caller.
func Until(now time.Time, period time.Duration) time.Duration {
	left := now.Truncate(period).Add(period).Sub(now)
	if left < period/8 {
		left += period
	}
	return left
}
