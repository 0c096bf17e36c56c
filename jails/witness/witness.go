package witness

import (
	"slices"

	"pbxjail/parsers"
)

// Witness is who told: one attempt is told in several logs, by several modules,
// and on the wire, and must count once. The hits of each witness add up; of a
// service's witnesses the one that tells most is believed; services add up. The wire
// is a witness of a whole family of services: it is believed instead of the logs
// of all of them where it tells no less than these together.
type Witness struct {
	Source  uint16
	Channel parsers.Channel
	Service parsers.Service
}

// Tellings count what several witnesses tell of the same: as much as one of them tells.
type Tellings struct {
	by [claims]Witness
	n  [claims]uint16
}

// Add counts what a witness tells. One more than it knows is not counted.
func (t *Tellings) Add(w Witness) {
	for i := range t.n {
		if t.n[i] == 0 || t.by[i] == w {
			t.by[i], t.n[i] = w, min(t.n[i]+1, mostAttempts)
			return
		}
	}
}

// Count is what the witness tells that tells most.
func (t *Tellings) Count() int { return int(slices.Max(t.n[:])) }
