package tally

import "pbxjail/jails/recent"

// Warm reads what is known of addresses, at most recent.WarmAtOnce of them, and changes
// nothing: see recent.Map.
func (w *Table) Warm(keys []recent.Addr) (read int64) {
	var at [recent.WarmAtOnce]int32
	for i, k := range keys {
		at[i] = w.index.Get(k)
	}
	for i := range keys {
		t := &w.tallies[at[i]]
		read += int64(t.key.jail) + t.Sum + int64(w.links[at[i]].prev)
	}
	for i := range keys {
		hits := w.tallies[at[i]].Hits
		for k := 0; k < len(hits); k += hitsInLine {
			read += hits[k].At
		}
	}
	return read
}

// hitsInLine is how many hits the processor fetches from memory at once.
const hitsInLine = 2
