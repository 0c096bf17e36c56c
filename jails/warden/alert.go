package warden

import (
	"maps"
	"net/netip"
	"time"

	"pbxjail/jails/book"
)

const (
	// alertEvery is how often an address that is not banned is reported.
	alertEvery = 10 * time.Minute
	maxAlerts  = 1000
)

// alert reports a protected address that would otherwise be banned.
func (w *Warden) alert(b book.Ban, why string, now time.Time) {
	if w.alerted.due(b.Prefix, now) {
		w.announce(Decision{What: NotBanned, Ban: b, Why: why})
	}
}

// reminders remember when a prefix was last reported, so that repeated attacks do not
// fill the journal: an attacker can forge the packets of any address. The zero value has
// reported none.
type reminders struct {
	last   map[netip.Prefix]time.Time
	pruned time.Time // when old ones were last removed because there was no room
}

// pruneEvery is how often old reminders are removed at most: in a burst of attackers each
// of them would look through all.
const pruneEvery = time.Second

// due reports whether p is to be reported now, and notes it as reported.
func (r *reminders) due(p netip.Prefix, now time.Time) bool {
	old := func(_ netip.Prefix, last time.Time) bool { return now.Sub(last) >= alertEvery }
	last, known := r.last[p]
	if known && !old(p, last) {
		return false
	}
	if len(r.last) >= maxAlerts && now.Sub(r.pruned).Abs() >= pruneEvery {
		r.pruned = now
		maps.DeleteFunc(r.last, old)
	}
	if !known && len(r.last) >= maxAlerts {
		return false
	}
	if r.last == nil {
		r.last = map[netip.Prefix]time.Time{}
	}
	r.last[p] = now
	return true
}
