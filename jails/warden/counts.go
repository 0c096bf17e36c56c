package warden

import (
	"time"

	"pbxjail/configs/hint"
)

// KeepCounts writes what was counted and led to no ban yet to the ledger, so that the next
// run goes on counting. Call it at a stop, when no event comes any more, and only after the
// positions of the logs: lines that are read again would count twice.
func (w *Warden) KeepCounts(now time.Time) error {
	w.ledgerMu.Lock()
	defer w.ledgerMu.Unlock()
	w.mu.Lock()
	if !w.counted { // what the run before kept is still in the ledger
		w.mu.Unlock()
		return nil
	}
	data, err := w.judge.Counts()
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return w.ledger.SaveCounts(data, now)
}

// loadCounts goes on with what the run before counted. Without it, attempts are counted
// from now on.
func (w *Warden) loadCounts(now time.Time) {
	data, err := w.ledger.TakeCounts()
	w.mu.Lock()
	w.counted = true
	if err == nil && data != nil {
		err = w.judge.LoadCounts(data, now)
	}
	w.mu.Unlock()
	if err != nil {
		w.log.Warn("pbxjail cannot read the points from before the restart, and counts again from zero. Bans stay in force", "err", err, "hint", hint.Of(err))
	}
}
