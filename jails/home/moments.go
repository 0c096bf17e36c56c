package home

import (
	"net/netip"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/recent"
)

// moments are those that the ledger does not know.
type moments map[momentKey]book.Moment

type momentKey struct {
	kind   string
	prefix netip.Prefix
}

// maxMoments bounds those that wait for a ledger which cannot be written.
const maxMoments = 4096

func (m moments) add(b book.Moment) {
	key := momentKey{b.Kind, b.Prefix}
	if _, known := m[key]; known || len(m) < maxMoments {
		m[key] = b
	}
}

// UnsavedMoments are the pardons, and the reports of old passwords, that the ledger does not
// know. MomentsSaved says that it does.
func (hs *Homes) UnsavedMoments() (list []book.Moment) {
	for _, b := range hs.moments {
		list = append(list, b)
	}
	return list
}

// MomentsSaved notes that the ledger knows moments.
func (hs *Homes) MomentsSaved(list []book.Moment) {
	for _, b := range list {
		if key := (momentKey{b.Kind, b.Prefix}); hs.moments[key] == b {
			delete(hs.moments, key)
		}
	}
}

// LoadMoments takes over the pardons and the reports of a ledger. Those from the future have
// seen another clock, and are left out.
func (hs *Homes) LoadMoments(list []book.Moment, now time.Time) {
	for _, b := range list {
		switch {
		case b.At.After(now):
		case b.Kind == book.LetOut:
			hs.pardon(pardon{b.Prefix, b.At, b.Until}, now)
		case b.Kind == book.Reported && b.Prefix.IsSingleIP():
			hs.reports.Put(recent.AddrOf(b.Prefix.Addr()), &report{since: b.At, reported: b.At})
		}
	}
}
