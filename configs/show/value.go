package show

import (
	"net/netip"
	"strconv"
	"time"
)

// Forever is a duration without end, as in package configs.
const Forever = time.Duration(0)

var units = [...]struct {
	letter  byte
	seconds int64
}{{'w', 7 * 24 * 3600}, {'d', 24 * 3600}, {'h', 3600}, {'m', 60}, {'s', 1}}

// Duration prints what configs.ParseDuration reads back: 1h30m, 2d, 4w, forever.
// Parts of a second round up, so that a time that is not over never prints as nothing. Weeks
// are used for whole weeks only: people say 30d, not 4w2d.
func Duration(d time.Duration) string {
	if d == Forever {
		return "forever"
	}
	if d < 0 {
		return "0s"
	}
	left := int64(d / time.Second)
	if d%time.Second > 0 {
		left++
	}
	var b []byte
	for _, u := range units {
		if u.letter == 'w' && left%u.seconds != 0 {
			continue
		}
		if n := left / u.seconds; n > 0 {
			b = append(strconv.AppendInt(b, n, 10), u.letter)
			left -= n * u.seconds
		}
	}
	return string(b)
}

// Brief prints a duration in one or two units: 47s, 1m30s, 47m, 1h30m, 3d4h. Parts
// of the last unit are left out; less than a second, or a negative time, is 0s.
func Brief(d time.Duration) string {
	s := max(0, int64(d/time.Second))
	switch {
	case s >= 24*3600:
		return two(s, 24*3600, "d", 3600, "h")
	case s >= 3600:
		return two(s, 3600, "h", 60, "m")
	case s >= 600:
		return two(s, 60, "m", 60, "")
	case s >= 60:
		return two(s, 60, "m", 1, "s")
	}
	return two(s, 1, "s", 1, "")
}

func two(s, big int64, bigName string, small int64, smallName string) string {
	text := strconv.FormatInt(s/big, 10) + bigName
	if rest := s % big / small; rest > 0 {
		text += strconv.FormatInt(rest, 10) + smallName
	}
	return text
}

// Ago prints how long before now a time was. A time after now is "just now", because two
// clocks seldom agree.
func Ago(t, now time.Time) string {
	d := now.Sub(t)
	if d < time.Second {
		return "just now"
	}
	return Brief(d) + " ago"
}

// Stamp prints a moment to the second, in UTC.
func Stamp(t time.Time) string { return StampIn(t, time.UTC) }

// StampIn prints a moment to the second in a zone, with the zone's name at that moment.
func StampIn(t time.Time, zone *time.Location) string {
	return t.In(zone).Format(time.DateTime + " MST")
}

// Date prints a day, in UTC.
func Date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Count prints a number of things: "1 day", "3 days".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Address prints a network of one address without its length.
func Address(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
