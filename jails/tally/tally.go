package tally

import (
	"time"

	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// Tally is what one address, or one network, did in one jail.
type Tally struct {
	key  tallyKey
	warm bool
	same int32 // the next tally of its address, in another jail
	life int64 // milliseconds a hit is kept
	Hits []Hit // by time; no two are life or more apart
	Sum  int64 // of the points of all hits: no score is more
}

// Hit is one event that counted. 32 bytes: it is what memory is spent on.
type Hit struct {
	At       int64 // unix milliseconds
	Points   parsers.Points
	Account  uint32 // hash of the account
	Member   uint32 // hash of the address, in the tally of a network
	Line     uint32 // of the record in the jail's ring: the last bits of its number
	Witness  witness.Witness
	Evidence parsers.Evidence
	Once     bool
	Again    bool // a repeat that is counted since the first is over: nothing new in the long window
	Grade    witness.Grade
}

// Span is how long a jail's hits count, and how many of one address. Times are
// milliseconds.
type Span struct {
	Find int64 // findtime
	Slow int64 // findtime of the long window; 0: there is none
	life int64 // the longer of the two
	Most int
}

// witnesses is how many there are of one attempt where every log that Asterisk
// offers is followed: a jail that needs n lines holds so many times n hits.
const (
	witnesses = 8
	MostHits  = 4096
	// maxWitnesses is how many witnesses of one address are kept apart, over all services.
	maxWitnesses = 64
)

// NewSpan is the span of a jail with these findtimes; slow is 0 where there is no long
// window. lines is how many lines of an address can make maxretry.
func NewSpan(findtime, slow time.Duration, lines int) Span {
	s := Span{Find: findtime.Milliseconds(), Slow: slow.Milliseconds(), Most: min(witnesses*lines, MostHits)}
	s.life = max(s.Find, s.Slow)
	return s
}

// used reports whether a place in the table is in use: hits of no jail are kept for no time.
func (t *Tally) used() bool { return t.life > 0 }

func (t *Tally) list() int32 {
	if t.warm {
		return warm
	}
	return cold
}

// repeats reports whether the same witness reported the same before, and whether within one
// findtime.
func (t *Tally) repeats(h Hit, s Span) (ever, within bool) {
	if !h.Once {
		return false, false
	}
	for i := range t.Hits {
		if o := &t.Hits[i]; o.Once && o.Account == h.Account && o.Witness == h.Witness {
			ever = true
			within = within || Near(o.At, h.At, s.Find)
		}
	}
	return ever, within
}

// Near reports whether two times are less than so much apart.
func Near(a, b, apart int64) bool { return a-b < apart && b-a < apart }

func (t *Tally) seen(w witness.Witness) bool {
	for i := range t.Hits {
		if t.Hits[i].Witness == w {
			return true
		}
	}
	return false
}

// IsAgain reports whether the hit of a record is there again.
func (t *Tally) IsAgain(line uint32) bool {
	for i := len(t.Hits) - 1; i >= 0; i-- {
		if t.Hits[i].Line == line {
			return t.Hits[i].Again
		}
	}
	return false
}

// Last is the witness of the latest hit.
func (t *Tally) Last() witness.Witness {
	if len(t.Hits) == 0 {
		return witness.Witness{}
	}
	return t.Hits[len(t.Hits)-1].Witness
}

// SumOf is the points of all hits with this evidence or better: no score of such hits is
// more.
func (t *Tally) SumOf(least parsers.Evidence) (sum int64) {
	for i := range t.Hits {
		if t.Hits[i].Evidence >= least {
			sum += int64(t.Hits[i].Points)
		}
	}
	return sum
}

// Forgive forgets what an account did.
func (t *Tally) Forgive(account uint32) {
	kept := t.Hits[:0]
	for _, h := range t.Hits {
		if h.Account == account {
			t.Sum -= int64(h.Points)
		} else {
			kept = append(kept, h)
		}
	}
	t.Hits = kept
}

// prune forgets what is a life or more from a time. Clocks go back at times: hits
// that are later by less still count, those beyond are of a clock that was wrong.
// So all that is left lies within one life.
func (t *Tally) prune(life, at int64) {
	t.life = life
	first, end := 0, len(t.Hits)
	for end > 0 && t.Hits[end-1].At >= at+life {
		end--
	}
	for first < end && t.Hits[first].At <= at-life {
		first++
	}
	if end-first < len(t.Hits) {
		t.keep(first, end)
	}
}

// keep forgets all hits but those from first to before end.
func (t *Tally) keep(first, end int) {
	for i := range t.Hits {
		if i < first || i >= end {
			t.Sum -= int64(t.Hits[i].Points)
		}
	}
	t.Hits = append(t.Hits[:0], t.Hits[first:end]...)
}

// window selects the hits of a tally that lie between two times and have enough evidence.
type window struct {
	after, until int64 // a hit at until is in it, one at after is not
	least        parsers.Evidence
	Fresh        bool // without those that are there again
}

// Holds reports whether a hit is in the window.
func (v window) Holds(h *Hit) bool {
	return h.At > v.after && h.At <= v.until && h.Evidence >= v.least && !(v.Fresh && h.Again)
}

// Selection says which witnesses count, and their score. For each family of services that is the
// wire, or for each of its services the log that reports most. The zero value has none.
type Selection struct {
	window
	best   [parsers.ServiceCount]report
	byWire [witness.Families]bool
	Score  parsers.Points
}

// report is what one witness reports.
type report struct {
	witness witness.Witness
	points  parsers.Points
	ok      bool
}

// Counts reports whether a hit is one of those that make the score.
func (b *Selection) Counts(h *Hit) bool {
	if !b.Holds(h) {
		return false
	}
	wire := b.byWire[witness.FamilyOf(h.Witness.Service)]
	if h.Witness.Channel == parsers.ChannelWire {
		return wire
	}
	best := &b.best[h.Witness.Service]
	return !wire && best.ok && best.witness == h.Witness
}

// choose selects the witnesses that count within a window.
func (t *Tally) choose(v window) Selection {
	var sums [maxWitnesses]report
	n := 0
next:
	for i := range t.Hits {
		h := &t.Hits[i]
		if !v.Holds(h) {
			continue
		}
		for k := range n {
			if sums[k].witness == h.Witness {
				sums[k].points += h.Points
				continue next
			}
		}
		if n < len(sums) {
			sums[n] = report{h.Witness, h.Points, true}
			n++
		}
	}
	b := Selection{window: v}
	var logs, wire [witness.Families]parsers.Points
	for _, s := range sums[:n] {
		f := witness.FamilyOf(s.witness.Service)
		if s.witness.Channel == parsers.ChannelWire {
			wire[f] += s.points
			b.byWire[f] = true
		} else if best := &b.best[s.witness.Service]; !best.ok || s.points > best.points {
			logs[f] += s.points - best.points
			*best = s
		}
	}
	for f := range logs {
		b.byWire[f] = b.byWire[f] && wire[f] >= logs[f]
		if b.byWire[f] {
			b.Score += wire[f]
		} else {
			b.Score += logs[f]
		}
	}
	return b
}

// Strongest returns the selection with the highest score, of all windows of this length in
// milliseconds that contain the time at. While clocks go forward there is one such window; when
// records came late, there is one more that ends at each later record.
func (t *Tally) Strongest(at, length int64, least parsers.Evidence, fresh bool) Selection {
	best := t.choose(window{at - length, at, least, fresh})
	for i := len(t.Hits) - 1; i >= 0 && t.Hits[i].At > at; i-- {
		end := t.Hits[i].At
		if end >= at+length || i+1 < len(t.Hits) && t.Hits[i+1].At == end {
			continue
		}
		if b := t.choose(window{end - length, end, least, fresh}); b.Score > best.Score {
			best = b
		}
	}
	return best
}
