package daemon

import (
	"fmt"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/show"
	"pbxjail/jails/history"
	"pbxjail/jails/store"
)

const trimEvery = time.Hour

// fullFor is how long status says that old entries had to go.
const fullFor = 24 * time.Hour

// before is the time before which something is old; ok is false when it is kept without end.
func before(now time.Time, keep time.Duration) (t time.Time, ok bool) {
	return now.Add(-keep), keep != configs.Forever
}

// tidy removes what is old, in small steps, so that bans are written in between.
func (p *past) tidy(a *history.Archive, main *configs.Main, now time.Time) error {
	err := p.store.Trim(now, store.Keep{
		Bans: main.KeepBans, Lines: main.KeepLines, LogIns: main.KeepLogIns, Audit: main.KeepAudit, Addresses: main.KeepAddresses,
	})
	if err != nil || a == nil {
		return err
	}
	for _, part := range []struct {
		keep time.Duration
		do   func(before time.Time) error
	}{
		{main.KeepBans, func(t time.Time) error { _, err := a.TrimBefore(t, now); return err }},
		{main.KeepAddresses, func(t time.Time) error { return a.Shorten(t, now) }},
		{main.KeepNumbers, a.DropNumbers},
		{main.KeepCounts, a.TrimHours},
	} {
		if t, ok := before(now, part.keep); ok {
			if err := part.do(t); err != nil {
				return err
			}
		}
	}
	return p.bound(a, int64(main.MaxDatabase), now)
}

// bound removes the oldest entries until history and ledger are no larger than they may be.
func (p *past) bound(a *history.Archive, most int64, now time.Time) error {
	ledger, err := p.store.Size()
	if err != nil {
		return err
	}
	t, err := a.TrimTo(max(most-ledger, 0), now)
	if err != nil || t.Entries == 0 {
		return err
	}
	p.log.Warn("the history was larger than max_database, so its oldest entries were deleted. Bans are not affected", "deleted", t.Entries, "oldest", t.Oldest, "max_database", configs.Size(most))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = fullness{at: now, Trimmed: t, most: configs.Size(most)}
	return nil
}

// fullness is when the history was too large last.
type fullness struct {
	at time.Time
	history.Trimmed
	most configs.Size
}

// problem is what status says of it; nil: nothing.
func (f *fullness) problem(now time.Time) []control.Problem {
	if f.at.IsZero() || now.Sub(f.at) > fullFor {
		return nil
	}
	return []control.Problem{{
		What: fmt.Sprintf("the history was larger than max_database: %s. So pbxjail deleted its oldest entries %s: %d in number. Now the oldest entry is of %s", f.most, show.Ago(f.at, now), f.Entries, show.Stamp(f.Oldest)),
		Hint: "write a larger max_database, or a shorter keep_bans, into the main file; then: jailctl reload",
	}}
}
