package kernel

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"pbxjail/configs/hint"
)

// ChainName is what iptables, ipset and our -4t suffixes all take (28 and 31
// letters at most), and no builtin chain or target is called: those are in capitals.
var ChainName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,26}$`)

// ListName is what fits into the name of a set, behind our chain's and before "-4t".
var ListName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,15}$`)

// maxSetName is IPSET_MAXNAMELEN, without the zero at its end.
const maxSetName = 31

// CheckList refuses the name of a list that no set can be named after.
func CheckList(o Options, name string) error {
	if !ListName.MatchString(name) || len(o.Chain)+len("-")+len(name)+len("-4t") > maxSetName {
		return hint.Errorf(fmt.Sprintf("at most %d letters of a-z, 0-9 and -", min(16, maxSetName-len(o.Chain)-4)), "list name %q cannot be used", name)
	}
	return nil
}

// CheckListed refuses what no list may hold.
func CheckListed(prefixes []netip.Prefix) error {
	for _, p := range prefixes {
		if _, err := Canonical(p); err != nil {
			return err
		}
	}
	return nil
}

// Listed are the prefixes of a family, in order, without those that a wider
// one holds already.
func Listed(prefixes []netip.Prefix, v6 bool) []netip.Prefix {
	var list []netip.Prefix
	for _, p := range prefixes {
		if p, err := Canonical(p); err == nil && p.Addr().Is6() == v6 {
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
