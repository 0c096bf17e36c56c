package actions

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// listName is what fits into the name of a set, behind our chain's and before "-4t".
var listName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,15}$`)

// maxSetName is IPSET_MAXNAMELEN, without the zero at its end.
const maxSetName = 31

func checkList(o Options, name string) error {
	if !listName.MatchString(name) || len(o.Chain)+len("-")+len(name)+len("-4t") > maxSetName {
		return &hinted{fmt.Errorf("list name %q cannot be used", name),
			fmt.Sprintf("at most %d letters of a-z, 0-9 and -", min(16, maxSetName-len(o.Chain)-4))}
	}
	return nil
}

// checkListed refuses what no list may hold.
func checkListed(prefixes []netip.Prefix) error {
	for _, p := range prefixes {
		if _, err := member(p); err != nil {
			return err
		}
	}
	return nil
}

// listed are the prefixes of a side's family, in order, without those that a wider
// one holds already.
func (s *side) listed(prefixes []netip.Prefix) []netip.Prefix {
	var list []netip.Prefix
	for _, p := range prefixes {
		if p, err := member(p); err == nil && p.Addr().Is6() == (s.family == unix.AF_INET6) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, netip.Prefix.Compare) // a wider one stands before what it holds
	kept := list[:0]
	for _, p := range list {
		if len(kept) == 0 || !kept[len(kept)-1].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

func (s *side) listSet(name string) string {
	return strings.TrimSuffix(s.set, s.suffix()) + "-" + name + s.suffix()
}

// suffix ends the names of a side's sets: "-4".
func (s *side) suffix() string { return s.set[len(s.set)-2:] }

// findLists takes over the lists of a run before; slow is held.
func (e *ipset) findLists(rules []xtRule, s *side) {
	if s.searched {
		return
	}
	s.searched = true
	for _, rule := range rules {
		if len(rule.args) != 9 || !slices.Equal(rule.args[2:], dropFrom(rule.args[5])) {
			continue
		}
		name, ours := strings.CutPrefix(rule.args[5], e.sides.options.Chain+"-")
		name, side := strings.CutSuffix(name, s.suffix())
		if _, known := e.lists[name]; ours && side && !known && checkList(e.sides.options, name) == nil {
			e.lists[name] = nil
		}
	}
}

// ensureList makes the set of a list, and fills it again when somebody emptied it;
// slow is held.
func (e *ipset) ensureList(s *side, name string, r *report) error {
	set := s.listSet(name)
	have, err := e.sets.header(set)
	if errors.Is(err, os.ErrNotExist) {
		err = e.sets.create(set, s.family, e.start, true)
	} else if err == nil && e.holds(set, name, have.members) {
		return e.destroy(set + "t")
	}
	if err == nil {
		r.add("list %s", name)
		err = e.fillList(s, set, s.listed(e.lists[name]))
	}
	return explainSet("fill", set, err)
}

// holds reports whether a set of so many members is the list as we filled it; one of a
// run before may be anything.
func (e *ipset) holds(set, name string, members int) bool {
	n, filled := e.counts[set]
	return filled && n == members || !filled && e.lists[name] == nil
}

// listsWhole reports whether nobody emptied a list; slow is held. A set that is gone
// has taken its rule along.
func (e *ipset) listsWhole() bool {
	for name := range e.lists {
		for _, s := range e.sides.up() {
			if have, err := e.sets.header(s.listSet(name)); err == nil && !e.holds(s.listSet(name), name, have.members) {
				return false
			}
		}
	}
	return true
}

func (e *ipset) fillList(s *side, set string, list []netip.Prefix) error {
	members := make([]setMember, 0, len(list))
	for _, p := range list {
		members = append(members, setMember{prefix: p, static: true})
	}
	err := e.fillAside(set, s.family, max(e.start, uint32(len(list))), true, members)
	if err == nil {
		e.counts[set] = len(list)
	}
	return err
}

func (e *ipset) Replace(list string, prefixes []netip.Prefix) error {
	if err := checkList(e.sides.options, list); err != nil {
		return err
	}
	if err := checkListed(prefixes); err != nil {
		return fmt.Errorf("list %s: %w", list, err)
	}
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return errClosed
	}
	if prefixes == nil {
		delete(e.lists, list)
	} else {
		e.lists[list] = prefixes
	}
	var errs []error
	for _, s := range e.sides.up() {
		errs = append(errs, e.replace(s, list))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("list %s: %w", list, err)
	}
	return nil
}

// replace makes one side hold what lists says; slow is held.
func (e *ipset) replace(s *side, list string) error {
	prefixes, kept := e.lists[list]
	set := s.listSet(list)
	if _, err := e.sets.header(set); err == nil && kept {
		if err := e.fillList(s, set, s.listed(prefixes)); err != nil {
			return explainSet("fill", set, err)
		}
	}
	if err := e.sides.setupSide(s, new(report), e.setup); err != nil || kept {
		return err
	}
	delete(e.counts, set)
	return errors.Join(e.destroy(set), e.destroy(set+"t"))
}

func (e *ipset) Lists() []string {
	e.slow.Lock()
	defer e.slow.Unlock()
	return slices.Sorted(maps.Keys(e.lists))
}
