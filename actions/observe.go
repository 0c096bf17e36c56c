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
	"pbxjail/configs/ports"
)

// observe drops nothing: it remembers what would be banned, so that the rest of pbxjail
// works as if it were banned. Members are lost when the process ends.
type observe struct {
	options Options
	mu      sync.Mutex // guards all below
	groups  kernel.Groups
	until   map[netip.Prefix]observed
	lists   map[string]bool
	max     int
}

// observed is a ban that is only remembered.
type observed struct {
	end    time.Time // zero: without end
	groups []string
}

func newObserve(o Options) *observe {
	return &observe{options: o, until: map[netip.Prefix]observed{}, lists: map[string]bool{}, max: int(o.MaxElem)}
}

func (e *observe) Name() string { return "observe, nothing is dropped" }
func (e *observe) Close() error { return nil }

func (e *observe) Setup() (made, degraded []string, err error) { return nil, nil, nil }

func (e *observe) Check() (intact bool, members int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expire(time.Now())
	for _, o := range e.until {
		members += len(o.groups)
	}
	return true, members, nil
}

func (e *observe) Split(list []Port) error {
	groups, err := kernel.NewGroups(list)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.groups = groups
	for p, o := range e.until {
		o.groups = slices.DeleteFunc(o.groups, func(group string) bool { return group != "" && !groups.Has(group) })
		if e.until[p] = o; len(o.groups) == 0 {
			delete(e.until, p)
		}
	}
	return nil
}

func (e *observe) Ban(p netip.Prefix, to ports.Set, d time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	m, err := e.groups.Order(ports.Ban{Prefix: p, Ports: to, For: d})
	if err != nil {
		return err
	}
	now := time.Now()
	if _, there := e.until[m.Prefix]; !there && len(e.until) >= e.max {
		if e.expire(now); len(e.until) >= e.max {
			return fmt.Errorf("cannot ban %s: %w", m.Prefix, kernel.Full(fmt.Sprintf("the list of bans that are only observed (at most %d)", e.max)))
		}
	}
	o := observed{groups: m.Groups}
	if m.Seconds > 0 {
		o.end = now.Add(time.Duration(m.Seconds) * time.Second)
	}
	e.until[m.Prefix] = o
	return nil
}

func (e *observe) BanAll(bans iter.Seq[ports.Ban]) error {
	var errs []error
	for b := range bans {
		errs = append(errs, e.Ban(b.Prefix, b.Ports, b.For))
	}
	return errors.Join(errs...)
}

func (e *observe) Replace(list string, _ []ports.Range, prefixes []netip.Prefix) error {
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

func (e *observe) Each(yield func(ports.Held)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.expire(now)
	for p, o := range e.until {
		h := ports.Held{Prefix: p}
		if !o.end.IsZero() {
			h.Left = o.end.Sub(now)
		}
		for _, h.Group = range o.groups {
			yield(h)
		}
	}
	return nil
}

// expire removes bans that are over; the caller holds mu.
func (e *observe) expire(now time.Time) {
	for p, o := range e.until {
		if !o.end.IsZero() && !o.end.After(now) {
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
