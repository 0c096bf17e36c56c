package xtables

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-iptables/iptables"

	"pbxjail/actions/kernel"
)

// multiportMost is how many ports one rule takes; a range counts as two:
// iptables-extensions(8) multiport.
const multiportMost = 15

// Multiports are the ports of a protocol as rules take them.
func Multiports(ports []kernel.Port, proto string) (list []string) {
	var words []string
	slots := 0
	for _, p := range ports {
		if p.Proto != proto {
			continue
		}
		word, size := strconv.Itoa(int(p.From)), 1
		if p.To > p.From {
			word, size = fmt.Sprintf("%d:%d", p.From, p.To), 2
		}
		if slots+size > multiportMost {
			list, words, slots = append(list, strings.Join(words, ",")), nil, 0
		}
		words, slots = append(words, word), slots+size
	}
	if len(words) > 0 {
		list = append(list, strings.Join(words, ","))
	}
	return list
}

// ToPorts are the conditions of the rules that match packets to ports, and no others. For
// no ports it is one rule, without a condition.
func ToPorts(ports []kernel.Port) (specs [][]string) {
	if len(ports) == 0 {
		return [][]string{nil}
	}
	for _, proto := range []string{"udp", "tcp"} {
		whole := false
		for _, p := range ports {
			whole = whole || p.Proto == proto && p.Whole()
		}
		if whole {
			specs = append(specs, []string{"-p", proto})
			continue
		}
		for _, words := range Multiports(ports, proto) {
			specs = append(specs, []string{"-p", proto, "-m", "multiport", "--dports", words})
		}
	}
	return specs
}

// Verdict is what a rule does with packets of banned addresses.
func (s *Sides) Verdict(side *Side) []string {
	switch {
	case !s.Options.Reject:
		return []string{"-j", "DROP"}
	case side.V6():
		return []string{"-j", "REJECT", "--reject-with", "icmp6-port-unreachable"}
	}
	return []string{"-j", "REJECT", "--reject-with", "icmp-port-unreachable"}
}

// groupMark ends our chain's name where that of a group follows.
const groupMark = "."

// CheckGroups returns an error for groups whose names do not fit into the name of a chain
// or a set.
func (s *Sides) CheckGroups(g kernel.Groups) error {
	const longest = 31 - len(".") - 7 - len("-4t") // of a set: IPSET_MAXNAMELEN, without the zero
	if len(g.Names()) > 0 && len(s.Options.Chain) > longest {
		return kernel.LongChain(s.Options.Chain, longest)
	}
	return nil
}

// RemoveChains removes the chains of a side of all groups but some. No rule leads to them
// any more. It starts no program where there are none.
func (s *Sides) RemoveChains(side *Side, keep []string) error {
	for _, name := range side.Chain.named(s.view, s.Options.Chain+groupMark) {
		if slices.Contains(keep, strings.TrimPrefix(name, s.Options.Chain+groupMark)) {
			continue
		}
		c := side.Chain
		remove := func(ipt *iptables.IPTables) error { return ipt.ClearAndDeleteChain(c.table, name) }
		if err := c.change("remove chain "+name, remove); err != nil {
			return err
		}
	}
	return nil
}

// named are the chains of our table whose names begin so. It starts no program, and makes
// no table.
func (c *Chain) named(view *kernel.NftReader, stem string) (names []string) {
	if c.nft {
		chains, _ := view.Chains() // without nftables there are none
		for _, o := range chains {
			if o.Family == c.family && o.Table == c.table && strings.HasPrefix(o.Name, stem) {
				names = append(names, o.Name)
			}
		}
		return names
	}
	if !slices.Contains(kernel.LegacyTables(c.family), c.table) {
		return nil
	}
	t, err := kernel.ReadLegacy(c.family, c.table)
	if err != nil {
		return nil
	}
	for _, name := range t.Chains() {
		if strings.HasPrefix(name, stem) {
			names = append(names, name)
		}
	}
	return names
}
