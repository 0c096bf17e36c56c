package calls

import (
	"time"

	"pbxjail/configs"
)

const (
	// hoursKept is how long calls count for the limits of a day.
	hoursKept = 24
	// spansKept is how many calls are remembered one by one, for calls_per_minute and
	// concurrent. No limit is higher.
	spansKept = configs.MaxPerMinute + 4
)

// span is from when to when a call was, in unix seconds. end 0: it runs.
type span struct{ began, end int64 }

// hourly is what an account did within an hour.
type hourly struct {
	seconds, cost       int64
	calls, night, fresh uint32
}

// bucket counts the calls of an account to one kind of destination. Its size is fixed.
type bucket struct {
	name    string
	spans   [spansKept]span
	next    int // where the next span goes
	hours   [hoursKept]hourly
	hour    int64 // the latest hour, in hours since 1970
	running int
	number  string // that was called last, as hidden writes it
	row     int    // how often in a row
	rowFrom time.Time
	warned  [kinds]int64
	seen    Destination // the last one
}

// at is the counter of an hour; nil: it is over since a day.
func (b *bucket) at(t time.Time) *hourly {
	hour := t.Unix() / 3600
	if hour > b.hour {
		if hour-b.hour >= hoursKept {
			b.hours = [hoursKept]hourly{}
		} else {
			for h := b.hour + 1; h <= hour; h++ {
				b.hours[h%hoursKept] = hourly{}
			}
		}
		b.hour = hour
	}
	if b.hour-hour >= hoursKept {
		return nil
	}
	return &b.hours[hour%hoursKept]
}

// day is what was done within the last day.
func (b *bucket) day(now time.Time) (sum hourly) {
	b.at(now) // what is older goes
	for i := range b.hours {
		h := &b.hours[i]
		sum.seconds, sum.cost, sum.calls, sum.night, sum.fresh = sum.seconds+h.seconds, sum.cost+h.cost, sum.calls+h.calls, sum.night+h.night, sum.fresh+h.fresh
	}
	return sum
}

// add notes that a call began, and perhaps ended.
func (b *bucket) add(began, end time.Time) {
	s := span{began: began.Unix()}
	if !end.IsZero() {
		s.end = end.Unix()
	}
	b.spans[b.next] = s
	b.next = (b.next + 1) % spansKept
}

// perMinute is the most calls that began within one minute, of which one began at a time.
func (b *bucket) perMinute(began time.Time) int {
	at, before, after := began.Unix(), 0, 0
	for _, s := range b.spans {
		if s.began > at-60 && s.began <= at {
			before++
		}
		if s.began >= at && s.began < at+60 {
			after++
		}
	}
	return max(before, after)
}

// overlap is the most calls that ran at the same time, of calls that are over.
func (b *bucket) overlap(from, to time.Time) (most int) {
	for _, s := range b.spans {
		if s.began == 0 || s.end == 0 || s.began >= to.Unix() || s.end <= from.Unix() {
			continue
		}
		// A call that runs when as many others run as ever began last of them.
		n := 0
		for _, o := range b.spans {
			if o.end != 0 && o.began <= s.began && s.began < o.end {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// dial notes which number is called at a time, and reports whether another one was called
// before. row is how often it was called in a row within a day.
func (b *bucket) dial(d Destination, at time.Time) (another bool) {
	number := hidden(d.Digits)
	if another = b.number != number; another || at.Sub(b.rowFrom) > oldest {
		b.number, b.row, b.rowFrom = number, 0, at
	}
	b.row++
	return another
}
