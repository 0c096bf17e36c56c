package witness

import (
	"slices"

	"pbxjail/parsers"
)

// Witness is the source of a report. Several logs, several modules and the wire can report
// one attempt, and it must count once. The hits of each witness add up; of the witnesses of
// a service, only the one that reports most counts; services add up. The wire is a witness
// of a whole family of services: it counts instead of all their logs if it reports no less
// than these together.
type Witness struct {
	Source  uint16
	Channel parsers.Channel
	Service parsers.Service
}

// Tellings count what several witnesses report of the same thing: as much as the one that
// reports most.
type Tellings struct {
	by [claims]Witness
	n  [claims]uint16
}

// Add counts one report of a witness. If there is no room for another witness, it is not
// counted.
func (t *Tellings) Add(w Witness) {
	for i := range t.n {
		if t.n[i] == 0 || t.by[i] == w {
			t.by[i], t.n[i] = w, min(t.n[i]+1, mostAttempts)
			return
		}
	}
}

// Count is the count of the witness that reports most.
func (t *Tellings) Count() int { return int(slices.Max(t.n[:])) }
