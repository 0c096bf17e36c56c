package warden

import (
	"fmt"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/jails/home"
)

const (
	// maxHomes is how many homes are read from the ledger at start, and homesPart how many
	// are taken over, or written, at once.
	maxHomes  = 100_000
	homesPart = 2000
)

// RestoreHomes reads from the ledger which accounts log in from where, at its first call.
// Call it before the first event: until then failures at home lead to a ban. Restore calls
// it too. When the ledger cannot be read, the error is logged and bans go on.
func (w *Warden) RestoreHomes(now time.Time) {
	w.homesOnce.Do(func() { w.restoreHomes(now) })
}

func (w *Warden) restoreHomes(now time.Time) {
	homes, alarms, err := w.ledger.Homes(maxHomes)
	if err != nil {
		w.log.Error("pbxjail cannot read the earlier log-ins from the database. An address with phones is protected again only after a phone logs in again", "err", err, "hint", hint.Of(err))
	}
	moments, err := w.ledger.Moments(now)
	if err != nil {
		w.log.Error("pbxjail cannot read earlier unbans from the database: attempts from before an unban may count again, and may ban the address again", "err", err, "hint", hint.Of(err))
	}
	w.mu.Lock()
	w.judge.Home.LoadGuessed(alarms)
	w.judge.Home.LoadMoments(moments, now)
	w.mu.Unlock()
	w.loadCounts(now)
	for len(homes) > 0 {
		part := homes[:min(homesPart, len(homes))]
		homes = homes[len(part):]
		w.mu.Lock()
		w.judge.Home.LoadHomes(part, now)
		w.mu.Unlock()
	}
}

// Learn takes over log-ins from before this start, as Asterisk or its old logs report
// them. They go into the ledger too.
func (w *Warden) Learn(homes []home.Home, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.Home.LearnHomes(homes, now)
}

// Registered takes who is registered with Asterisk now, in place of the list before.
func (w *Warden) Registered(list []home.Registration, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.Home.SetRegistered(list, now)
}

// saveHomes writes the homes that changed.
func (w *Warden) saveHomes() error {
	w.ledgerMu.Lock()
	defer w.ledgerMu.Unlock()
	for {
		w.mu.Lock()
		homes := w.judge.Home.UnsavedHomes(homesPart)
		w.mu.Unlock()
		if len(homes) == 0 {
			return nil
		}
		err := w.ledger.SaveHomes(homes)
		w.ledgerSays(err)
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.judge.Home.HomesSaved(homes)
		w.mu.Unlock()
	}
}

// saveAlarms writes alarms that began or ended, and moments. ledgerMu is held.
func (w *Warden) saveAlarms() error {
	if err := w.saveMoments(time.Now()); err != nil {
		return err
	}
	w.mu.Lock()
	changed := w.judge.Home.UnsavedAlarms()
	w.mu.Unlock()
	if len(changed) == 0 {
		return nil
	}
	err := w.ledger.SaveAlarms(changed)
	w.ledgerSays(err)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.Home.AlarmsSaved(changed)
	return nil
}

// saveMoments writes which addresses were unbanned, and which accounts an alarm about an
// old password named. ledgerMu is held.
func (w *Warden) saveMoments(now time.Time) error {
	w.mu.Lock()
	list := w.judge.Home.UnsavedMoments()
	w.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	err := w.ledger.SaveMoments(list, now)
	w.ledgerSays(err)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.Home.MomentsSaved(list)
	return nil
}

// Guessed lists the alarms about passwords that no one has seen yet, oldest first.
func (w *Warden) Guessed() []home.Guessed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Home.Guessed()
}

// Ack ends the alarms that match, because someone has seen them. They are removed from
// the ledger before it returns. When it returns an error, they come back with the next
// start.
func (w *Warden) Ack(match func(home.Guessed) bool) ([]home.Guessed, error) {
	w.mu.Lock()
	seen := w.judge.Home.Ack(match)
	w.mu.Unlock()
	w.ledgerMu.Lock()
	defer w.ledgerMu.Unlock()
	if err := w.saveAlarms(); err != nil {
		return seen, fmt.Errorf("the alarms are acknowledged, but pbxjail cannot write this to the database: the alarms come back when pbxjail starts again: %w", err)
	}
	return seen, nil
}

// Broken reports since when failures lead to no ban, and why: many accounts at home fail
// at once. The time is zero when failures do lead to bans.
func (w *Warden) Broken() (since time.Time, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge.Home.Broken()
}
