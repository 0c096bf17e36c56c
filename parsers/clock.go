package parsers

import (
	"bytes"
	"time"
)

// Clock reads the dates of a log. The zero value reads them as UTC and cannot
// tell the year of a date that has none. Not safe for concurrent use.
type Clock struct {
	Zone  *time.Location // of dates without one; nil is UTC
	Until time.Time      // no record is later: tells the year of dates that have none (dateformat's default, %b %e %T)

	before time.Time // the date before, of those without a year
	last   [40]byte
	n      int
	at     time.Time
	layout int // that of the date before: a log has one, and to miss costs an error
}

// At reads a date as dateformat wrote it; the zero time is a date it cannot
// read. Records come many to a second, so the last answer is kept.
func (c *Clock) At(stamp []byte) time.Time {
	if len(stamp) == 0 || len(stamp) > len(c.last) {
		return time.Time{}
	}
	if !bytes.Equal(stamp, c.last[:c.n]) {
		c.n = copy(c.last[:], stamp)
		c.at = c.read(string(stamp))
	}
	return c.at
}

// ReadAt moves Until: the records that follow were read at now, and none is later. A
// daemon that runs over New Year, or for days, would read today's dates as last
// year's without it.
func (c *Clock) ReadAt(now time.Time) {
	if !now.Equal(c.Until) {
		c.Until, c.n = now, 0
	}
}

// layouts are those that logger.conf's sample and FreePBX offer, and syslog's.
// Go reads fractions after the seconds without a layout for them.
var layouts = []string{
	"2006-01-02 15:04:05",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02 15:04:05 Z0700",
	"2006-01-02T15:04:05",
	"01/02/06 03:04:05 PM",
	"01/02/06 15:04:05",
	"02/01/2006 15:04:05",
	"2006/01/02 15:04:05",
	"02.01.2006 15:04:05",
	"Jan _2 2006 15:04:05",
	"Jan _2 15:04:05 2006",       // Issabel
	"Mon Jan _2 15:04:05 2006",   // %c, and Apache's error log
	"02/Jan/2006:15:04:05 -0700", // Apache and nginx
	"02-Jan-2006 15:04:05",
	"2006-01-02T15:04:05 -0700",
	"2006-01-02 15:04:05Z07:00",
}

// yearless is dateformat's default and syslog's: %b %e %T.
const yearless = "Jan _2 15:04:05"

func (c *Clock) read(s string) time.Time {
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	if t, ok := epoch(s); ok {
		return t
	}
	if s[0] >= 'A' {
		if t, err := time.ParseInLocation(yearless, s, zone); err == nil {
			return c.year(t, zone)
		}
	}
	for range layouts {
		if t, err := time.ParseInLocation(layouts[c.layout], s, zone); err == nil {
			return t
		}
		c.layout = (c.layout + 1) % len(layouts)
	}
	return time.Time{}
}

// year puts a date without one into the last year that has this day and in which
// it is not after Until, by more than a day: clocks differ. A log goes forward, so
// a date that would go back a year is that much later than Until: a copied log is
// older than its file says.
func (c *Clock) year(t time.Time, zone *time.Location) time.Time {
	if c.Until.IsZero() {
		return time.Time{}
	}
	at := c.lastYear(t, zone)
	const year = 365 * 24 * time.Hour
	if next := at.AddDate(1, 0, 0); c.before.Sub(at) > year/2 && next.Sub(c.Until) < year/12 && c.before.Sub(next).Abs() < year/12 && next.Day() == at.Day() {
		at = next
	}
	c.before = at
	return at
}

func (c *Clock) lastYear(t time.Time, zone *time.Location) time.Time {
	limit := c.Until.In(zone).AddDate(0, 0, 1)
	const leapGap = 8 // 1896 to 1904, 2096 to 2104
	for y := limit.Year(); y >= limit.Year()-leapGap; y-- {
		if at := t.AddDate(y-t.Year(), 0, 0); at.Day() == t.Day() && !at.After(limit) {
			return at
		}
	}
	return time.Time{}
}

// epoch reads %s, with or without a fraction.
func epoch(s string) (time.Time, bool) {
	if len(s) < 9 || len(s) > 20 {
		return time.Time{}, false
	}
	sec, frac, scale := int64(0), int64(0), int64(0)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && scale == 0:
			scale = int64(time.Second)
		case c < '0' || c > '9':
			return time.Time{}, false
		case scale == 0:
			sec = sec*10 + int64(c-'0')
		case scale >= 10:
			scale /= 10
			frac += int64(c-'0') * scale
		}
	}
	return time.Unix(sec, frac), true
}
