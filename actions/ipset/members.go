package ipset

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/actions/xtables"
	"pbxjail/configs/ports"
)

// set is the name of the set that holds the bans of a side in a group. No list and no set
// of a Gate can have this name.
func (e *Enforcer) set(s *xtables.Side, group string) string {
	if group == "" {
		return e.sides.Options.Chain + s.Suffix()
	}
	return e.groupStem() + group + s.Suffix()
}

func (e *Enforcer) groupStem() string { return e.sides.Options.Chain + "." }

// places are the groups of bans, "" among them, for who does not hold slow.
func (e *Enforcer) places() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.groups.Places()
}

// Split makes the groups of ports that bans may close. The bans of a group that is no
// longer in the list are removed.
func (e *Enforcer) Split(list []kernel.Port) error {
	groups, err := kernel.NewGroups(list)
	if err != nil {
		return err
	}
	if err := e.sides.CheckGroups(groups); err != nil {
		return err
	}
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return kernel.ErrClosed
	}
	e.mu.Lock()
	same := e.groups.Equal(groups)
	e.groups = groups
	e.mu.Unlock()
	if same && e.complete {
		return nil
	}
	e.complete = false
	for _, s := range e.sides.Up() {
		if err := e.sides.SetupSide(s, new(xtables.Report), e.setup); err != nil {
			return fmt.Errorf("%s: %w", s.Label, err)
		}
	}
	e.complete = true
	return nil
}

// dropSets removes the sets of a side of all groups but some; slow is held.
func (e *Enforcer) dropSets(s *xtables.Side, keep []string) error {
	names, err := e.sets.Names()
	if err != nil {
		return kernel.Cannot(err, "list the sets of ipset")
	}
	kept := map[string]bool{}
	for _, group := range keep {
		kept[e.set(s, group)] = true
	}
	var errs []error
	for _, name := range names {
		ours := strings.HasPrefix(name, e.groupStem()) && strings.HasSuffix(strings.TrimSuffix(name, "t"), s.Suffix())
		if ours && !kept[strings.TrimSuffix(name, "t")] {
			errs = append(errs, destroy(e.sets, name))
		}
	}
	return errors.Join(errs...)
}

func (e *Enforcer) Ban(p netip.Prefix, to ports.Set, d time.Duration) error {
	return e.BanAll(func(yield func(ports.Ban) bool) { yield(ports.Ban{Prefix: p, Ports: to, For: d}) })
}

func (e *Enforcer) BanAll(bans iter.Seq[ports.Ban]) error {
	e.mu.Lock()
	list, failed := e.sides.Orders(e.groups, bans)
	for _, s := range e.sides.List {
		if len(list[s]) == 0 {
			continue
		}
		if e.closed {
			failed = append(failed, kernel.ErrClosed)
			break
		}
		if err := e.close(s, list[s]); err != nil {
			failed = append(failed, err)
		}
	}
	e.mu.Unlock()
	for _, s := range e.sides.List {
		e.sides.Flows.End(list[s])
	}
	return errors.Join(failed...)
}

// close adds bans to the sets of their groups, and then removes them from all others: no
// packet passes while a ban is replaced. mu is held.
func (e *Enforcer) close(s *xtables.Side, list []kernel.Ordered) error {
	groups := e.groups.Places()
	for _, group := range groups {
		var in []kernel.Member
		for _, o := range list {
			if o.In(group) {
				in = append(in, o.Member)
			}
		}
		if err := e.putAll(s, e.set(s, group), in); err != nil {
			return err
		}
	}
	for _, group := range groups {
		set := e.set(s, group)
		if !e.used[set] {
			continue
		}
		var out []kernel.Member
		for _, o := range list {
			if !o.In(group) {
				out = append(out, kernel.Member{Prefix: o.Prefix, Static: true})
			}
		}
		if err := e.dropAll(set, out); err != nil {
			return err
		}
	}
	return nil
}

// putAll puts members into a set, which grows when it is full. mu is held.
func (e *Enforcer) putAll(s *xtables.Side, set string, list []kernel.Member) error {
	e.used[set] = e.used[set] || len(list) > 0
	for len(list) > 0 {
		done, err := e.sets.Put(set, list)
		if list = list[done:]; err == nil {
			continue
		}
		if !errors.Is(err, kernel.ErrFull) {
			return explainSet("ban "+kernel.More(list)+" in", set, err)
		}
		if grown, err := e.grow(s, set); !grown {
			return cmp.Or(err, kernel.Full("set "+set))
		} else if err != nil {
			return err
		}
	}
	return nil
}

// dropAll takes members out of a set, as far as they are in it. mu is held.
func (e *Enforcer) dropAll(set string, list []kernel.Member) error {
	if len(list) == 0 {
		return nil
	}
	_, err := e.sets.Drop(set, list)
	return explainSet("unban "+kernel.More(list)+" in", set, err)
}

func (e *Enforcer) Unban(p netip.Prefix) error {
	p, err := kernel.Canonical(p)
	if err != nil {
		return err
	}
	e.sides.Flows.Forget(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return kernel.ErrClosed
	}
	s, err := e.sides.Of(p)
	if err != nil {
		return kernel.Cannot(err, "unban %s", p)
	}
	var errs []error
	for _, group := range e.groups.Places() {
		errs = append(errs, e.dropAll(e.set(s, group), []kernel.Member{{Prefix: p, Static: true}}))
	}
	return errors.Join(errs...)
}

func (e *Enforcer) Each(yield func(ports.Held)) error {
	e.listing.Lock()
	defer e.listing.Unlock()
	if e.closed {
		return kernel.ErrClosed
	}
	for _, s := range e.sides.Up() {
		for _, group := range e.places() {
			err := e.sets.Members(e.set(s, group), func(m kernel.Member) { yield(m.Held(group)) })
			if err != nil {
				return explainSet("list", e.set(s, group), err)
			}
		}
	}
	return nil
}
