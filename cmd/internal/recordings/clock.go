package recordings

import (
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

// How long a PBX may be without a recording until the clock is doubted: a clock that jumped
// ahead leaves such a gap between what was recorded before and after the jump.
const (
	gapSynced = 366 * 24 * time.Hour
	gapAlone  = 30 * 24 * time.Hour
)

// ahead is how far in the future a date may be: clocks and zones differ.
const ahead = 48 * time.Hour

// gap looks for the dates around a moment before which recordings are deleted.
type gap struct {
	cut    time.Time
	before time.Time // the newest date that is not after cut; zero: none
	after  time.Time // the oldest date after cut; at first now
}

func newGap(now time.Time, keep time.Duration) *gap { return &gap{cut: now.Add(-keep), after: now} }

func (g *gap) see(date time.Time) {
	switch {
	case date.After(g.cut):
		if date.Before(g.after) {
			g.after = date
		}
	case date.After(g.before):
		g.before = date
	}
}

// doubt is the error that the clock may be wrong; nil: it is plausible, or nothing is to be
// deleted. today is the date that the admin gives as proof; "" when there is none.
func (m *Machine) doubt(g *gap, today string) error {
	limit := gapAlone
	if m.Synced {
		limit = gapSynced
	}
	date := m.Now.In(m.Zone).Format(time.DateOnly)
	if today != "" {
		if today != date {
			return hint.Errorf("set the clock, or give the date of today", "nothing is deleted: the clock of this machine says %s, and --today says %s", date, show.Word(today, 20))
		}
		return nil
	}
	if g.before.IsZero() || g.after.Sub(g.before) <= limit {
		return nil
	}
	why := "no time service sets the clock"
	if m.Synced {
		why = "although a time service sets it"
	}
	return hint.Errorf("look at the clock: date; if it is right, run this by hand, once: jailctl recordings expire --today "+date,
		"nothing is deleted: the clock may be wrong (%s): it says %s, but there is no recording from %s until %s",
		why, date, g.before.In(m.Zone).Format(time.DateOnly), g.after.In(m.Zone).Format(time.DateOnly))
}
