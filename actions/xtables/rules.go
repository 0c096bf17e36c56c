package xtables

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// untilMark starts the comment of a rule: when it ends, in seconds since 1970,
// or 0. The rule itself is the only place that knows, so a restart and a look
// with iptables -S read the same.
const untilMark = "pbxjail-until-"

// plainRule is one ban as a chain holds it.
type plainRule struct {
	prefix         netip.Prefix
	until          int64 // Unix time; 0 is for ever
	packets, bytes uint64
}

func (r plainRule) held(group string, now time.Time) ports.Held {
	h := ports.Held{Prefix: r.prefix, Group: group, Packets: r.packets, Bytes: r.bytes}
	if r.until != 0 {
		h.Left = time.Unix(r.until, 0).Sub(now)
	}
	return h
}

// chain is the chain of a side where the bans of a group stand.
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
// end, before those go that lead elsewhere.
func (e *Enforcer) lead(s *Side, r *Report) error {
	c := s.Chain
	rules, _, err := c.rules(c.name)
	if err != nil {
		return err
	}
	for _, spec := range e.leads(s) {
		if slices.ContainsFunc(rules, func(x Rule) bool { return slices.Equal(x.Args[min(2, len(x.Args)):], spec) }) {
			continue
		}
		if err := c.ipt.Append(c.table, c.name, spec...); err != nil {
			return c.explain("add rule to chain "+c.name, err)
		}
		r.Add("a rule of chain %s", c.name)
	}
	return nil
}

// tidy removes what is over, what is not a ban, and of two rules for one prefix
// the second: Ban puts the new one first. It returns the rest.
func (e *Enforcer) tidy(s *Side, group string, now time.Time) (map[netip.Prefix]plainRule, error) {
	c, verdict := e.chain(s, group), e.sides.Verdict(s)
	rules, exists, err := c.rules(c.name)
	if err == nil && !exists {
		err = hint.Errorf("reload or restart pbxjail, which makes it again", "chain %s is gone from table %s", c.name, c.table)
	}
	if err != nil {
		return nil, err
	}
	var leads [][]string
	if group == "" {
		leads = e.leads(s)
	}
	live, ends := make(map[netip.Prefix]plainRule), int64(math.MaxInt64)
	var gone []int
	for i, rule := range rules {
		if at := slices.IndexFunc(leads, func(spec []string) bool { return slices.Equal(spec, rule.Args[min(2, len(rule.Args)):]) }); at >= 0 {
			leads = slices.Delete(leads, at, at+1) // a second one goes
			continue
		}
		r, ok := parseRule(rule, verdict)
		_, twice := live[r.prefix]
		if !ok || twice || r.until != 0 && r.until <= now.Unix() {
			gone = append(gone, i+1)
		} else {
			if live[r.prefix] = r; r.until != 0 {
				ends = min(ends, r.until)
			}
		}
	}
	delete(e.ends, s.Label+group) // until all is done
	e.held[s.Label+group] = len(live)
	for _, id := range slices.Backward(gone) {
		if err := c.deleteAt(id); err != nil {
			return nil, err
		}
	}
	e.ends[s.Label+group] = ends
	return live, nil
}

// spec is the rule as iptables takes it, save the chain.
func (r plainRule) spec(verdict []string) []string {
	return slices.Concat([]string{"-s", r.prefix.String(), "-m", "comment", "--comment", untilMark + strconv.FormatInt(r.until, 10)}, verdict)
}

// parseRule makes a ban of a rule. Only rules as spec makes them are bans; one
// with a further condition is not ours to count as one.
func parseRule(x Rule, verdict []string) (r plainRule, ok bool) {
	if len(x.Args) != 8+len(verdict) {
		return r, false
	}
	p, err := netip.ParsePrefix(x.Args[3])
	if err != nil {
		return r, false
	}
	until, marked := strings.CutPrefix(strings.Trim(x.Args[7], `"`), untilMark)
	r = plainRule{prefix: p, packets: x.Packets, bytes: x.Bytes}
	if r.until, err = strconv.ParseInt(until, 10, 64); err != nil || !marked || r.until < 0 {
		return r, false
	}
	x.Args[7] = untilMark + until
	masked, err := kernel.Canonical(p)
	return r, err == nil && masked == p && slices.Equal(x.Args[2:], r.spec(verdict))
}
