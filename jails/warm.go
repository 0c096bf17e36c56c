package jails

import (
	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

// warmer reads what the judge will ask for some events, before it judges the first of them. In a
// long log an address comes again after many others, so what is known of it is in slow memory.
// The judge would wait for one piece after the other; warm asks for those of many events at
// once, which takes hardly longer than one. It changes nothing, so the verdicts are the same.
// Owned by one Judge.
type warmer struct {
	next      []*parsers.Event // to be judged
	failing   []*parsers.Event
	subjects  []uint64      // of failures in security events
	failed    []recent.Addr // the addresses of failures
	signalled []recent.Addr // those of log-ins and challenges
	read      int           // makes the reads necessary; it means nothing
}

// warm takes at most recent.WarmAtOnce events.
func (j *Judge) warm(events []*parsers.Event) {
	w := &j.warmer
	w.failing, w.subjects, w.failed, w.signalled = w.failing[:0], w.subjects[:0], w.failed[:0], w.signalled[:0]
	for _, e := range events {
		switch e.Result {
		case parsers.Offence:
			w.failing = append(w.failing, e)
			w.failed = append(w.failed, recent.AddrOf(e.Addr))
			if e.Channel == parsers.ChannelSecurity {
				w.subjects = append(w.subjects, j.twins.subject(e))
			}
		case parsers.Signal:
			w.signalled = append(w.signalled, recent.AddrOf(e.Addr))
		}
	}
	read := int(j.table.Warm(w.failed)) + int(j.table.Warm(w.signalled)) + j.places.of.Warm(w.failed) + j.twins.reported.Warm(w.subjects)
	read += j.Home.WarmTries(w.failing) + j.Home.WarmSites(w.signalled) + int(j.comparison.silence.Warm(w.signalled))
	if s := j.comparison.seen; s != nil {
		read += int(s.Warm(w.failed))
	}
	w.read += read
}
