package xtables

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// Max is how many plain rules there may be: every packet is compared with each of them.
const Max = 4096

// Enforcer holds each ban in a rule of its own, where the kernel has no ipset. A change
// starts iptables-restore once, some 5 ms however many bans there are: the contents of the
// chains are remembered, and listed again after changes by others.
//
// The time match of the kernel ends bans by itself, also when the daemon is dead. Expire
// then removes their rules; without the time match, Expire also ends the bans.
//
// Bans of every port are in our chain. After them, rules send the packets to the ports of
// each group to a chain of that group, which holds its bans.
type Enforcer struct {
	mu     sync.Mutex // serialises everything
	sides  *Sides
	groups kernel.Groups
	holds  map[string]*holding // by family and group
}

// Open looks for the programs and opens the sockets; Setup makes the chains. All of o is
// filled in. It works in the network namespace of the calling thread.
func Open(o kernel.Options) (*Enforcer, error) {
	o.MaxElem = min(o.MaxElem, Max)
	groups, err := kernel.NewGroups(o.Groups)
	if err != nil {
		return nil, err
	}
	sides, err := NewSides(o)
	if err != nil {
		return nil, err
	}
	return &Enforcer{sides: sides, groups: groups, holds: map[string]*holding{}}, nil
}

func (e *Enforcer) Name() string { return e.sides.Name("plain iptables rules") }
func (e *Enforcer) Close() error {
	e.sides.Close()
	return nil
}

func (e *Enforcer) Setup() (made, degraded []string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sides.Setup(e.setup)
}

// setup makes what is missing of one side, and lists each chain once; mu is held.
func (e *Enforcer) setup(s *Side, r *Report) error {
	rules := map[string][]Rule{}
	s.timeless = false                                                    // tried again: the module may be there now
	for _, group := range slices.Concat(e.groups.Names(), []string{""}) { // ours last, since it leads to them
		var err error
		if rules[group], err = e.chain(s, group).Ensure(r); err != nil {
			return err
		}
	}
	var err error
	if rules[""], err = e.lead(s, rules[""], r); err != nil {
		return err
	}
	for _, group := range e.groups.Places() {
		if e.holding(s, group).foreign {
			r.Add("the bans of chain %s, which another program changed", e.chain(s, group).name)
		}
		if err := e.tidyRules(s, group, rules[group], time.Now()); err != nil {
			return err
		}
	}
	return e.sides.RemoveChains(s, e.groups.Names())
}

// Check starts no program. It counts rules, and sees whether others changed any: each is a
// ban, but for those that lead to the groups.
func (e *Enforcer) Check() (intact bool, members int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	up, now := e.sides.Up(), time.Now()
	intact = slices.Contains(up, e.sides.List[0]) // without IPv4 the last Setup failed
	for _, s := range up {
		whole, n, err := e.checkSide(s, now)
		if err != nil {
			return false, 0, err
		}
		intact, members = intact && whole, members+n
	}
	return intact && members >= 0, max(members, 0), e.sides.Flows.Settle(now)
}

// checkSide is Check for one side. mu is held.
func (e *Enforcer) checkSide(s *Side, now time.Time) (intact bool, members int, err error) {
	groups, names := e.groups.Places(), []string(nil)
	for _, group := range groups {
		names = append(names, e.chain(s, group).name)
	}
	marks, err := s.Chain.lookAll(e.sides.view, names...)
	if err != nil {
		return false, 0, err
	}
	intact = e.sides.asLeft(s, marks[0], false)
	for i, group := range groups {
		leads := 0
		if group == "" {
			leads = len(e.leads(s))
		}
		h := e.holding(s, group)
		members += marks[i].Rules - leads - h.over(now)
		intact = h.seen(marks[i], leads) && intact
	}
	return intact, members, nil
}

// Split makes the groups of ports that bans may close. What is in a group that is no
// more is let out of it.
func (e *Enforcer) Split(list []kernel.Port) error {
	groups, err := kernel.NewGroups(list)
	if err == nil {
		err = e.sides.CheckGroups(groups)
	}
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.groups = groups
	clear(e.holds)
	for _, s := range e.sides.Up() {
		if err := e.sides.SetupSide(s, new(Report), e.setup); err != nil {
			return fmt.Errorf("%s: %w", s.Label, err)
		}
	}
	return nil
}

// Replace always fails: a feed has thousands of prefixes, and each would be a rule.
func (e *Enforcer) Replace(list string, _ []ports.Range, prefixes []netip.Prefix) error {
	if len(prefixes) == 0 {
		return nil
	}
	return hint.Errorf("install ipset: apt-get install ipset; modprobe -a xt_set ip_set_hash_net. Write enforcer: auto into the main file"+kernel.RestartHint, "feed %s drops no packets, because plain iptables rules cannot hold a feed. Bans still work", list)
}

func (e *Enforcer) Lists() []string { return nil }

func (e *Enforcer) Each(yield func(ports.Held)) error {
	now := time.Now()
	live, err := e.list(now)
	for _, h := range live {
		yield(h)
	}
	return err
}

// list reads the bans with their counters, which takes a program for each chain that has
// any.
func (e *Enforcer) list(now time.Time) (live []ports.Held, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sides.Up() {
		for _, group := range e.groups.Places() {
			h := e.holding(s, group)
			if group != "" && h.known && len(h.bans) == 0 {
				continue
			}
			if err := e.tidy(s, group, now); err != nil {
				return nil, fmt.Errorf("%s: %w", s.Label, err)
			}
			for _, r := range h.bans {
				live = append(live, r.held(group, now))
			}
		}
	}
	return live, nil
}

func (e *Enforcer) Teardown() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.holds)
	return e.sides.Teardown()
}
