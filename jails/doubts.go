package jails

import (
	"net/netip"
	"slices"
	"time"

	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// doubts are the records whose packets have not come yet, roughly the oldest first.
// Owned by one Judge; bounded.
type doubts struct {
	list  []*held
	named map[netip.Addr]int // how many records name an address
}

const (
	// packetsWithin is how long a record waits for its packets. The date of a record has
	// no fraction of a second, so a record may seem older than its packets.
	packetsWithin = 3 * time.Second
	maxDoubts     = 512
)

// add keeps a record.
func (d *doubts) add(h *held) {
	if d.named == nil {
		d.named = map[netip.Addr]int{}
	}
	d.list = append(d.list, h)
	d.named[h.event.Addr]++
}

// take removes the records that choose selects, and returns them.
func (d *doubts) take(choose func(h *held) bool) (taken []*held) {
	d.list = slices.DeleteFunc(d.list, func(h *held) bool {
		if !choose(h) {
			return false
		}
		taken = append(taken, h)
		if d.named[h.event.Addr]--; d.named[h.event.Addr] == 0 {
			delete(d.named, h.event.Addr)
		}
		return true
	})
	return taken
}

// doubt keeps a record until its packets come. When too many wait, the older half is
// refuted early.
func (j *Judge) doubt(s *Source, e *parsers.Event, at time.Time, decide func(Verdict)) {
	d := &j.forgery.doubts
	if len(d.list) == maxDoubts {
		n := 0
		for _, h := range d.take(func(*held) bool { n++; return n <= maxDoubts/2 }) {
			j.refute(h, at, decide)
		}
	}
	d.add(&held{src: s, event: keep(e), at: at})
}

// resolve believes the records whose packets came, and refutes those that waited too long.
// news is the address that the wire has just reported; without it resolve looks only at
// the oldest record.
func (j *Judge) resolve(now time.Time, news netip.Addr, decide func(Verdict)) {
	d := &j.forgery.doubts
	if len(d.list) == 0 {
		return
	}
	over := func(h *held) bool { return now.Sub(h.at).Abs() > packetsWithin }
	due := over(d.list[0])
	if !due && d.named[news] == 0 {
		return
	}
	for _, h := range d.take(func(h *held) bool { return h.event.Addr == news || due && over(h) }) {
		switch grade := j.grade(h.src, &h.event, h.at); {
		case grade < witness.Retold:
			j.believe(h.src, &h.event, grade, h.at, decide)
		case grade == witness.Retold:
		case over(h):
			j.refute(h, now, decide)
		default:
			d.add(h)
		}
	}
}
