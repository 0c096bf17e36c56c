package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/beat"
	"pbxjail/configs/hint"
	"pbxjail/jails/geoip"
	"pbxjail/jails/history"
	"pbxjail/jails/store"
)

// past keeps the history: it copies what is new in the ledger, and removes what is old. Bans
// need none of it. Its methods may be called from any goroutine.
type past struct {
	log    *slog.Logger
	path   string
	store  *store.Store
	places *geoip.Tables
	main   func() *configs.Main // the settings

	more   bool       // file stopped before all was copied; for Run alone
	filing sync.Mutex // orders copies and erasures; taken first

	mu      sync.Mutex
	archive *history.Archive // nil: not open yet, or it cannot be opened; guarded by mu
	problem error            // guarded by mu
	full    fullness         // guarded by mu
}

const (
	fileEvery = 2 * time.Second
	filePart  = 100 // changes at a time, with their lines: they are in memory, and the ledger waits for them
	// restAfter is how many times as long as a copy took the next one waits: in a burst of
	// attackers the processor is for those who ban.
	restAfter = 3
)

// historyPath is where the history is: beside the ledger.
func historyPath(ledger string) string {
	ext := filepath.Ext(ledger)
	return strings.TrimSuffix(ledger, ext) + "-history" + ext
}

func (d *Daemon) openPast() {
	d.past = &past{log: d.log, path: historyPath(d.upkeep.settings().Database), store: d.store, places: d.places, main: d.upkeep.settings}
}

// Run opens the history, which takes a moment, and files until ctx ends. What is left then
// is in the ledger.
func (p *past) Run(ctx context.Context) error {
	next, tidied := time.NewTimer(0), time.Time{}
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
			now := time.Now()
			err := p.file(ctx)
			if due(now, tidied, trimEvery) { // also when nothing can be copied: what is old must go
				tidied = now
				a, _ := p.opened()
				err = errors.Join(err, p.tidy(a, p.main(), now))
			}
			p.says(err)
			next.Reset(beat.Until(time.Now(), fileEvery))
		}
	}
}

// opened is the history, which is opened where it is not.
func (p *past) opened() (*history.Archive, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.archive != nil {
		return p.archive, nil
	}
	a, err := history.Open(p.path)
	if err == nil {
		p.archive = a
	}
	return a, err
}

// says logs a problem when it begins and when it ends.
func (p *past) says(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil && p.problem == nil:
		p.log.Error("the history (jailctl history) cannot be written. Bans stay in force, and pbxjail tries again by itself", "err", err, "hint", todo(err, moreHint))
	case err == nil && p.problem != nil:
		p.log.Info("the history can be written again")
	}
	p.problem = err
}

// problems are for status.
func (p *past) problems() []control.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.problem == nil {
		return p.full.problem(time.Now())
	}
	return []control.Problem{{What: "the history (jailctl history) cannot be written. Bans stay in force: " + p.problem.Error(), Hint: hint.Of(p.problem)}}
}

const (
	// mostRested is after how many parts file rests no longer: the ledger keeps the lines of
	// the last 20,000 bans only, and what is left must be copied before it deletes them.
	mostRested = 100
	// fileFor is how long file copies at most: what is old is removed after it.
	fileFor = time.Minute
)

// file copies what is new, for a while.
func (p *past) file(ctx context.Context) error {
	a, err := p.opened()
	if err != nil {
		return err
	}
	p.mu.Lock()
	failed := p.problem != nil
	p.mu.Unlock()
	if !p.store.News() && !failed && !p.more {
		return nil
	}
	p.more = false
	if err := p.fileStolen(a); err != nil {
		return err
	}
	rest, first := time.NewTimer(0), time.Now()
	defer rest.Stop()
	for part := 1; ; part++ {
		select {
		case <-ctx.Done():
			return nil
		case <-rest.C:
		}
		began := time.Now()
		more, err := p.filePart(a)
		if err != nil || !more {
			return err
		}
		if began.Sub(first) > fileFor {
			p.more = true
			return nil
		}
		if part < mostRested {
			rest.Reset(restAfter * time.Since(began))
		} else {
			rest.Reset(0)
		}
	}
}

// filePart copies some, and reports whether there may be more.
func (p *past) filePart(a *history.Archive) (more bool, err error) {
	p.filing.Lock()
	defer p.filing.Unlock()
	u, err := p.store.Unfiled(filePart)
	if err != nil || u.Empty() {
		return false, err
	}
	entries := make([]history.Entry, 0, len(u.Bans)+len(u.Alarms))
	for i := range u.Bans {
		entries = append(entries, p.entryOf(&u.Bans[i]))
	}
	for i := range u.Alarms {
		entries = append(entries, p.alarmEntry(&u.Alarms[i]))
	}
	if err := a.Add(entries); err != nil {
		return false, err
	}
	return true, p.store.Filed(u)
}

// fileStolen copies the accounts at a critical limit.
func (p *past) fileStolen(a *history.Archive) error {
	p.filing.Lock()
	defer p.filing.Unlock()
	list, err := p.store.Stolen(true)
	if err != nil || len(list) == 0 {
		return err
	}
	var entries []history.Entry
	for i := range list {
		entries = append(entries, p.stolenEntries(&list[i])...)
	}
	if err := a.Add(entries); err != nil {
		return err
	}
	return p.store.FiledStolen(list)
}

// Close gives the history up.
func (p *past) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.archive == nil {
		return nil
	}
	return p.archive.Close()
}

// asked is the history for a question.
func (p *past) asked() (*history.Archive, error) {
	a, err := p.opened()
	if err != nil {
		return nil, control.Refuse(http.StatusConflict, todo(err, moreHint), "the history cannot be read now: %w", err)
	}
	return a, nil
}
