package xtables

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-iptables/iptables"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
)

// Max is how many plain rules there may be: every packet is compared with each of them.
const Max = 4096

// untilMark starts the comment of a rule: when it ends, in seconds since 1970,
// or 0. The rule itself is the only place that knows, so a restart and a look
// with iptables -S read the same.
const untilMark = "pbxjail-until-"

// Enforcer holds each ban in a rule of its own, where the kernel has no ipset. The
// kernel does not end them: it is an Expirer. A change starts iptables two or
// three times, some 10 ms.
type Enforcer struct {
	mu    sync.Mutex // serialises everything
	sides *Sides
}

// plainRule is one ban as the chain holds it.
type plainRule struct {
	prefix         netip.Prefix
	until          int64 // Unix time; 0 is for ever
	packets, bytes uint64
}

// Open looks for the programs and opens the sockets; Setup makes the chains. All of o is
// filled in. It works in the network namespace of the calling thread.
func Open(o kernel.Options) (*Enforcer, error) {
	o.MaxElem = min(o.MaxElem, Max)
	sides, err := NewSides(o)
	if err != nil {
		return nil, err
	}
	return &Enforcer{sides: sides}, nil
}

func (e *Enforcer) Name() string { return e.sides.Name("plain iptables rules") }
func (e *Enforcer) Close() error {
	e.sides.Close()
	return nil
}

func (e *Enforcer) Setup() (made, degraded []string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sides.Setup(func(s *Side, r *Report) error {
		if _, err := s.Chain.Ensure(r); err != nil {
			return err
		}
		_, err := tidy(s.Chain, time.Now())
		return err
	})
}

// Check does not read what the rules say: each is a ban.
func (e *Enforcer) Check() (intact bool, members int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if intact, members, err = e.sides.Intact(false); err != nil {
		return false, 0, err
	}
	return intact, members, e.sides.Flows.Settle(time.Now())
}

// Replace refuses: a feed has thousands of prefixes, and each would be a rule.
func (e *Enforcer) Replace(list string, prefixes []netip.Prefix) error {
	if len(prefixes) == 0 {
		return nil
	}
	return hint.Errorf("install ipset, and load its modules: modprobe xt_set ip_set_hash_net", "list %s: plain rules hold no lists", list)
}

func (e *Enforcer) Lists() []string { return nil }

// tidy removes what is over, what is not a ban, and of two rules for one prefix
// the second: Ban puts the new one first. It returns the rest.
func tidy(c *Chain, now time.Time) (map[netip.Prefix]plainRule, error) {
	rules, exists, err := c.rules(c.name)
	if err == nil && !exists {
		err = hint.Errorf("reload or restart pbxjail, which makes it again", "chain %s is gone from table %s", c.name, c.table)
	}
	if err != nil {
		return nil, err
	}
	live := make(map[netip.Prefix]plainRule)
	var gone []int
	for i, rule := range rules {
		r, ok := parseRule(rule)
		_, twice := live[r.prefix]
		if !ok || twice || r.until != 0 && r.until <= now.Unix() {
			gone = append(gone, i+1)
		} else {
			live[r.prefix] = r
		}
	}
	for _, id := range slices.Backward(gone) {
		if err := c.deleteAt(id); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// spec is the rule as iptables takes it, save the chain.
func (r plainRule) spec() []string {
	return []string{"-s", r.prefix.String(), "-m", "comment", "--comment", untilMark + strconv.FormatInt(r.until, 10), "-j", "DROP"}
}

// parseRule makes a ban of a rule. Only rules as spec makes them are bans; one
// with a further condition is not ours to count as one.
func parseRule(x Rule) (r plainRule, ok bool) {
	if len(x.Args) != 10 {
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
	return r, err == nil && masked == p && slices.Equal(x.Args[2:], r.spec())
}

func (e *Enforcer) Ban(p netip.Prefix, d time.Duration) error {
	m, err := kernel.Order(p, d)
	if err != nil {
		return err
	}
	p = m.Prefix
	defer e.sides.Flows.End([]kernel.Member{m})
	return e.change(p, "ban "+p.String(), func(c *Chain, live map[netip.Prefix]plainRule, now time.Time) error {
		r, old := plainRule{prefix: p}, live[p]
		if m.Seconds > 0 {
			r.until = now.Add(time.Second-1).Unix() + int64(m.Seconds)
		}
		if !old.prefix.IsValid() && len(live) >= int(e.sides.Options.MaxElem) {
			return kernel.Full(fmt.Sprintf("chain %s with %d rules", c.name, len(live)))
		}
		if old.prefix.IsValid() && old.until == r.until {
			return nil
		}
		// First in, since who attacks now sends most; and before the old one goes, so that nothing slips through.
		if err := c.ipt.Insert(c.table, c.name, 1, r.spec()...); err != nil || !old.prefix.IsValid() {
			return c.explain("add rule to chain "+c.name, err)
		}
		return deleteRule(c, old)
	})
}

func (e *Enforcer) BanAll(bans iter.Seq2[netip.Prefix, time.Duration]) error {
	var errs []error
	for p, d := range bans {
		errs = append(errs, e.Ban(p, d))
	}
	return errors.Join(errs...)
}

func (e *Enforcer) Unban(p netip.Prefix) error {
	p, err := kernel.Canonical(p)
	if err != nil {
		return err
	}
	e.sides.Flows.Forget(p)
	return e.change(p, "unban "+p.String(), func(c *Chain, live map[netip.Prefix]plainRule, _ time.Time) error {
		if old, banned := live[p]; banned {
			return deleteRule(c, old)
		}
		return nil
	})
}

func deleteRule(c *Chain, r plainRule) error {
	err := c.ipt.Delete(c.table, c.name, r.spec()...)
	if gone, ok := errors.AsType[*iptables.Error](err); ok && gone.IsNotExist() {
		return nil
	}
	return c.explain("delete rule of chain "+c.name, err)
}

func (e *Enforcer) change(p netip.Prefix, doing string, do func(c *Chain, live map[netip.Prefix]plainRule, now time.Time) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := e.sides.Of(p)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	now := time.Now()
	live, err := tidy(s.Chain, now)
	if err == nil {
		err = do(s.Chain, live, now)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func (e *Enforcer) Each(yield func(p netip.Prefix, left time.Duration, packets, bytes uint64)) error {
	now := time.Now()
	live, err := e.expire(now)
	for _, r := range live {
		var left time.Duration
		if r.until != 0 {
			left = time.Unix(r.until, 0).Sub(now)
		}
		yield(r.prefix, left, r.packets, r.bytes)
	}
	return err
}

// Expire implements Expirer.
func (e *Enforcer) Expire(now time.Time) error {
	_, err := e.expire(now)
	return err
}

// expire takes out the bans that are over and returns the others.
func (e *Enforcer) expire(now time.Time) (live []plainRule, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sides.Up() {
		rules, err := tidy(s.Chain, now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Label, err)
		}
		live = slices.AppendSeq(live, maps.Values(rules))
	}
	return live, nil
}

func (e *Enforcer) Teardown() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sides.Teardown()
}
