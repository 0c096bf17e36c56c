package messages

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Trouble is something that is wrong now. Key is the same for as long as it is: What may
// have numbers that grow.
type Trouble struct {
	Key  string
	Kind Kind
	What string
	Hint string
	Mild bool // a warning, though its kind is critical
}

// Watch makes events of troubles: one when a trouble begins, and one when it is over. The
// zero value knows of none. It is for one goroutine.
type Watch struct{ known map[string]*watched }

type watched struct {
	Trouble
	said time.Time // when its beginning was last reported
	open bool      // and its end was not
	gone time.Time // since when it is over; zero: it is not
}

const (
	// sayEvery is how often the beginning of the same trouble is reported: some come and go.
	sayEvery = time.Hour
	// overAfter is how long a trouble must be gone before its end is reported.
	overAfter = 30 * time.Second
	// maxTroubles bounds what is known.
	maxTroubles = 200
)

// See takes all troubles that there are at now, and returns what is to be reported.
func (w *Watch) See(list []Trouble, now time.Time) (events []Event) {
	if w.known == nil {
		w.known = map[string]*watched{}
	}
	here := map[string]bool{}
	for _, t := range list {
		here[t.Key] = true
		k := w.known[t.Key]
		if k == nil {
			if len(w.known) >= maxTroubles {
				continue
			}
			k = &watched{}
			w.known[t.Key] = k
		}
		k.Trouble, k.gone = t, time.Time{}
		if !k.open && (k.said.IsZero() || now.Sub(k.said) >= sayEvery) {
			k.said, k.open = now, true
			events = append(events, Event{Kind: t.Kind, At: now, What: t.What, Hint: t.Hint, Mild: t.Mild})
		}
	}
	for key, k := range w.known {
		switch {
		case here[key]:
		case k.gone.IsZero():
			k.gone = now
		case k.open && now.Sub(k.gone) >= overAfter:
			k.open = false
			events = append(events, Event{Kind: k.Kind, At: now, What: "This is over: " + k.What, Mild: k.Mild, Over: true})
		case !k.open && now.Sub(k.said) >= sayEvery:
			delete(w.known, key)
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.What, b.What)) })
	return events
}
