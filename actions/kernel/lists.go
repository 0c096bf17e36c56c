package kernel

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"pbxjail/configs/hint"
)

// ChainName matches names that iptables and ipset accept with our suffixes such as -4t (28
// and 31 letters at most), and that no builtin chain or target has: those are in capitals.
var ChainName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,26}$`)

// ListName is what fits into the name of a set, behind our chain's and before "-4t".
var ListName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,15}$`)

// maxSetName is IPSET_MAXNAMELEN, without the zero at its end.
const maxSetName = 31

// CheckList returns an error for a name of a list that cannot be part of a set's name.
func CheckList(o Options, name string) error {
	if !ListName.MatchString(name) || len(o.Chain)+len("-")+len(name)+len("-4t") > maxSetName {
		return hint.Errorf(fmt.Sprintf("write another name for this feed into the main file: at most %d characters, a to z, 0 to 9 and -", min(16, maxSetName-len(o.Chain)-4))+ReloadHint, "feed %q: this name cannot be used in the firewall", name)
	}
	return nil
}

// CheckListed returns an error for prefixes that no list may hold.
func CheckListed(prefixes []netip.Prefix) error {
	for _, p := range prefixes {
		if _, err := Canonical(p); err != nil {
			return err
		}
	}
	return nil
}

// Listed are the prefixes of a family, in order, without those that a wider one contains.
func Listed(prefixes []netip.Prefix, v6 bool) []netip.Prefix {
	var list []netip.Prefix
	for _, p := range prefixes {
		if p, err := Canonical(p); err == nil && p.Addr().Is6() == v6 {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, netip.Prefix.Compare) // a wider one comes before what it contains
	kept := list[:0]
	for _, p := range list {
		if len(kept) == 0 || !kept[len(kept)-1].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return kept
}
