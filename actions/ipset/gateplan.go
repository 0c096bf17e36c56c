package ipset

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/actions/xtables"
)

// gatePlan is what one family has of a service.
type gatePlan struct {
	service, set string
	tcp          bool // it has ports of TCP
	specs        [][]string
}

func suffix(v6 bool) string {
	if v6 {
		return "-6"
	}
	return "-4"
}

// set is the name of the set of a service. No list can have this name.
func (g *Gate) set(service string, v6 bool) string {
	return g.options.Chain + "_" + service + suffix(v6)
}

// plan is what a side should have.
func (g *Gate) plan(s *gateSide) (list []gatePlan) {
	names, of := kernel.Services(g.frame.Ports())
	for _, name := range names {
		one := gatePlan{service: name, set: g.set(name, s.v6)}
		add := []string{"-j", "SET", "--add-set", one.set, "src", "--exist", "--timeout", strconv.Itoa(int(kernel.Memory / time.Second))}
		for _, proto := range []string{"udp", "tcp"} {
			for _, ports := range xtables.Multiports(of[name], proto) {
				spec := []string{"-p", proto, "-m", "multiport", "--dports", ports}
				if proto == "tcp" {
					one.tcp = true
					spec = append(spec, handshake(s.sure)...)
				}
				one.specs = append(one.specs, append(spec, add...))
			}
		}
		list = append(list, one)
	}
	return list
}

// handshake is the condition on packets of TCP. ASSURED is set by the packet that completes
// the handshake (linux:net/netfilter/nf_conntrack_proto_tcp.c); ESTABLISHED alone is not
// enough: an address whose name was forged as the sender may answer with a reset that
// matches it. Without tracking, every packet counts that does not open a connection; then
// it is at least known which addresses sent none.
func handshake(sure bool) []string {
	if sure {
		return []string{"-m", "conntrack", "--ctstate", "ESTABLISHED", "--ctstatus", "ASSURED"}
	}
	return []string{"-m", "tcp", "--tcp-flags", "SYN,RST,ACK", "ACK"}
}

// asksHandshake reports whether a rule tracks connections.
func asksHandshake(x xtables.Rule) bool { return slices.Contains(x.Args, "ASSURED") }

// owns reports whether a rule is one of a Gate.
func (g *Gate) owns(x xtables.Rule) bool {
	i := slices.Index(x.Args, "--add-set")
	return i >= 0 && i+1 < len(x.Args) && strings.HasPrefix(x.Args[i+1], g.options.Chain+"_")
}

// fill makes a chain hold these rules, and the jump to it, step by step. It reports whether
// the jump was missing.
func (g *Gate) fill(s *gateSide, rules []xtables.Rule, specs [][]string, absent bool, r *xtables.Report) (hooked bool, err error) {
	if absent {
		if rules, err = s.chain.Ensure(r); err != nil {
			return false, err
		}
	}
	if err := s.chain.EnsureOnly(r, rules, specs...); err != nil {
		return false, missing(err)
	}
	return g.hook(s, r)
}

// hook adds the jump to the chain after that to the bans, and reports whether it was missing.
func (g *Gate) hook(s *gateSide, r *xtables.Report) (made bool, err error) {
	before := len(r.Made)
	err = s.chain.HookBehind(g.options.Chain, r)
	return len(r.Made) > before, err
}
