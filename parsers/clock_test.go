package parsers

import (
	"fmt"
	"testing"
	"time"
)

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no time zones on this machine: %v", err)
	}
	return zone
}

func TestClockFormats(t *testing.T) {
	want := time.Date(2026, 11, 22, 7, 24, 6, 0, time.UTC)
	until := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		stamp string
		frac  time.Duration
	}{
		{"Nov 22 07:24:06", 0}, // %b %e %T, the default
		{"Nov 22 07:24:06.250", 250 * time.Millisecond},
		{"2026-11-22 07:24:06", 0},
		{"2026-11-22 07:24:06.829", 829 * time.Millisecond},       // %F %T.%3q
		{"2026-11-22 07:24:06.888682", 888682 * time.Microsecond}, // %6q
		{"2026-11-22T07:24:06+0000", 0},                           // %FT%T%z
		{"2026-11-22T02:24:06-0500", 0},
		{"2026-11-22T08:24:06.123+0100", 123 * time.Millisecond},
		{"2026-11-22T08:24:06.123456+01:00", 123456 * time.Microsecond}, // rsyslog
		{"2026-11-22T07:24:06Z", 0},
		{"2026-11-22T07:24:06", 0},
		{"2026-11-22 08:24:06 +0100", 0},
		{"1795332246", 0}, // %s
		{"1795332246.5", 500 * time.Millisecond},
		{"1795332246.123456789", 123456789},
		{"11/22/26 07:24:06 AM", 0}, // %D %I:%M:%S %p
		{"11/22/26 07:24:06", 0},
		{"22/11/2026 07:24:06", 0},
		{"2026/11/22 07:24:06", 0},
		{"22.11.2026 07:24:06", 0},
		{"Nov 22 2026 07:24:06", 0},
		{"Sun Nov 22 07:24:06 2026", 0}, // %c
	} {
		clock := Clock{Until: until}
		for range 2 { // the second answer is the remembered one
			if got := clock.At([]byte(c.stamp)); !got.Equal(want.Add(c.frac)) {
				t.Errorf("%q: got %v, want %v", c.stamp, got, want.Add(c.frac))
			}
		}
	}
}

func TestClockRefuses(t *testing.T) {
	clock := Clock{Until: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
	for _, stamp := range []string{
		"", "x", "22 Nov", "Nov 32 07:24:06", "2026-13-01 00:00:00", "Nov 22 25:00:00", "17953322", "179533224612345678901",
		"1.795332246.5", "[2026-11-22] 07:24", "\xff\xfe", "2026-02-30 00:00:00", "a date that is longer than anything dateformat would write",
	} {
		if got := clock.At([]byte(stamp)); !got.IsZero() {
			t.Errorf("%q: got %v, want no time", stamp, got)
		}
	}
}

// Dates of the default format have no year: the log's last date tells it.
func TestClockYear(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name, stamp string
		zone        *time.Location
		until, want time.Time
	}{
		{"this year", "Nov 22 07:00:00", nil, day(2026, 11, 23), time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)},
		{"last year", "Dec 31 23:59:56", nil, day(2027, 1, 1), time.Date(2026, 12, 31, 23, 59, 56, 0, time.UTC)},
		{"new year", "Jan  1 00:00:02", nil, day(2027, 1, 1), time.Date(2027, 1, 1, 0, 0, 2, 0, time.UTC)},
		{"a clock ahead by hours", "Nov 23 20:00:00", nil, day(2026, 11, 23), time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)},
		{"a clock ahead over new year", "Jan  1 00:10:00", nil, time.Date(2026, 12, 31, 23, 50, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 10, 0, 0, time.UTC)},
		{"two days ahead is last year", "Nov 25 13:00:00", nil, day(2026, 11, 23), time.Date(2025, 11, 25, 13, 0, 0, 0, time.UTC)},
		{"leap day, this year", "Feb 29 10:00:00", nil, day(2028, 3, 1), time.Date(2028, 2, 29, 10, 0, 0, 0, time.UTC)},
		{"leap day, three years ago", "Feb 29 10:00:00", nil, day(2027, 3, 1), time.Date(2024, 2, 29, 10, 0, 0, 0, time.UTC)},
		{"leap day over the gap of 2100", "Feb 29 10:00:00", nil, day(2103, 3, 1), time.Date(2096, 2, 29, 10, 0, 0, 0, time.UTC)},
		{"day before a leap day", "Feb 28 10:00:00", nil, day(2027, 3, 1), time.Date(2027, 2, 28, 10, 0, 0, 0, time.UTC)},
		{"zero-padded day, as %d", "May 01 00:11:01", nil, day(2026, 5, 2), time.Date(2026, 5, 1, 0, 11, 1, 0, time.UTC)},
		{"new year in the log's zone", "Jan  1 00:30:00", berlin, time.Date(2026, 12, 31, 23, 40, 0, 0, time.UTC), time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := Clock{Zone: c.zone, Until: c.until}
			if got := clock.At([]byte(c.stamp)); !got.Equal(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	var blank Clock
	if got := blank.At([]byte("Nov 22 07:00:00")); !got.IsZero() {
		t.Errorf("without Until: got %v, want no time", got)
	}
}

func TestClockZones(t *testing.T) {
	for _, c := range []struct {
		zone, stamp string
		want        time.Time
	}{
		{"Europe/Berlin", "2026-07-01 12:00:00", time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)},
		{"Europe/Berlin", "2026-01-01 12:00:00", time.Date(2026, 1, 1, 11, 0, 0, 0, time.UTC)},
		{"Europe/Berlin", "Jul  1 12:00:00", time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)},
		{"America/New_York", "11/01/26 07:24:06 PM", time.Date(2026, 11, 2, 0, 24, 6, 0, time.UTC)},
		{"America/New_York", "2026-07-01T12:00:00+0200", time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)}, // its own zone counts
		{"America/New_York", "1795332246", time.Date(2026, 11, 22, 7, 24, 6, 0, time.UTC)},
		{"Asia/Kolkata", "2026-07-01 12:00:00", time.Date(2026, 7, 1, 6, 30, 0, 0, time.UTC)},
	} {
		clock := Clock{Zone: mustZone(t, c.zone), Until: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
		if got := clock.At([]byte(c.stamp)); !got.Equal(c.want) {
			t.Errorf("%s %q: got %v, want %v", c.zone, c.stamp, got, c.want)
		}
	}
}

// FuzzClock: no date panics, asking twice is the same, and a date without a year
// is never later than a day after Until.
func FuzzClock(f *testing.F) {
	for _, s := range []string{"Nov 22 07:24:06", "Feb 29 10:00:00", "2026-11-22T07:24:06.1+0100", "1795332246.5", "11/22/26 07:24:06 AM", "Sun Nov 22 07:24:06 2026"} {
		f.Add([]byte(s), int64(1795332246))
	}
	f.Fuzz(func(t *testing.T, stamp []byte, until int64) {
		clock := Clock{Until: time.Unix(until%(1<<36), 0)}
		first := clock.At(stamp)
		clock.At([]byte("1795332246"))
		if again := clock.At(stamp); !again.Equal(first) {
			t.Errorf("%q: got %v the second time, want %v", stamp, again, first)
		}
		if first.IsZero() || len(stamp) == 0 {
			return
		}
		if _, err := time.Parse(yearless, string(stamp)); err == nil && first.After(clock.Until.AddDate(0, 0, 1)) {
			t.Errorf("%q: got %v, want nothing after %v", stamp, first, clock.Until)
		}
	})
}

// TestClockNoAllocations: a log has one format, and reading it makes no garbage.
func TestClockNoAllocations(t *testing.T) {
	for _, format := range []string{"Nov 22 07:24:%02d", "2026-11-22 07:24:%02d.829", "2026-11-22T07:24:%02d+0000", "17953322%02d", "11/22/26 07:24:%02d AM"} {
		clock := Clock{Until: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
		one, two := fmt.Appendf(nil, format, 1), fmt.Appendf(nil, format, 2)
		clock.At(one)
		if n := testing.AllocsPerRun(10, func() { clock.At(one); clock.At(two) }); n > 0 {
			t.Errorf("%s: got %v allocations, want none", one, n)
		}
	}
}

// TestClockGoesOn: a daemon that runs for days, or over New Year, reads today's dates
// as today's; a log that was copied is older than its file says.
func TestClockGoesOn(t *testing.T) {
	day := func(y int, m time.Month, d, h int) time.Time { return time.Date(y, m, d, h, 0, 0, 0, time.UTC) }
	read := func(now time.Time, stamp string) [2]any { return [2]any{now, stamp} }
	for _, c := range []struct {
		name string
		read [][2]any
		want time.Time // of the last one
	}{
		{"days later", [][2]any{read(day(2026, 11, 20, 7), "Nov 20 07:00:00"), read(day(2026, 11, 25, 7), "Nov 25 07:00:00")}, day(2026, 11, 25, 7)},
		{"over New Year", [][2]any{read(day(2026, 12, 30, 7), "Dec 30 07:00:00"), read(day(2027, 1, 5, 7), "Jan  5 07:00:00")}, day(2027, 1, 5, 7)},
		{"an old line after New Year", [][2]any{read(day(2026, 12, 30, 7), "Dec 30 07:00:00"), read(day(2027, 1, 5, 7), "Dec 31 07:00:00")}, day(2026, 12, 31, 7)},
		{"the same date a year later", [][2]any{read(day(2026, 3, 1, 7), "Mar  1 07:00:00"), read(day(2027, 3, 1, 7), "Mar  1 07:00:00")}, day(2027, 3, 1, 7)},
		{"a clock set back", [][2]any{read(day(2030, 1, 1, 7), "Jan  1 07:00:00"), read(day(2026, 11, 25, 7), "Nov 25 07:00:00")}, day(2026, 11, 25, 7)},
		{"a boot without a clock", [][2]any{read(day(2026, 11, 25, 7), "Jan  1 00:00:05"), read(day(2026, 11, 25, 7), "Nov 25 07:00:00")}, day(2026, 11, 25, 7)},
		{"a copied log", [][2]any{read(day(2026, 11, 25, 7), "Nov 25 07:00:00"), read(day(2026, 11, 25, 7), "Nov 27 07:00:00")}, day(2026, 11, 27, 7)},
		{"a log of a year", [][2]any{read(day(2026, 11, 25, 7), "Nov 22 07:00:00"), read(day(2026, 11, 25, 7), "Mar  1 07:00:00")}, day(2026, 3, 1, 7)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var clock Clock
			var got time.Time
			for _, r := range c.read {
				clock.ReadAt(r[0].(time.Time))
				got = clock.At([]byte(r[1].(string)))
			}
			if !got.Equal(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
