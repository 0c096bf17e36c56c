package jails

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"pbxjail/jails/tally"
)

// maxKeptHits bounds what is kept: those of addresses that came lately are kept first. It
// takes some 2 MB on disk.
const maxKeptHits = 100_000

// Counts returns what was counted and led to no ban yet, for LoadCounts of the next run. So
// an attacker gets no new attempts by a restart. The form is in keptform.go.
func (j *Judge) Counts() ([]byte, error) {
	w := newKeptWriter(j)
	room := maxKeptHits
	for _, table := range []*tally.Table{j.table, j.customers.Table, j.networks} {
		w.table(table, &room)
	}
	return w.bytes()
}

// LoadCounts takes up what the run before counted, as far as it still matters at now. It
// comes before the first event, because the hashes of accounts change: later, a log-in would
// not forgive the failures that were counted meanwhile. Then it refuses, and changes nothing.
func (j *Judge) LoadCounts(data []byte, now time.Time) error {
	if j.table.Size() > 0 {
		return errLate
	}
	r, err := newKeptReader(j, data)
	if err != nil {
		return fmt.Errorf("cannot read the points from before the restart: %w", err)
	}
	j.hashKey = r.head.Key
	addressSpan := func(jail *Jail) tally.Span { return jail.span }
	j.load(j.table, r.tables[0], addressSpan, now)
	j.load(j.customers.Table, r.tables[1], addressSpan, now)
	j.load(j.networks, r.tables[2], func(jail *Jail) tally.Span { return jail.wide }, now)
	return nil
}

var errLate = errors.New("the points from before the restart come too late: pbxjail has counted since then")

// load puts tallies into a table. A hit of the future counts for nothing.
func (j *Judge) load(table *tally.Table, list []keptTally, span func(*Jail) tally.Span, now time.Time) {
	for _, t := range slices.Backward(list) {
		t.Hits = slices.DeleteFunc(t.Hits, func(h tally.Hit) bool { return h.At > now.UnixMilli() })
		slices.SortStableFunc(t.Hits, func(a, b tally.Hit) int { return cmp.Compare(a.At, b.At) })
		table.Load(t.Kept, span(t.jail), now.UnixMilli())
	}
}

// named finds the value of an enumeration by its word. last is its last value.
func named[E interface {
	~uint8
	String() string
}](text string, last E) (E, bool) {
	for e := range last + 1 {
		if e.String() == text {
			return e, true
		}
	}
	return 0, false
}
