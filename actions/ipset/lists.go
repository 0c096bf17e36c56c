package ipset

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"pbxjail/actions/kernel"
	"pbxjail/actions/xtables"
)

// set is the name of the set that holds the bans of a side.
func (e *Enforcer) set(s *xtables.Side) string { return e.sides.Options.Chain + s.Suffix() }

// listSet is the name of the set that holds a list for a side.
func (e *Enforcer) listSet(s *xtables.Side, name string) string {
	return e.sides.Options.Chain + "-" + name + s.Suffix()
}

// findLists takes over the lists of a run before; slow is held.
func (e *Enforcer) findLists(rules []xtables.Rule, s *xtables.Side) {
	if e.searched[s] {
		return
	}
	e.searched[s] = true
	for _, rule := range rules {
		if len(rule.Args) != 9 || !slices.Equal(rule.Args[2:], dropFrom(rule.Args[5])) {
			continue
		}
		name, ours := strings.CutPrefix(rule.Args[5], e.sides.Options.Chain+"-")
		name, side := strings.CutSuffix(name, s.Suffix())
		if _, known := e.lists[name]; ours && side && !known && kernel.CheckList(e.sides.Options, name) == nil {
			e.lists[name] = nil
		}
	}
}

// ensureList makes the set of a list, and fills it again when somebody emptied it;
// slow is held.
func (e *Enforcer) ensureList(s *xtables.Side, name string, r *xtables.Report) error {
	set := e.listSet(s, name)
	have, err := e.sets.Header(set)
	if errors.Is(err, os.ErrNotExist) {
		err = e.sets.Create(set, s.Family, e.start, true)
	} else if err == nil && e.holds(set, name, have.Members) {
		return destroy(e.sets, set+"t")
	}
	if err == nil {
		r.Add("list %s", name)
		err = e.fillList(s, set, kernel.Listed(e.lists[name], s.V6()))
	}
	return explainSet("fill", set, err)
}

// holds reports whether a set of so many members is the list as we filled it; one of a
// run before may be anything.
func (e *Enforcer) holds(set, name string, members int) bool {
	n, filled := e.counts[set]
	return filled && n == members || !filled && e.lists[name] == nil
}

// listsWhole reports whether nobody emptied a list; slow is held. A set that is gone
// has taken its rule along.
func (e *Enforcer) listsWhole() bool {
	for name := range e.lists {
		for _, s := range e.sides.Up() {
			if have, err := e.sets.Header(e.listSet(s, name)); err == nil && !e.holds(e.listSet(s, name), name, have.Members) {
				return false
			}
		}
	}
	return true
}

func (e *Enforcer) fillList(s *xtables.Side, set string, list []netip.Prefix) error {
	members := make([]kernel.Member, 0, len(list))
	for _, p := range list {
		members = append(members, kernel.Member{Prefix: p, Static: true})
	}
	err := e.fillAside(set, s.Family, max(e.start, uint32(len(list))), true, members)
	if err == nil {
		e.counts[set] = len(list)
	}
	return err
}

func (e *Enforcer) Replace(list string, prefixes []netip.Prefix) error {
	if err := kernel.CheckList(e.sides.Options, list); err != nil {
		return err
	}
	if err := kernel.CheckListed(prefixes); err != nil {
		return fmt.Errorf("list %s: %w", list, err)
	}
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return kernel.ErrClosed
	}
	if prefixes == nil {
		delete(e.lists, list)
	} else {
		e.lists[list] = prefixes
	}
	var errs []error
	for _, s := range e.sides.Up() {
		errs = append(errs, e.replace(s, list))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("list %s: %w", list, err)
	}
	return nil
}

// replace makes one side hold what lists says; slow is held.
func (e *Enforcer) replace(s *xtables.Side, list string) error {
	prefixes, kept := e.lists[list]
	set := e.listSet(s, list)
	if _, err := e.sets.Header(set); err == nil && kept {
		if err := e.fillList(s, set, kernel.Listed(prefixes, s.V6())); err != nil {
			return explainSet("fill", set, err)
		}
	}
	if err := e.sides.SetupSide(s, new(xtables.Report), e.setup); err != nil || kept {
		return err
	}
	delete(e.counts, set)
	return errors.Join(destroy(e.sets, set), destroy(e.sets, set+"t"))
}

func (e *Enforcer) Lists() []string {
	e.slow.Lock()
	defer e.slow.Unlock()
	return slices.Sorted(maps.Keys(e.lists))
}
