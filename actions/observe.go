package actions

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pbxjail/actions/kernel"
)

// observe drops nothing: it remembers what would be banned, so that the rest of
// the house works as if it were. Members do not outlive the process.
type observe struct {
	options Options
	mu      sync.Mutex                 // guards until and lists
	until   map[netip.Prefix]time.Time // zero: for ever
	lists   map[string]bool
	max     int
}

func newObserve(o Options) *observe {
	return &observe{options: o, until: map[netip.Prefix]time.Time{}, lists: map[string]bool{}, max: int(o.MaxElem)}
}

func (e *observe) Name() string { return "observe, nothing is dropped" }
func (e *observe) Close() error { return nil }

func (e *observe) Setup() (made, degraded []string, err error) { return nil, nil, nil }

func (e *observe) Check() (intact bool, members int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expire(time.Now())
	return true, len(e.until), nil
}

func (e *observe) Ban(p netip.Prefix, d time.Duration) error {
	m, err := kernel.Order(p, d)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if _, there := e.until[m.Prefix]; !there && len(e.until) >= e.max {
		if e.expire(now); len(e.until) >= e.max {
			return fmt.Errorf("ban %s: %w", m.Prefix, kernel.Full(fmt.Sprintf("list of %d observed bans", e.max)))
		}
	}
	e.until[m.Prefix] = time.Time{}
	if m.Seconds > 0 {
		e.until[m.Prefix] = now.Add(time.Duration(m.Seconds) * time.Second)
	}
	return nil
}

func (e *observe) BanAll(bans iter.Seq2[netip.Prefix, time.Duration]) error {
	var errs []error
	for p, d := range bans {
		errs = append(errs, e.Ban(p, d))
	}
	return errors.Join(errs...)
}

func (e *observe) Replace(list string, prefixes []netip.Prefix) error {
	if err := cmp.Or(kernel.CheckList(e.options, list), kernel.CheckListed(prefixes)); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if prefixes == nil {
		delete(e.lists, list)
	} else {
		e.lists[list] = true
	}
	return nil
}

func (e *observe) Lists() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.lists))
}

func (e *observe) Unban(p netip.Prefix) error {
	p, err := kernel.Canonical(p)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.until, p)
	return nil
}

func (e *observe) Each(yield func(p netip.Prefix, left time.Duration, packets, bytes uint64)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.expire(now)
	for p, until := range e.until {
		var left time.Duration
		if !until.IsZero() {
			left = until.Sub(now)
		}
		yield(p, left, 0, 0)
	}
	return nil
}

// expire forgets what is over; the caller holds mu.
func (e *observe) expire(now time.Time) {
	for p, until := range e.until {
		if !until.IsZero() && !until.After(now) {
			delete(e.until, p)
		}
	}
}

func (e *observe) Teardown() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.until)
	clear(e.lists)
	return nil
}
