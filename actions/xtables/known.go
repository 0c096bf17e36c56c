package xtables

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
)

// holding is the state of the bans in a chain as we know it. It saves a listing by
// iptables, which takes 50 ms for 2,000 rules; a ban takes 5 ms.
type holding struct {
	known bool // false: others have changed the chain since it was listed, or it was not yet
	// foreign: Check saw that others changed it, and it was not listed since.
	foreign bool
	bans    map[netip.Prefix]plainRule
	ends    int64                // when the first of the bans is over, in Unix time
	at      map[netip.Prefix]int // the number of each rule in the chain when it was listed
	// own is what Check last saw of the chain; touched says that we have changed it since.
	own     uint64
	touched bool
}

// never is the end of a chain in which no ban ends.
const never = int64(math.MaxInt64)

// holding is what is known of a chain. mu is held.
func (e *Enforcer) holding(s *Side, group string) *holding {
	key := s.Label + group
	if e.holds[key] == nil {
		e.holds[key] = &holding{ends: never}
	}
	return e.holds[key]
}

// sure is holding after a look, unless it is known. mu is held.
func (e *Enforcer) sure(s *Side, group string, now time.Time) (*holding, error) {
	h := e.holding(s, group)
	if h.known {
		return h, nil
	}
	return h, e.tidy(s, group, now)
}

// forget makes the next look list the chains of a side. mu is held.
func (e *Enforcer) forget(s *Side) {
	for _, group := range e.groups.Places() {
		e.holding(s, group).known = false
	}
}

// tidy lists a chain, and removes what is over, what is not a ban, and of two rules for one
// prefix the second: a ban goes in first. mu is held.
func (e *Enforcer) tidy(s *Side, group string, now time.Time) error {
	c := e.chain(s, group)
	rules, exists, err := c.rules(c.name)
	if err == nil && !exists {
		err = hint.Errorf(kernel.Removed("the chain"), "another program removed chain %s from table %s", c.name, c.table)
	}
	if err != nil {
		e.holding(s, group).known = false
		return err
	}
	return e.tidyRules(s, group, rules, now)
}

// tidyRules is tidy for a chain of which the rules are listed already. mu is held.
func (e *Enforcer) tidyRules(s *Side, group string, rules []Rule, now time.Time) error {
	c, h, verdict := e.chain(s, group), e.holding(s, group), e.sides.Verdict(s)
	var leads [][]string
	if group == "" {
		leads = e.leads(s)
	}
	*h = holding{bans: make(map[netip.Prefix]plainRule, len(rules)), at: make(map[netip.Prefix]int, len(rules)), ends: never, touched: true}
	var gone []string
	for i, rule := range rules {
		if at := slices.IndexFunc(leads, func(spec []string) bool { return slices.Equal(spec, rule.Args[min(2, len(rule.Args)):]) }); at >= 0 {
			leads = slices.Delete(leads, at, at+1) // a second one goes
			continue
		}
		r, ok := parseRule(rule, verdict)
		_, twice := h.bans[r.prefix]
		if !ok || twice || r.over(now) {
			gone = append(gone, removal(c, i+1))
			continue
		}
		h.bans[r.prefix], h.at[r.prefix] = r, i+1-len(gone)
		h.ends = min(h.ends, r.end())
	}
	if len(gone) > 0 {
		slices.Reverse(gone) // so that the numbers of the others hold
		if err := c.restore(gone); err != nil {
			return err
		}
	}
	h.known = true
	return nil
}

// removal is the line that removes a rule by its number.
func removal(c *Chain, at int) string { return fmt.Sprintf("-D %s %d", c.name, at) }

// seen compares what a look at a chain found with what is known of it. It reports false
// where others changed it. leads are the rules that are no bans. mu is held.
func (h *holding) seen(m kernel.ChainState, leads int) bool {
	switch {
	case !h.known:
		return true // it is listed before it is used
	case m.Rules != len(h.bans)+leads, !h.touched && m.Own != h.own:
		h.known, h.foreign = false, true
		return false
	}
	h.own, h.touched = m.Own, false
	return true
}

// over counts the bans that are over and still have a rule. mu is held.
func (h *holding) over(now time.Time) (n int) {
	if !h.known || h.ends > now.Unix() {
		return 0
	}
	for _, r := range h.bans {
		if r.over(now) {
			n++
		}
	}
	return n
}

// took notes what restore has done. mu is held.
func (h *holding) took(c change) {
	for _, r := range c.gone {
		delete(h.bans, r.prefix)
	}
	for _, r := range c.new {
		h.bans[r.prefix] = r
		h.ends = min(h.ends, r.end())
	}
	h.touched = true
}
