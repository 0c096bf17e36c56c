package messages

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

const (
	// maxItems and maxBytes bound what waits in a lane beside counts: an attacker chooses
	// how much happens.
	maxItems = 100
	maxBytes = 64 << 10
	// maxText bounds one sentence of an item, in bytes.
	maxText = 2000
	// maxNames bounds the jails and countries that are counted one by one.
	maxNames = 40
	// maxExamples is how many bans are shown one by one.
	maxExamples = 10
)

// Item is an event as a message has it.
type Item struct {
	Kind     Kind         `json:"kind"`
	Severity Severity     `json:"severity"`
	At       time.Time    `json:"at"`
	Times    int          `json:"times"` // how often it happened since
	What     string       `json:"what"`
	Hint     string       `json:"hint,omitempty"`
	Prefix   netip.Prefix `json:"prefix,omitzero"`
	Country  string       `json:"country,omitempty"`
	Jail     string       `json:"jail,omitempty"`
	Over     bool         `json:"over,omitempty"` // what was wrong is no longer wrong
}

func (i *Item) size() int { return len(i.What) + len(i.Hint) + len(i.Jail) + 100 }

// Bans are bans that were counted.
type Bans struct {
	Total     int            `json:"total"`
	Observed  int            `json:"observed"` // of these, how many drop nothing
	Flood     bool           `json:"flood"`    // they came fast
	From      time.Time      `json:"from"`
	To        time.Time      `json:"to"`
	Jails     map[string]int `json:"jails"`
	Countries map[string]int `json:"countries"`
	Examples  []Item         `json:"examples"` // the first ones
}

// lane is what waits to go in one message. The zero value is empty. Its fields are exported
// for the file that survives a restart.
type lane struct {
	ID      string       `json:"id,omitempty"` // of the message that was tried last; "" if more came since
	First   time.Time    `json:"first"`        // when the oldest arrived here
	Items   []Item       `json:"items,omitempty"`
	Bytes   int          `json:"bytes"`
	Bans    *Bans        `json:"bans,omitempty"`
	Dropped map[Kind]int `json:"dropped,omitempty"` // that had no room
	Lost    uint64       `json:"lost,omitempty"`    // that had no room before they came here
}

func (l *lane) empty() bool {
	return len(l.Items) == 0 && l.Bans == nil && len(l.Dropped) == 0 && l.Lost == 0
}

// waiting is how many events wait.
func (l *lane) waiting() (n int) {
	for i := range l.Items {
		n += l.Items[i].Times
	}
	if l.Bans != nil {
		n += l.Bans.Total
	}
	return n
}

// add takes an event at now. It reports false if only its number is kept.
func (l *lane) add(e *Event, counts bool, now time.Time) bool {
	if l.empty() {
		l.First = now
	}
	l.ID = ""
	if counts {
		l.count(e)
		return true
	}
	return l.keep(Item{
		Kind: e.Kind, Severity: e.Severity(), At: e.At.UTC(), Times: 1, What: cut(e.What), Hint: cut(e.Hint),
		Prefix: e.Prefix, Country: e.Country, Jail: e.Jail, Over: e.Over,
	})
}

// keep adds an item, or counts it with an equal one.
func (l *lane) keep(i Item) bool {
	for n := range l.Items {
		if o := &l.Items[n]; o.Kind == i.Kind && o.Prefix == i.Prefix && o.What == i.What && o.Over == i.Over {
			o.Times += i.Times
			return true
		}
	}
	if len(l.Items) >= maxItems || l.Bytes+i.size() > maxBytes {
		if l.Dropped == nil {
			l.Dropped = map[Kind]int{}
		}
		l.Dropped[i.Kind] += i.Times
		return false
	}
	l.Items, l.Bytes = append(l.Items, i), l.Bytes+i.size()
	return true
}

// count adds a ban to the numbers, or the bans that were before a flood.
func (l *lane) count(e *Event) {
	b := l.Bans
	if b == nil {
		b = &Bans{From: e.At.UTC(), Jails: map[string]int{}, Countries: map[string]int{}}
		l.Bans = b
	}
	b.To = e.At.UTC()
	if e.Kind == ManyBans {
		b.Flood, b.Total = true, b.Total+e.before
		return
	}
	b.Total++
	if e.Observed {
		b.Observed++
	}
	b.Flood = b.Flood || e.flood
	raise(b.Jails, e.Jail, 1)
	raise(b.Countries, e.Country, 1)
	if len(b.Examples) < maxExamples {
		b.Examples = append(b.Examples, Item{Kind: Ban, At: e.At.UTC(), Times: 1, What: cut(e.What)[:min(len(e.What), 200)], Prefix: e.Prefix, Country: e.Country, Jail: e.Jail})
	}
}

// others is where names are counted that have no room of their own.
const others = "others"

func raise(counts map[string]int, name string, by int) {
	if _, known := counts[name]; !known && len(counts) >= maxNames {
		name = others
	}
	counts[name] += by
}

// after puts what came later behind what could not be sent.
func (l *lane) after(later lane) {
	if later.empty() {
		return
	}
	l.ID = ""
	for _, i := range later.Items {
		l.keep(i)
	}
	for kind, n := range later.Dropped {
		if l.Dropped == nil {
			l.Dropped = map[Kind]int{}
		}
		l.Dropped[kind] += n
	}
	l.Lost += later.Lost
	if l.First.IsZero() {
		l.First = later.First
	}
	switch b, o := l.Bans, later.Bans; {
	case o == nil:
	case b == nil:
		l.Bans = o
	default:
		b.Total, b.Observed, b.Flood, b.To = b.Total+o.Total, b.Observed+o.Observed, b.Flood || o.Flood, o.To
		for name, n := range o.Jails {
			raise(b.Jails, name, n)
		}
		for name, n := range o.Countries {
			raise(b.Countries, name, n)
		}
		b.Examples = append(b.Examples, o.Examples[:min(len(o.Examples), maxExamples-len(b.Examples))]...)
	}
}

// clone is a lane that shares nothing with l.
func (l *lane) clone() lane {
	c := *l
	c.Items, c.Dropped = slices.Clone(l.Items), maps.Clone(l.Dropped)
	if l.Bans != nil {
		b := *l.Bans
		b.Jails, b.Countries, b.Examples = maps.Clone(b.Jails), maps.Clone(b.Countries), slices.Clone(b.Examples)
		c.Bans = &b
	}
	return c
}

// cut bounds a sentence.
func cut(text string) string {
	if len(text) > maxText {
		return text[:maxText-3] + "..."
	}
	return text
}
