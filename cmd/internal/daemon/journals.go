package daemon

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"pbxjail/cmd/internal/program"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/watcher"
	"pbxjail/watcher/journal"
)

// maxJournals bounds the units that are followed at once: each is a process of its own.
const maxJournals = 16

// journals follow the units in systemd's journal that the jails name. All methods may be
// called from any goroutine; Run only once.
type journals struct {
	log     *slog.Logger
	resume  func(name string) (watcher.Position, bool) // the remembered position
	deliver func(watcher.Block) error
	start   func(ctx context.Context, args ...string) (journal.Process, error)

	changed chan struct{} // holds one when the names were set

	mu      sync.Mutex
	wanted  []string            // guarded by mu
	refused []string            // beyond maxJournals; guarded by mu
	units   map[string]*unit    // that run; guarded by mu
	cursors map[string]position // of those that ran before in this run; guarded by mu
}

type position = watcher.Position

// unit is one that is followed.
type unit struct {
	journal *journal.Journal
	stop    context.CancelFunc
	ended   chan struct{}
}

// newJournals starts nothing.
func newJournals(log *slog.Logger, resume func(string) (watcher.Position, bool), deliver func(watcher.Block) error) *journals {
	return &journals{
		log: log, resume: resume, deliver: deliver, changed: make(chan struct{}, 1),
		units: map[string]*unit{}, cursors: map[string]position{},
		start: func(ctx context.Context, args ...string) (journal.Process, error) {
			running, err := program.Follow(ctx, "journalctl", args...)
			if err != nil {
				return nil, err // and no *program.Running that is nil
			}
			return running, nil
		},
	}
}

// set says which logs the jails read: those that are units are followed by Run.
func (j *journals) set(logs []string) {
	units := slices.DeleteFunc(slices.Clone(logs), func(log string) bool { return !journal.Is(log) })
	j.mu.Lock()
	n := min(len(units), maxJournals)
	j.wanted, j.refused = units[:n], units[n:]
	j.mu.Unlock()
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

// Run follows what is set until ctx ends.
func (j *journals) Run(ctx context.Context) error {
	defer j.keepOnly(nil)
	for {
		j.mu.Lock()
		wanted := j.wanted
		j.mu.Unlock()
		j.keepOnly(wanted)
		for _, name := range wanted {
			j.follow(ctx, name)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-j.changed:
		}
	}
}

// keepOnly ends those that are not wanted, and waits for their end.
func (j *journals) keepOnly(wanted []string) {
	j.mu.Lock()
	var ending []*unit
	for name, u := range j.units {
		if !slices.Contains(wanted, name) {
			ending = append(ending, u)
			delete(j.units, name)
		}
	}
	j.mu.Unlock()
	for _, u := range ending {
		u.stop()
	}
	for _, u := range ending {
		<-u.ended
	}
}

// follow begins with a unit, unless it is followed.
func (j *journals) follow(ctx context.Context, name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.units[name] != nil {
		return
	}
	at, here := j.cursors[name]
	if !here {
		at, _ = j.resume(name)
	}
	ctx, stop := context.WithCancel(ctx)
	u := &unit{stop: stop, ended: make(chan struct{}), journal: journal.New(journal.Options{
		Log: name, Cursor: at.Cursor, Start: j.start, Notify: func(problem error) { j.notify(name, problem) },
	})}
	j.units[name] = u
	go func() {
		defer close(u.ended)
		defer stop()
		if err := u.journal.Run(ctx, func(b journal.Block) error { return j.take(name, b) }); err != nil {
			j.log.Error("pbxjail does not read a unit of the journal any more, so it sees no attacks in this log", "log", name, "err", err, "hint", "to read this unit again: systemctl restart pbxjail")
		}
	}()
}

// take hands a block on.
func (j *journals) take(name string, b journal.Block) error {
	next := watcher.Position{File: name, Cursor: b.Cursor}
	if b.Cursor != "" {
		j.mu.Lock()
		j.cursors[name] = next
		j.mu.Unlock()
	}
	return j.deliver(watcher.Block{File: name, Data: b.Data, Cut: b.Cut, Old: b.Old, Arrived: b.Arrived, Next: next})
}

func (j *journals) notify(name string, problem error) {
	if problem != nil {
		j.log.Error("journal cannot be read, so pbxjail sees no attacks in this log", "log", name, "err", problem, "hint", todo(problem, retryHint))
		return
	}
	j.log.Info("journal can be read again", "log", name)
}

// states are the units that are followed, by name.
func (j *journals) states(now time.Time) (names []string, states []journal.State) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range j.wanted {
		var s journal.State
		if u := j.units[name]; u != nil {
			s = u.journal.State(now)
		}
		names, states = append(names, name), append(states, s)
	}
	for _, name := range j.refused {
		problem := hint.Errorf("write fewer units into logs in the main file or in the jail files; then: jailctl reload", "%s is not read, because pbxjail reads at most %s of the journal", name, show.Count(maxJournals, "unit"))
		names, states = append(names, name), append(states, journal.State{Problem: problem})
	}
	return names, states
}
