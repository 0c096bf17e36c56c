package jails

import (
	"time"

	"pbxjail/parsers"
)

// tally is what one address, or one network, did in one jail.
type tally struct {
	key        tallyKey
	warm       bool
	prev, next int32
	life       int64 // milliseconds a hit is kept
	hits       []hit // by time; no two are life or more apart
	sum        int64 // of the points of all hits: no score is more
}

// hit is one event that counted. 32 bytes: it is what memory is spent on.
type hit struct {
	at       int64 // unix milliseconds
	points   parsers.Points
	account  uint32 // hash of the account
	member   uint32 // hash of the address, in the tally of a network
	line     uint32 // of the record in the jail's ring: the last bits of its number
	witness  witness
	evidence parsers.Evidence
	once     bool
	again    bool // a repeat that is counted since the first is over: nothing new in the long window
	grade    grade
}

// witness is who told: one attempt is told in several logs, by several modules,
// and on the wire, and must count once. The hits of each witness add up; of a
// service's witnesses the one that tells most is believed; services add up. The wire
// is a witness of a whole family of services: it is believed instead of the logs
// of all of them where it tells no less than these together.
type witness struct {
	source  uint16
	channel parsers.Channel
	service parsers.Service
}

// span is how long a jail's hits count, and how many of one address. Times are
// milliseconds.
type span struct {
	find int64 // findtime
	slow int64 // findtime of the long window; 0: there is none
	life int64 // the longer of the two
	most int
}

// witnesses is how many there are of one attempt where every log that Asterisk
// offers is followed: a jail that needs n lines holds so many times n hits.
const (
	witnesses = 8
	mostHits  = 4096
	// maxWitnesses is how many of one address are told apart, over all services.
	maxWitnesses = 64
)

func newSpan(findtime, slow time.Duration, lines int) span {
	s := span{find: findtime.Milliseconds(), slow: slow.Milliseconds(), most: min(witnesses*lines, mostHits)}
	s.life = max(s.find, s.slow)
	return s
}

func (t *tally) list() int32 {
	if t.warm {
		return warm
	}
	return cold
}

// repeats reports whether the same was told by the same witness ever, and within
// one findtime.
func (t *tally) repeats(h hit, s span) (ever, within bool) {
	if !h.once {
		return false, false
	}
	for i := range t.hits {
		if o := &t.hits[i]; o.once && o.account == h.account && o.witness == h.witness {
			ever = true
			within = within || near(o.at, h.at, s.find)
		}
	}
	return ever, within
}

// near reports whether two times are less than so much apart.
func near(a, b, apart int64) bool { return a-b < apart && b-a < apart }

func (t *tally) seen(w witness) bool {
	for i := range t.hits {
		if t.hits[i].witness == w {
			return true
		}
	}
	return false
}

// isAgain reports whether the hit of a record is there again.
func (t *tally) isAgain(line uint32) bool {
	for i := len(t.hits) - 1; i >= 0; i-- {
		if t.hits[i].line == line {
			return t.hits[i].again
		}
	}
	return false
}

// last is the witness of the latest hit.
func (t *tally) last() witness {
	if len(t.hits) == 0 {
		return witness{}
	}
	return t.hits[len(t.hits)-1].witness
}

// forgive forgets what an account did.
func (t *tally) forgive(account uint32) {
	kept := t.hits[:0]
	for _, h := range t.hits {
		if h.account == account {
			t.sum -= int64(h.points)
		} else {
			kept = append(kept, h)
		}
	}
	t.hits = kept
}

// prune forgets what is a life or more from a time. Clocks go back at times: hits
// that are later by less still count, those beyond are of a clock that was wrong.
// So all that is left lies within one life.
func (t *tally) prune(life, at int64) {
	t.life = life
	first, end := 0, len(t.hits)
	for end > 0 && t.hits[end-1].at >= at+life {
		end--
	}
	for first < end && t.hits[first].at <= at-life {
		first++
	}
	if end-first < len(t.hits) {
		t.keep(first, end)
	}
}

// keep forgets all hits but those from first to before end.
func (t *tally) keep(first, end int) {
	for i := range t.hits {
		if i < first || i >= end {
			t.sum -= int64(t.hits[i].points)
		}
	}
	t.hits = append(t.hits[:0], t.hits[first:end]...)
}

// view is a choice of a tally's hits: those of a window, with enough evidence.
type view struct {
	after, until int64 // a hit at until is in it, one at after is not
	least        parsers.Evidence
	fresh        bool // without those that are there again
}

func (v view) holds(h *hit) bool {
	return h.at > v.after && h.at <= v.until && h.evidence >= v.least && !(v.fresh && h.again)
}

// belief is what is believed of the hits in a view: for each family of services the
// wire, or for each of its services the log that tells most. The zero value believes
// nobody.
type belief struct {
	view
	best   [parsers.Other + 1]told
	byWire [families]bool
	score  parsers.Points
}

// told is what one witness tells.
type told struct {
	witness witness
	points  parsers.Points
	ok      bool
}

// counts reports whether a hit is one of those that make the score.
func (b *belief) counts(h *hit) bool {
	if !b.holds(h) {
		return false
	}
	wire := b.byWire[familyOf[h.witness.service]]
	if h.witness.channel == parsers.ChannelWire {
		return wire
	}
	best := &b.best[h.witness.service]
	return !wire && best.ok && best.witness == h.witness
}

// believe weighs the witnesses of a view.
func (t *tally) believe(v view) belief {
	var sums [maxWitnesses]told
	n := 0
next:
	for i := range t.hits {
		h := &t.hits[i]
		if !v.holds(h) {
			continue
		}
		for k := range n {
			if sums[k].witness == h.witness {
				sums[k].points += h.points
				continue next
			}
		}
		if n < len(sums) {
			sums[n] = told{h.witness, h.points, true}
			n++
		}
	}
	b := belief{view: v}
	var logs, wire [families]parsers.Points
	for _, s := range sums[:n] {
		f := familyOf[s.witness.service]
		if s.witness.channel == parsers.ChannelWire {
			wire[f] += s.points
			b.byWire[f] = true
		} else if best := &b.best[s.witness.service]; !best.ok || s.points > best.points {
			logs[f] += s.points - best.points
			*best = s
		}
	}
	for f := range logs {
		b.byWire[f] = b.byWire[f] && wire[f] >= logs[f]
		if b.byWire[f] {
			b.score += wire[f]
		} else {
			b.score += logs[f]
		}
	}
	return b
}

// strongest is the belief about that window, of so many milliseconds, in which
// most was done, among those that hold a time. There is one such window while
// clocks go forward; records that come late are looked at from each later one.
func (t *tally) strongest(at, length int64, least parsers.Evidence, fresh bool) belief {
	best := t.believe(view{at - length, at, least, fresh})
	for i := len(t.hits) - 1; i >= 0 && t.hits[i].at > at; i-- {
		end := t.hits[i].at
		if end >= at+length || i+1 < len(t.hits) && t.hits[i+1].at == end {
			continue
		}
		if b := t.believe(view{end - length, end, least, fresh}); b.score > best.score {
			best = b
		}
	}
	return best
}
