package packets

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"pbxjail/configs/hint"
)

// List is a list of networks whose packets are dropped, for a Sheet: the daemon keeps
// such lists in sets of the kernel.
type List struct {
	Name     string
	Prefixes []netip.Prefix
	Only     []Only // what of their packets is dropped; none: all
}

// Only is a protocol, and the ports that are meant; the zero Ports are all.
type Only struct {
	Proto string // udp or tcp
	Ports Ports
}

// maxListed is how many networks a sheet may name: each is a rule, and packets are
// compared with one after another.
const maxListed = 4096

var listName = regexp.MustCompile(`^[a-z0-9-]{1,20}$`)

func checkLists(lists []List) error {
	n := 0
	for _, l := range lists {
		if n += len(l.Prefixes); n > maxListed {
			return hint.Errorf("let pbxjail drop these packets: write enforcer: auto into the main file, and do not print the feeds as rules", "the feeds have more than %d networks, and each network would be one rule: these are too many", maxListed)
		}
		if !listName.MatchString(l.Name) {
			return hint.Errorf("write another name for this feed into the main file: at most 20 characters, a to z, 0 to 9 and -; then give the command again", "feed %q: this name cannot be used in a firewall rule", l.Name)
		}
		for _, p := range l.Prefixes {
			if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				return fmt.Errorf("feed %s: %w", l.Name, badNetwork(p))
			}
		}
		for _, o := range l.Only {
			if o.Proto != "udp" && o.Proto != "tcp" {
				return hint.Errorf("in the main file, write udp or tcp for this feed", "feed %s: %q is not a protocol with ports", l.Name, o.Proto)
			}
		}
	}
	return nil
}

// listRules are one rule for each network, or one for each of its Only. A network in two
// lists has one rule if both drop the same.
func listRules(lists []List, family int) (rules []Rule) {
	for _, l := range lists {
		only := l.Only
		if len(only) == 0 {
			only = []Only{{}}
		}
		for _, p := range ofFamily(l.Prefixes, family) {
			for _, o := range only {
				r := Rule{Family: family, From: p, Proto: o.Proto, Drop: true, About: "list " + l.Name}
				if o.Ports != (Ports{}) {
					r.Ports = []Ports{o.Ports}
				}
				same := func(x Rule) bool { return x.From == p && x.Proto == r.Proto && slices.Equal(x.Ports, r.Ports) }
				if !slices.ContainsFunc(rules, same) {
					rules = append(rules, r)
				}
			}
		}
	}
	return rules
}

// nftLists writes a set for each list, and returns the rules that look into them.
func nftLists(b *strings.Builder, lists []List) (rules []string) {
	for _, l := range lists {
		for _, match := range sets(b, "list-"+l.Name+"-", l.Prefixes) {
			for _, o := range l.Only {
				what := "meta l4proto " + o.Proto
				if o.Ports != (Ports{}) {
					what = o.Proto + " dport " + nftPorts([]Ports{o.Ports})
				}
				rules = append(rules, fmt.Sprintf("%s %s counter drop comment \"list %s\"", match, what, l.Name))
			}
			if len(l.Only) == 0 {
				rules = append(rules, fmt.Sprintf("%s counter drop comment \"list %s\"", match, l.Name))
			}
		}
	}
	return rules
}
