package xtables

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"sync"
	"time"

	"github.com/coreos/go-iptables/iptables"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// Max is how many plain rules there may be: every packet is compared with each of them.
const Max = 4096

// Enforcer holds each ban in a rule of its own, where the kernel has no ipset. The
// kernel does not end them: it is an Expirer. A change starts iptables two or
// three times, some 10 ms.
//
// Bans of every port stand in our chain. Behind them it leads the packets to the ports of
// each group to a chain of that group, where its bans stand.
type Enforcer struct {
	mu     sync.Mutex // serialises everything
	sides  *Sides
	groups kernel.Groups
	held   map[string]int // bans of a chain at the last look, by family and chain: to look starts a program
	// ends is when the first ban of a chain is over, in Unix time, by family and chain:
	// before that nobody has to look. A chain that is not in it was not looked at.
	ends map[string]int64
}

// empty reports whether a chain had no bans at the last look, and none came since.
func (e *Enforcer) empty(s *Side, group string) bool { return e.held[s.Label+group] == 0 }

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
	return &Enforcer{sides: sides, groups: groups, held: map[string]int{}, ends: map[string]int64{}}, nil
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

// setup makes what is missing of one side; mu is held.
func (e *Enforcer) setup(s *Side, r *Report) error {
	for _, group := range e.groups.Names() {
		if _, err := e.chain(s, group).Ensure(r); err != nil {
			return err
		}
	}
	if _, err := s.Chain.Ensure(r); err != nil {
		return err
	}
	if err := e.lead(s, r); err != nil {
		return err
	}
	for _, group := range e.groups.Places() {
		if _, err := e.tidy(s, group, time.Now()); err != nil {
			return err
		}
	}
	return e.sides.RemoveChains(s, e.groups.Names())
}

// Check does not read what the rules say: each is a ban, but for those that lead to the
// groups.
func (e *Enforcer) Check() (intact bool, members int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if intact, members, err = e.sides.Intact(false); err != nil {
		return false, 0, err
	}
	for _, s := range e.sides.Up() {
		for _, group := range e.groups.Names() {
			look, err := e.chain(s, group).Look(e.sides.view)
			if err != nil {
				return false, 0, err
			}
			members += look.Rules
		}
		members -= len(e.leads(s))
	}
	return intact && members >= 0, max(members, 0), e.sides.Flows.Settle(time.Now())
}

// Split makes the groups of ports that bans may close. What stands in a group that is no
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
	for _, s := range e.sides.Up() {
		if err := e.sides.SetupSide(s, new(Report), e.setup); err != nil {
			return fmt.Errorf("%s: %w", s.Label, err)
		}
	}
	return nil
}

// Replace refuses: a feed has thousands of prefixes, and each would be a rule.
func (e *Enforcer) Replace(list string, _ []ports.Range, prefixes []netip.Prefix) error {
	if len(prefixes) == 0 {
		return nil
	}
	return hint.Errorf("install ipset, and load its modules: modprobe xt_set ip_set_hash_net", "list %s: plain rules hold no lists", list)
}

func (e *Enforcer) Lists() []string { return nil }

func (e *Enforcer) Ban(p netip.Prefix, to ports.Set, d time.Duration) error {
	e.mu.Lock()
	o, err := e.groups.Order(ports.Ban{Prefix: p, Ports: to, For: d})
	if err == nil {
		err = e.close(o)
	}
	e.mu.Unlock()
	if err == nil {
		e.sides.Flows.End([]kernel.Ordered{o})
	}
	return err
}

// close makes a ban stand in its groups, and then in no others. mu is held.
func (e *Enforcer) close(o kernel.Ordered) error {
	return e.change(o.Prefix, "ban "+o.Prefix.String(), func(s *Side, now time.Time) error {
		r, room := plainRule{prefix: o.Prefix}, int(e.sides.Options.MaxElem)
		if o.Seconds > 0 {
			r.until = now.Add(time.Second-1).Unix() + int64(o.Seconds)
		}
		live := map[string]map[netip.Prefix]plainRule{}
		for _, group := range e.groups.Places() {
			if !o.In(group) && e.empty(s, group) {
				continue
			}
			var err error
			if live[group], err = e.tidy(s, group, now); err != nil {
				return err
			}
			room -= len(live[group])
		}
		for _, group := range o.Groups {
			if err := e.put(s, group, r, live[group][o.Prefix], room); err != nil {
				return err
			}
		}
		for group, rules := range live {
			if old := rules[o.Prefix]; old.prefix.IsValid() && !o.In(group) {
				if err := e.delete(s, group, old); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// put makes a rule stand in a chain in place of an old one, if there is one.
func (e *Enforcer) put(s *Side, group string, r, old plainRule, room int) error {
	c := e.chain(s, group)
	if !old.prefix.IsValid() && room <= 0 {
		return kernel.Full(fmt.Sprintf("chain %s with %d rules", s.Chain.name, e.sides.Options.MaxElem))
	}
	if old.prefix.IsValid() && old.until == r.until {
		return nil
	}
	// First in, since who attacks now sends most; and before the old one goes, so that nothing slips through.
	e.held[s.Label+group]++
	if ends, known := e.ends[s.Label+group]; known && r.until > 0 {
		e.ends[s.Label+group] = min(ends, r.until)
	}
	if err := c.ipt.Insert(c.table, c.name, 1, r.spec(e.sides.Verdict(s))...); err != nil || !old.prefix.IsValid() {
		return c.explain("add rule to chain "+c.name, err)
	}
	return e.delete(s, group, old)
}

func (e *Enforcer) delete(s *Side, group string, r plainRule) error {
	c := e.chain(s, group)
	err := c.ipt.Delete(c.table, c.name, r.spec(e.sides.Verdict(s))...)
	if gone, ok := errors.AsType[*iptables.Error](err); ok && gone.IsNotExist() {
		return nil
	}
	return c.explain("delete rule of chain "+c.name, err)
}

func (e *Enforcer) BanAll(bans iter.Seq[ports.Ban]) error {
	var errs []error
	for b := range bans {
		errs = append(errs, e.Ban(b.Prefix, b.Ports, b.For))
	}
	return errors.Join(errs...)
}

func (e *Enforcer) Unban(p netip.Prefix) error {
	p, err := kernel.Canonical(p)
	if err != nil {
		return err
	}
	e.sides.Flows.Forget(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.change(p, "unban "+p.String(), func(s *Side, now time.Time) error {
		for _, group := range e.groups.Places() {
			if group != "" && e.empty(s, group) {
				continue
			}
			live, err := e.tidy(s, group, now)
			if old, banned := live[p]; err == nil && banned {
				err = e.delete(s, group, old)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// change does something to the chains of the side of a prefix. mu is held.
func (e *Enforcer) change(p netip.Prefix, doing string, do func(s *Side, now time.Time) error) error {
	s, err := e.sides.Of(p)
	if err == nil {
		err = do(s, time.Now())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func (e *Enforcer) Each(yield func(ports.Held)) error {
	now := time.Now()
	live, err := e.expire(now)
	for _, h := range live {
		yield(h)
	}
	return err
}

// Expire implements Expirer. It starts a program only where a ban is over: to list some
// thousand rules takes a good part of a second.
func (e *Enforcer) Expire(now time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sides.Up() {
		for _, group := range e.groups.Places() {
			if ends, known := e.ends[s.Label+group]; known && now.Unix() < ends || group != "" && e.empty(s, group) {
				continue
			}
			if _, err := e.tidy(s, group, now); err != nil {
				return fmt.Errorf("%s: %w", s.Label, err)
			}
		}
	}
	return nil
}

// expire takes out the bans that are over and returns the others.
func (e *Enforcer) expire(now time.Time) (live []ports.Held, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sides.Up() {
		for _, group := range e.groups.Places() {
			if group != "" && e.empty(s, group) {
				continue
			}
			rules, err := e.tidy(s, group, now)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.Label, err)
			}
			for _, r := range rules {
				live = append(live, r.held(group, now))
			}
		}
	}
	return live, nil
}

func (e *Enforcer) Teardown() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sides.Teardown()
}
