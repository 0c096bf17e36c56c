package ipset

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/actions/xtables"
)

// Clear removes what an enforcer of this package or of xtables left in the kernel, lists
// included. All of o is filled in, and the hook is the one that is looked at. It makes
// nothing, not even a table.
func Clear(o kernel.Options) error {
	sets, err := kernel.OpenSets()
	if err != nil {
		sets = nil // a kernel without them, or without netlink: there may be chains
	} else {
		defer sets.Close()
	}
	sides, err := xtables.NewSides(o)
	if err != nil { // without the programs there is nothing of theirs
		return nil
	}
	defer sides.Close()
	used, err := usedSets(o, sides)
	if err != nil {
		return err
	}
	errs := []error{sides.Clear()}
	for _, side := range sides.List {
		if sets != nil {
			errs = append(errs, clearSets(sets, o.Chain, side.V6(), used))
		}
	}
	return errors.Join(errs...)
}

// usedSets are the sets that the rules of our chain name.
func usedSets(o kernel.Options, sides *xtables.Sides) (used []string, err error) {
	for _, side := range sides.List {
		if !sides.There(side) {
			continue
		}
		rules, err := side.Chain.Rules()
		if err != nil {
			return nil, err
		}
		for _, rule := range rules {
			if at := slices.Index(rule.Args, "--match-set"); at > 0 && at+1 < len(rule.Args) && ours(rule.Args[at+1], o.Chain, side.V6()) {
				used = append(used, rule.Args[at+1])
			}
		}
	}
	return used, nil
}

// clearSets removes the sets that the chain used, and those that a rule uses no longer:
// another program removed our chain first.
func clearSets(sets *kernel.Sets, chain string, v6 bool, used []string) error {
	names, err := sets.Names()
	if err != nil {
		return kernel.Cannot(err, "list the sets of ipset")
	}
	var errs []error
	for _, name := range names {
		if !ours(strings.TrimSuffix(name, "t"), chain, v6) {
			continue
		}
		if !slices.Contains(used, strings.TrimSuffix(name, "t")) && !forgotten(sets, name, chain) {
			continue
		}
		errs = append(errs, destroy(sets, name))
	}
	return errors.Join(errs...)
}

// ours reports whether a set is named as ours of a family are.
func ours(name, chain string, v6 bool) bool {
	suffix := "-4"
	if v6 {
		suffix = "-6"
	}
	rest, named := strings.CutPrefix(name, chain)
	rest, side := strings.CutSuffix(rest, suffix)
	return named && side && (rest == "" || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "."))
}

// forgotten reports whether no rule uses a set that looks as we make it: the set of bans,
// or a list, which has no timeouts. One with timeouts may be that of another chain.
func forgotten(sets *kernel.Sets, name, chain string) bool {
	have, err := sets.Header(name)
	if err != nil || have.Kind != "hash:net" || have.References > 0 || have.Family != unix.AF_INET && have.Family != unix.AF_INET6 {
		return false
	}
	bans := strings.TrimSuffix(name, "t")
	return !have.Timeout || bans == chain+"-4" || bans == chain+"-6" || strings.HasPrefix(bans, chain+".")
}
