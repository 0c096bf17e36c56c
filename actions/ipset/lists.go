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
	"pbxjail/configs/ports"
)

// list is a list as it should be.
type list struct {
	prefixes []netip.Prefix
	known    bool       // false: of an earlier run, its contents are not known yet
	to       [][]string // the conditions of its rules
}

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
	verdict := e.sides.Verdict(s)
	found := map[string]*list{}
	for _, rule := range rules {
		at := slices.Index(rule.Args, "--match-set")
		if at < 3 || at+2 >= len(rule.Args) {
			continue
		}
		set, to := rule.Args[at+1], rule.Args[2:at-2]
		name, ours := strings.CutPrefix(set, e.sides.Options.Chain+"-")
		name, side := strings.CutSuffix(name, s.Suffix())
		same := slices.Equal(rule.Args[2:], lookUp([][]string{to}, set, verdict)[0])
		if _, known := e.lists[name]; !ours || !side || known || !same || kernel.CheckList(e.sides.Options, name) != nil {
			continue
		}
		if found[name] == nil {
			found[name] = &list{}
		}
		found[name].to = append(found[name].to, slices.Clone(to))
	}
	maps.Copy(e.lists, found)
}

// ensureLists makes the sets of all lists, those of a run before that rules look up included;
// slow is held.
func (e *Enforcer) ensureLists(s *xtables.Side, rules []xtables.Rule, r *xtables.Report) error {
	e.findLists(rules, s)
	for _, name := range slices.Sorted(maps.Keys(e.lists)) {
		if err := e.ensureList(s, name, r); err != nil {
			return err
		}
	}
	return nil
}

// ensureList makes the set of a list, and fills it again if another program emptied it;
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
		r.Add("feed %s", name)
		err = e.fillList(s, set, kernel.Listed(e.lists[name].prefixes, s.V6()))
	}
	return explainSet("fill", set, err)
}

// holds reports whether a set of so many members is the list as we filled it; one of a
// run before may be anything.
func (e *Enforcer) holds(set, name string, members int) bool {
	n, filled := e.counts[set]
	return filled && n == members || !filled && !e.lists[name].known
}

// listsWhole reports whether all lists are full as we filled them; slow is held. A set
// cannot be removed without its rule, so only the number of members is checked.
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

func (e *Enforcer) Replace(name string, to []ports.Range, prefixes []netip.Prefix) error {
	if err := kernel.CheckList(e.sides.Options, name); err != nil {
		return err
	}
	if err := kernel.CheckListed(prefixes); err != nil {
		return fmt.Errorf("feed %s: %w", name, err)
	}
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return kernel.ErrClosed
	}
	if prefixes == nil {
		delete(e.lists, name)
	} else {
		e.lists[name] = &list{prefixes, true, xtables.ToPorts(kernel.PortsOf(to))}
	}
	var errs []error
	for _, s := range e.sides.Up() {
		errs = append(errs, e.replace(s, name))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("feed %s: %w", name, err)
	}
	return nil
}

// replace makes one side hold what lists says; slow is held.
func (e *Enforcer) replace(s *xtables.Side, name string) error {
	wanted, kept := e.lists[name]
	set := e.listSet(s, name)
	if _, err := e.sets.Header(set); err == nil && kept {
		if err := e.fillList(s, set, kernel.Listed(wanted.prefixes, s.V6())); err != nil {
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
