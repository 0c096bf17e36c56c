package warden

import (
	"net/netip"
	"time"

	"pbxjail/jails"
	"pbxjail/jails/book"
)

// maxSpared bounds what is kept of verdicts that a protection stopped: packets with the
// addresses of many protected hosts can be forged.
const maxSpared = 256

// sparedFor is how long it is kept.
const sparedFor = 24 * time.Hour

// spared keeps the last verdict about each protected prefix, with its lines: the score is
// empty after a verdict, and without this why could not show what would have led to a ban.
type spared map[netip.Prefix]jails.Spared

// keep makes room with the oldest verdict.
func (s spared) keep(b book.Ban, why string, now time.Time) {
	if _, known := s[b.Prefix]; !known && len(s) >= maxSpared {
		oldest := b.Prefix
		for p, one := range s {
			if last, found := s[oldest]; !found || one.At.Before(last.At) {
				oldest = p
			}
		}
		delete(s, oldest)
	}
	s[b.Prefix] = jails.Spared{Ban: b, Why: why, At: now}
}

// of is the latest verdict about a prefix that contains a; nil: there is none.
func (s spared) of(a netip.Addr, now time.Time) (latest *jails.Spared) {
	for p, one := range s {
		if now.Sub(one.At) > sparedFor {
			delete(s, p)
			continue
		}
		if p.Contains(a) && (latest == nil || latest.At.Before(one.At)) {
			latest = &one
		}
	}
	return latest
}
