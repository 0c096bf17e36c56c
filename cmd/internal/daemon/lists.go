package daemon

import (
	"errors"
	"log/slog"
	"sync"

	"pbxjail/configs"
)

// lists are the data files that say what numbers and user agents are worth. All
// methods may be called from any goroutine.
type lists struct {
	log *slog.Logger

	mu      sync.Mutex // guards all below
	agents  *configs.Agents
	numbers *configs.Numbers
	bad     error // what is wrong with one of them; the last good ones stay
}

// newLists starts with what is shipped.
func newLists(log *slog.Logger) *lists {
	return &lists{log: log, agents: configs.ShippedAgents(), numbers: configs.ShippedNumbers()}
}

// read reads the data files. What cannot be read stays as it was.
func (l *lists) read(main *configs.Main) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad = nil
	agents, err := configs.LoadAgents(main.Useragents)
	if l.take(err, "list of user agents has a mistake: the old list stays in use") {
		l.agents = agents
	}
	numbers, err := main.Fraud.LoadNumbers()
	if l.take(err, "list of numbers has a mistake: the old list stays in use") {
		l.numbers = numbers
	}
}

// take reports whether a file is good. mu is held.
func (l *lists) take(err error, what string) bool {
	if err == nil {
		return true
	}
	l.bad = errors.Join(l.bad, err)
	logProblems(l.log, what, "", err)
	return false
}

// current are the lists as they hold now.
func (l *lists) current() (agents *configs.Agents, numbers *configs.Numbers) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.agents, l.numbers
}

// problem is what is wrong with one of the files; nil: nothing.
func (l *lists) problem() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bad
}
