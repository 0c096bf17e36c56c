package daemon

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"pbxjail/jails/store"
	"pbxjail/watcher"
)

// positionStore is what positions need of the ledger.
type positionStore interface {
	Positions() ([]store.Position, error)
	SavePositions(list []store.Position, now time.Time) error
}

// positions remember how far each log was read. A position is written only after the
// bans of the lines before it: lines that are read twice find their ban in place, lines
// that are never read again lose it. All methods may be called from any goroutine.
type positions struct {
	store positionStore
	flush func() error // writes the bans that wait for the ledger

	saving sync.Mutex // orders save; taken before mu
	mu     sync.Mutex
	moved  map[string]watcher.Position // since they were last written; guarded by mu
}

// newPositions reads and writes nothing.
func newPositions(ledger positionStore, flush func() error) *positions {
	return &positions{store: ledger, flush: flush, moved: map[string]watcher.Position{}}
}

// remembered are the positions of the run before. What cannot be read is logged, and
// reading goes on at the end of each log.
func (p *positions) remembered(log *slog.Logger) map[string]watcher.Position {
	found := map[string]watcher.Position{}
	list, err := p.store.Positions()
	if err != nil {
		log.Error("pbxjail could not read from its database how far it had read the logs. It begins at the end of each log, and does not see attacks from the time when it was stopped", "err", err, "hint", todo(err, moreHint))
		return found
	}
	for _, one := range list {
		var at watcher.Position
		if json.Unmarshal(one.Place, &at) == nil {
			found[one.File] = at
		}
	}
	return found
}

// resume says where a log goes on.
func (p *positions) resume(log *slog.Logger) func(name string) (watcher.Position, bool) {
	remembered := p.remembered(log)
	return func(name string) (watcher.Position, bool) {
		at, ok := remembered[name]
		return at, ok
	}
}

// passed notes that all before a position is judged.
func (p *positions) passed(log string, next watcher.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved[log] = next
}

// save writes the bans that wait, and then the positions that moved. What cannot be
// written now is tried with the next save.
func (p *positions) save(now time.Time) error {
	p.saving.Lock()
	defer p.saving.Unlock()
	moved := p.take()
	if len(moved) == 0 {
		return nil
	}
	err := p.flush()
	if err != nil {
		err = fmt.Errorf("cannot save how far the logs are read: %w", err)
	} else {
		err = p.store.SavePositions(rows(moved), now)
	}
	if err != nil {
		p.putBack(moved)
	}
	return err
}

func (p *positions) take() map[string]watcher.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	moved := p.moved
	p.moved = map[string]watcher.Position{}
	return moved
}

// putBack keeps positions for the next save, unless there are newer ones.
func (p *positions) putBack(old map[string]watcher.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(old, p.moved)
	p.moved = old
}

func rows(moved map[string]watcher.Position) (list []store.Position) {
	for _, log := range slices.Sorted(maps.Keys(moved)) {
		if place, err := json.Marshal(moved[log]); err == nil {
			list = append(list, store.Position{File: log, Place: place})
		}
	}
	return list
}
