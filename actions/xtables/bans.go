package xtables

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/configs/ports"
)

// fewRules is how many rules are removed by what they say. iptables-nft compares each with
// all there are; more are removed by their numbers, after a fresh list.
const fewRules = 8

// change is what is to be done to one chain.
type change struct {
	group     string
	new, gone []plainRule // a prefix in both is replaced
}

func (c change) empty() bool { return len(c.new)+len(c.gone) == 0 }

func (e *Enforcer) Ban(p netip.Prefix, to ports.Set, d time.Duration) error {
	return e.BanAll(func(yield func(ports.Ban) bool) { yield(ports.Ban{Prefix: p, Ports: to, For: d}) })
}

func (e *Enforcer) BanAll(bans iter.Seq[ports.Ban]) error {
	e.mu.Lock()
	list, failed := e.sides.Orders(e.groups, bans)
	for _, s := range e.sides.List {
		if len(list[s]) == 0 {
			continue
		}
		if err := e.close(s, lastOfEach(list[s]), time.Now()); err != nil {
			failed = append(failed, kernel.Cannot(err, "ban %s", more(list[s])))
		}
	}
	e.mu.Unlock()
	for _, s := range e.sides.List {
		e.sides.Flows.End(list[s])
	}
	return errors.Join(failed...)
}

func more(list []kernel.Ordered) string {
	members := make([]kernel.Member, len(list))
	for i, o := range list {
		members[i] = o.Member
	}
	return kernel.More(members)
}

// lastOfEach are orders without those that a later one for the same prefix replaces.
func lastOfEach(list []kernel.Ordered) []kernel.Ordered {
	if len(list) < 2 {
		return list
	}
	seen, kept := map[netip.Prefix]bool{}, make([]kernel.Ordered, 0, len(list))
	for _, o := range slices.Backward(list) {
		if !seen[o.Prefix] {
			seen[o.Prefix] = true
			kept = append(kept, o)
		}
	}
	slices.Reverse(kept)
	return kept
}

// close adds bans to the chains of their groups, and then removes them from all others. If
// the kernel has no time match, the bans are added without it: then only Expire ends them.
// mu is held.
func (e *Enforcer) close(s *Side, list []kernel.Ordered, now time.Time) error {
	var full error
	err := e.change(s, now, func() (changes []change, err error) {
		changes, full, err = e.closing(s, list, now)
		return changes, err
	})
	if err != nil && !s.timeless {
		s.timeless = true
		if e.close(s, list, now) == nil {
			return nil
		}
		s.timeless = false
	}
	return errors.Join(err, full)
}

// closing is what close has to change. full is the error for bans that have no room. mu is
// held.
func (e *Enforcer) closing(s *Side, list []kernel.Ordered, now time.Time) (changes []change, full, err error) {
	held, err := e.held(s, len(list), now)
	if err != nil {
		return nil, nil, err
	}
	room := int(e.sides.Options.MaxElem) - held
	for _, group := range e.groups.Places() {
		h, c := e.holding(s, group), change{group: group}
		for _, o := range list {
			old, there := h.bans[o.Prefix]
			if !o.In(group) {
				if there {
					c.gone = append(c.gone, old)
				}
				continue
			}
			r := plainRule{prefix: o.Prefix, timed: !s.timeless}
			if o.Seconds > 0 {
				r.until = now.Add(time.Second-1).Unix() + int64(o.Seconds)
			}
			switch {
			case there && old.until == r.until:
				continue
			case there:
				c.gone = append(c.gone, old)
			case room <= 0:
				full = kernel.Full(fmt.Sprintf("chain %s with %d rules", s.Chain.name, e.sides.Options.MaxElem))
				continue
			default:
				room--
			}
			c.new = append(c.new, r)
		}
		changes = append(changes, c)
	}
	return changes, full, nil
}

// held counts the rules of the bans of a side. Where there is no room for more of them it
// first removes those of bans that are over. mu is held.
func (e *Enforcer) held(s *Side, more int, now time.Time) (n int, err error) {
	over := 0
	for _, group := range e.groups.Places() {
		h, err := e.sure(s, group, now)
		if err != nil {
			return 0, err
		}
		n, over = n+len(h.bans), over+h.over(now)
	}
	if over == 0 || n+more <= int(e.sides.Options.MaxElem) {
		return n, nil
	}
	n = 0
	for _, group := range e.groups.Places() {
		if err := e.tidy(s, group, now); err != nil {
			return 0, err
		}
		n += len(e.holding(s, group).bans)
	}
	return n, nil
}

func (e *Enforcer) Unban(p netip.Prefix) error {
	p, err := kernel.Canonical(p)
	if err != nil {
		return err
	}
	e.sides.Flows.Forget(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := e.sides.Of(p)
	if err == nil {
		now := time.Now()
		err = e.change(s, now, func() (changes []change, err error) {
			for _, group := range e.groups.Places() {
				h, err := e.sure(s, group, now)
				if err != nil {
					return nil, err
				}
				if old, banned := h.bans[p]; banned {
					changes = append(changes, change{group: group, gone: []plainRule{old}})
				}
			}
			return changes, nil
		})
	}
	if err != nil {
		return kernel.Cannot(err, "unban %s", p)
	}
	return nil
}

// change computes the changes to the chains of a side and makes them in one step. If that
// fails, another program may have changed the chains: they are listed, and it is tried
// again. mu is held.
func (e *Enforcer) change(s *Side, now time.Time, plan func() ([]change, error)) (err error) {
	for range 2 {
		changes, failed := plan()
		if failed != nil {
			return failed
		}
		if err = e.apply(s, changes, now); err == nil {
			return nil
		}
		e.forget(s)
	}
	return err
}

// apply does changes in one step. mu is held.
func (e *Enforcer) apply(s *Side, changes []change, now time.Time) error {
	var lines []string
	verdict := e.sides.Verdict(s)
	for _, c := range changes {
		if c.empty() {
			continue
		}
		chain := e.chain(s, c.group)
		gone, err := e.removals(s, c, now)
		if err != nil {
			return err
		}
		lines = append(lines, gone...)
		for _, r := range c.new { // at the top: a new attacker sends the most packets
			lines = append(lines, "-I "+chain.name+" 1 "+strings.Join(r.spec(verdict), " "))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	if err := s.Chain.restore(lines); err != nil {
		return err
	}
	for _, c := range changes {
		if !c.empty() {
			e.holding(s, c.group).took(c)
		}
	}
	return nil
}

// removals are the lines that remove the rules of bans. mu is held.
func (e *Enforcer) removals(s *Side, c change, now time.Time) (lines []string, err error) {
	chain, verdict := e.chain(s, c.group), e.sides.Verdict(s)
	if len(c.gone) <= fewRules {
		for _, r := range c.gone {
			lines = append(lines, "-D "+chain.name+" "+strings.Join(r.spec(verdict), " "))
		}
		return lines, nil
	}
	if err := e.tidy(s, c.group, now); err != nil {
		return nil, err
	}
	h := e.holding(s, c.group)
	var at []int
	for _, r := range c.gone {
		if n, there := h.at[r.prefix]; there { // else it is gone by itself
			at = append(at, n)
		}
	}
	slices.Sort(at)
	for _, n := range slices.Backward(at) { // so that the numbers of the others hold
		lines = append(lines, removal(chain, n))
	}
	return lines, nil
}

// rulesASecond limits the cost of removing rules of expired bans. They are removed
// together, with a delay of one second for each so many rules that there are. Rules that
// the kernel ends by itself only take up room, and wait longer.
const rulesASecond, timedRulesASecond = 400, 40

// Expire implements Expirer. It starts a program only when the rule of an expired ban has
// waited long enough.
func (e *Enforcer) Expire(now time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sides.Up() {
		for _, group := range e.groups.Places() {
			h, err := e.sure(s, group, now)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Label, err)
			}
			pace := timedRulesASecond
			if s.timeless {
				pace = rulesASecond
			}
			if h.ends > now.Unix()-int64(len(h.bans)/pace) {
				continue
			}
			if err := e.tidy(s, group, now); err != nil {
				return fmt.Errorf("%s: %w", s.Label, err)
			}
		}
	}
	return nil
}
