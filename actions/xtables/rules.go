package xtables

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-iptables/iptables"

	"pbxjail/actions/kernel"
	"pbxjail/configs/ports"
)

// untilMark starts the comment of a rule: when it ends, in seconds since 1970, or 0. Only
// the rule holds this time, so a restarted process and a person with iptables -S read the
// same.
const untilMark = "pbxjail-until-"

// plainRule is one ban as a chain holds it.
type plainRule struct {
	prefix         netip.Prefix
	until          int64 // Unix time; 0 is without end
	timed          bool  // the kernel ends it by itself, with the time match
	packets, bytes uint64
}

// latest is the last second that the time match knows: iptables-extensions(8) time.
const latest = int64(math.MaxInt32)

// end is when the rule is over, in Unix time.
func (r plainRule) end() int64 {
	if r.until == 0 {
		return never
	}
	return r.until
}

// over reports whether a ban is over. Its rule may still be there.
func (r plainRule) over(now time.Time) bool { return r.end() <= now.Unix() }

// stop is the condition that ends a rule: the last second, in UTC, in which it holds.
func (r plainRule) stop() []string {
	if !r.timed || r.until == 0 || r.until > latest {
		return nil
	}
	return []string{"-m", "time", "--datestop", time.Unix(r.until-1, 0).UTC().Format("2006-01-02T15:04:05")}
}

func (r plainRule) held(group string, now time.Time) ports.Held {
	h := ports.Held{Prefix: r.prefix, Group: group, Packets: r.packets, Bytes: r.bytes}
	if r.until != 0 {
		h.Left = time.Unix(r.until, 0).Sub(now)
	}
	return h
}

// chain is the chain of a side that holds the bans of a group.
func (e *Enforcer) chain(s *Side, group string) *Chain {
	if group == "" {
		return s.Chain
	}
	c := *s.Chain
	c.name += groupMark + group
	return &c
}

// leads are the rules of our chain that lead to those of the groups.
func (e *Enforcer) leads(s *Side) (specs [][]string) {
	for _, group := range e.groups.Names() {
		for _, condition := range ToPorts(e.groups.Ports(group)) {
			specs = append(specs, slices.Concat(condition, []string{"-j", e.chain(s, group).name}))
		}
	}
	return specs
}

// lead makes our chain lead to those of the groups: a rule that is missing goes in at the
// end, before those go that lead elsewhere. It returns the rules that are there then.
func (e *Enforcer) lead(s *Side, rules []Rule, r *Report) (all []Rule, err error) {
	c := s.Chain
	for _, spec := range e.leads(s) {
		if slices.ContainsFunc(rules, func(x Rule) bool { return slices.Equal(x.Args[min(2, len(x.Args)):], spec) }) {
			continue
		}
		add := func(ipt *iptables.IPTables) error { return ipt.Append(c.table, c.name, spec...) }
		if err := c.change("add a rule to chain "+c.name, add); err != nil {
			return nil, err
		}
		r.Add("a rule of chain %s", c.name)
		rules = append(rules, Rule{Args: slices.Concat([]string{"-A", c.name}, spec)})
	}
	return rules, nil
}

// spec is the rule as iptables takes it, save the chain.
func (r plainRule) spec(verdict []string) []string {
	return slices.Concat([]string{"-s", r.prefix.String(), "-m", "comment", "--comment", untilMark + strconv.FormatInt(r.until, 10)}, r.stop(), verdict)
}

// parseRule makes a ban of a rule. Only rules as spec makes them are bans; one
// with a further condition is not ours to count as one.
func parseRule(x Rule, verdict []string) (r plainRule, ok bool) {
	const plain, timed = 8, 12 // words before the verdict
	if n := len(x.Args) - len(verdict); n != plain && n != timed {
		return r, false
	}
	p, err := netip.ParsePrefix(x.Args[3])
	if err != nil {
		return r, false
	}
	until, marked := strings.CutPrefix(strings.Trim(x.Args[7], `"`), untilMark)
	r = plainRule{prefix: p, packets: x.Packets, bytes: x.Bytes, timed: len(x.Args) == timed+len(verdict)}
	if r.until, err = strconv.ParseInt(until, 10, 64); err != nil || !marked || r.until < 0 {
		return r, false
	}
	x.Args[7] = untilMark + until
	masked, err := kernel.Canonical(p)
	return r, err == nil && masked == p && slices.Equal(x.Args[2:], r.spec(verdict))
}
