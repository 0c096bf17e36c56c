package recordings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Synchronised asks the kernel whether a time service sets the clock: adjtimex(2). A kernel
// that does not say counts as not synchronised.
func Synchronised() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

// longestGap is how long a PBX may be without a recording and without a run of expire until
// the clock is doubted: a clock that jumped ahead leaves such a gap between what came before
// and after the jump. A time service is no proof: NTP can be forged.
const longestGap = 30 // days

// ahead is how far in the future a date may be: clocks and zones differ.
const ahead = 48 * time.Hour

// oldest bounds the dates that are looked at, and so the memory for them.
const oldest = 100 * 366 * 24 * time.Hour

// calendar has the days on which something was recorded.
type calendar struct {
	now, cut time.Time
	before   time.Time // the newest date that is not after cut; zero: nothing is too old
	days     map[int64]bool
}

// newCalendar is for a run at now that deletes what is older than keep.
func newCalendar(now time.Time, keep time.Duration) *calendar {
	return &calendar{now: now, cut: now.Add(-keep), days: map[int64]bool{}}
}

func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

func (c *calendar) see(date time.Time) {
	if !date.After(c.cut) && date.After(c.before) {
		c.before = date
	}
	if !date.After(c.now.Add(ahead)) && date.After(c.now.Add(-oldest)) {
		c.days[dayOf(date)] = true
	}
}

// gap is the first time that is too long without a recording, from the last run of expire
// until now. Without a last run it begins with the newest recording that is too old, or with
// the oldest one of all.
func (c *calendar) gap(last time.Time) (from, until time.Time, found bool) {
	days := slices.Sorted(maps.Keys(c.days))
	end, at := dayOf(c.now), dayOf(c.now)
	switch {
	case !last.IsZero() && !last.After(c.now.Add(ahead)): // one in the future is no witness
		at = dayOf(last)
	case !c.before.IsZero():
		at = dayOf(c.before)
	case len(days) > 0:
		at = days[0]
	}
	date := func(day int64) time.Time { return time.Unix(day*24*60*60, 0).UTC() }
	for _, day := range append(days, end) {
		if day = min(day, end); day-at > longestGap {
			return date(at), date(day), true
		}
		at = max(at, day)
	}
	return time.Time{}, time.Time{}, false
}

// doubt is the error that the clock may be wrong; nil: it is plausible, or nothing is to be
// deleted. sure: the time of this run can be kept as a witness for the next one. last is when
// expire ran last; zero: not known. today is the date that the admin gives as proof; "" when
// there is none.
func (m *Machine) doubt(c *calendar, last time.Time, today string) (sure bool, err error) {
	date := m.Now.In(m.Zone).Format(time.DateOnly)
	if today != "" {
		if today != date {
			return false, hint.Errorf("set the clock, or give the date of today", "nothing is deleted: the clock of this machine says %s, and --today says %s", date, show.Word(today, 20))
		}
		return true, nil
	}
	from, until, found := c.gap(last)
	if !found || c.before.IsZero() {
		return !found, nil
	}
	why := "no time service sets the clock"
	if m.Synced {
		why = "although a time service sets it"
	}
	return false, hint.Errorf("look at the clock: date; if it is right, run this by hand, once: jailctl recordings expire --today "+date,
		"nothing is deleted: the clock may be wrong (%s): it says %s, but there is no recording and no run of expire from %s until %s",
		why, date, from.Format(time.DateOnly), until.Format(time.DateOnly))
}

// lastRun is when expire ran last with a clock that was not doubted, as the folder of the book
// says; zero: it never did, or the file is damaged, which makes the doubt stronger.
func lastRun(dir string) (t time.Time, err error) {
	f, err := openOwn(filepath.Join(dir, lastRunName), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, fmt.Errorf("the time of the last run cannot be read: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 100))
	if err != nil {
		return t, fmt.Errorf("the time of the last run cannot be read: %w", hint.Cannot(err))
	}
	if t, err = time.Parse(time.RFC3339, strings.TrimSpace(string(text))); err != nil {
		return time.Time{}, nil
	}
	return t, nil
}

// ran keeps the time of this run for the next one. The caller has the lock.
func (b *Book) ran() error {
	return b.replace(lastRunName, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, b.m.Now.UTC().Format(time.RFC3339))
		return err
	})
}
