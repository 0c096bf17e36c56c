// Package xtables drives iptables: it keeps the chains whose rules look up the sets of
// package ipset, bans as plain rules where there are no sets, and packet rules. Package
// actions opens it. The programs it starts get a fixed argument list. It decides nothing,
// and must never see log text.
package xtables

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-iptables/iptables"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
)

// errNoUse marks a program that cannot even print its version, such as iptables-nft where
// the kernel has no nftables.
const errNoUse = kernel.Missing("iptables cannot be used")

// errNoTable marks a kernel without the table. nftables may still work.
const errNoTable = kernel.Missing("a table of iptables is missing")

// Chain is our chain in one table of one family, and the jump that leads to it.
// The enforcer that owns it serialises the calls.
type Chain struct {
	program             *program
	path                string // of the program
	nft                 bool   // the rules are in nftables: iptables-nft
	family              uint8
	name, table, parent string
}

func newChain(proto iptables.Protocol, o kernel.Options) (*Chain, error) {
	path, nft, err := iptablesFor(proto)
	if errors.Is(err, exec.ErrNotFound) {
		program := "iptables"
		if proto == iptables.ProtocolIPv6 {
			program = "ip6tables"
		}
		return nil, hint.Add(kernel.InstallHint, kernel.Missing(program+" is not installed")) // nftables may still work
	} else if err != nil {
		return nil, err
	}
	c := &Chain{program: &program{proto: proto, path: path}, path: path, nft: nft, family: unix.AF_INET, name: o.Chain, table: "raw", parent: "PREROUTING"}
	if proto == iptables.ProtocolIPv6 {
		c.family = unix.AF_INET6
	}
	if o.Hook == "filter" {
		c.table, c.parent = "filter", "INPUT"
	}
	return c, nil
}

// OpenChain is a chain of that name in a table, for a jump from parent. It fails without
// the program, and makes nothing.
func OpenChain(v6 bool, name, table, parent string) (*Chain, error) {
	proto := iptables.ProtocolIPv4
	if v6 {
		proto = iptables.ProtocolIPv6
	}
	c, err := newChain(proto, kernel.Options{Chain: name})
	if err == nil {
		c.table, c.parent = table, parent
	}
	return c, err
}

// Absent reports whether there is certainly no such chain. It starts no program, and makes
// no table. A nil view is one that the kernel refuses, where iptables is the legacy one.
func (c *Chain) Absent(view *kernel.NftReader) bool {
	if c.nft {
		chains, err := view.Chains()
		return err == nil && !slices.Contains(chains, kernel.NftChain{Family: c.family, Table: c.table, Name: c.name})
	}
	if !slices.Contains(kernel.LegacyTables(c.family), c.table) {
		return true
	}
	t, err := kernel.ReadLegacy(c.family, c.table)
	return err == nil && !t.Has(c.name)
}

// There reports whether there is such a chain. It starts no program, and makes no table.
func (c *Chain) There(view *kernel.NftReader) bool {
	if c.nft {
		chains, err := view.Chains()
		return err == nil && slices.Contains(chains, kernel.NftChain{Family: c.family, Table: c.table, Name: c.name})
	}
	if !slices.Contains(kernel.LegacyTables(c.family), c.table) {
		return false
	}
	t, err := kernel.ReadLegacy(c.family, c.table)
	return err == nil && t.Has(c.name)
}

// Rule is one rule of a chain: its arguments from -A on, and its counters.
type Rule struct {
	Args           []string
	Packets, Bytes uint64
}

// readRule reads what iptables -v -S prints. The counters are before the target, or at the
// end in older versions of iptables-nft. What it cannot read stays in args, so that a rule
// of another program is never an error.
func readRule(line string) Rule {
	args := strings.Fields(line)
	for i := range max(len(args)-2, 0) {
		packets, bad := strconv.ParseUint(args[i+1], 10, 64)
		bytes, bad2 := strconv.ParseUint(args[i+2], 10, 64)
		if args[i] == "-c" && bad == nil && bad2 == nil {
			return Rule{slices.Delete(args, i, i+3), packets, bytes}
		}
	}
	return Rule{Args: args}
}

// rules are the rules of a chain of our table, in order, and whether there is such a chain.
func (c *Chain) rules(name string) (rules []Rule, exists bool, err error) {
	ipt, err := c.program.open()
	if err != nil {
		return nil, false, err
	}
	lines, err := ipt.ListWithCounters(c.table, name)
	// 1 means "no such chain", with a text that differs between versions (iptables(8)
	// DIAGNOSTICS); a real problem appears again when the chain is made.
	if e, ok := errors.AsType[*iptables.Error](err); ok && e.ExitStatus() == 1 {
		return nil, false, nil
	} else if err != nil {
		return nil, false, c.explain("list the rules of chain "+name, err)
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "-A ") {
			rules = append(rules, readRule(line))
		}
	}
	return rules, true, nil
}

// Rules are those of the chain, in order. A chain that is not there has none.
func (c *Chain) Rules() ([]Rule, error) {
	rules, _, err := c.rules(c.name)
	return rules, err
}

// Look marks the chain and the jump to it, without starting a program.
func (c *Chain) Look(view *kernel.NftReader) (kernel.ChainState, error) {
	marks, err := c.lookAll(view, c.name)
	if err != nil {
		return kernel.ChainState{}, err
	}
	return marks[0], nil
}

// LookSince is Look; now is what view.Now gave just before.
func (c *Chain) LookSince(view *kernel.NftReader, now uint32) (kernel.ChainState, error) {
	if !c.nft {
		return c.Look(view)
	}
	return view.LookSince(now, c.family, c.table, c.parent, c.name)
}

// lookAll is Look for several chains of our table.
func (c *Chain) lookAll(view *kernel.NftReader, names ...string) (marks []kernel.ChainState, err error) {
	if !c.nft {
		t, err := kernel.ReadLegacy(c.family, c.table)
		if err != nil {
			return nil, err
		}
		return t.LookAll(hookOf(c.parent), names...), nil
	}
	for _, name := range names {
		m, err := view.Look(c.family, c.table, c.parent, name)
		if err != nil {
			return nil, err
		}
		marks = append(marks, m)
	}
	return marks, nil
}

// Ensure makes the chain if it is missing, and returns the rules in it.
func (c *Chain) Ensure(r *Report) ([]Rule, error) {
	rules, exists, err := c.rules(c.name)
	if err == nil && !exists {
		err = c.change("make chain "+c.name, func(ipt *iptables.IPTables) error { return ipt.NewChain(c.table, c.name) })
		if err == nil {
			r.Add("chain %s of table %s", c.name, c.table)
		}
	}
	return rules, err
}

// EnsureOnly makes the chain, which holds these rules, hold those of specs and no other.
// New rules are added before old ones are removed, so that no packet passes during a
// repair.
func (c *Chain) EnsureOnly(r *Report, rules []Rule, specs ...[]string) error {
	same := func(rule Rule, spec []string) bool { return slices.Equal(rule.Args[min(2, len(rule.Args)):], spec) }
	if slices.EqualFunc(rules, specs, same) {
		return nil
	}
	for at, spec := range specs {
		add := func(ipt *iptables.IPTables) error { return ipt.Insert(c.table, c.name, at+1, spec...) }
		if err := c.change("add a rule to chain "+c.name, add); err != nil {
			return err
		}
	}
	for id := len(rules) + len(specs); id > len(specs); id-- {
		if err := c.deleteAt(id); err != nil {
			return err
		}
	}
	r.Add("the rules of chain %s", c.name)
	return nil
}

func (c *Chain) deleteAt(id int) error {
	return c.change("delete a rule of chain "+c.name, func(ipt *iptables.IPTables) error { return ipt.DeleteById(c.table, c.name, id) })
}

// hook makes exactly one jump to the chain. An existing jump stays where it is: two
// firewalls that both move their jump up would never stop. It is reported if other rules
// come before it.
func (c *Chain) hook(r *Report) error {
	at, err := c.jumps()
	if err != nil {
		return err
	}
	if len(at) == 0 {
		if err := c.jumpAt(1); err != nil {
			return err
		}
		r.Add("the jump from %s %s", c.table, c.parent)
		return nil
	}
	// By content, not by number: if another program edits the chain meanwhile, the numbers
	// shift, and one of its rules would be removed.
	for range len(at) - 1 {
		if err := c.unhook(); err != nil {
			return err
		}
	}
	if last := at[len(at)-1] - (len(at) - 1); last > 1 {
		r.Note("packets that an earlier rule accepts are not dropped, because the jump to %s is rule %d of %s %s",
			c.name, last, c.table, c.parent)
	}
	return nil
}

// HookBehind makes exactly one jump to the chain, somewhere after the jump to the bans:
// packets of banned addresses are not searched. The new jump is added before the old ones
// are removed.
func (c *Chain) HookBehind(bans string, r *Report) error {
	rules, _, err := c.rules(c.parent)
	if err != nil {
		return err
	}
	after, jumps, last := 0, 0, 0
	for i, rule := range rules {
		switch {
		case slices.Equal(rule.Args, []string{"-A", c.parent, "-j", bans}):
			after = i + 1
		case slices.Equal(rule.Args, []string{"-A", c.parent, "-j", c.name}):
			jumps, last = jumps+1, i+1
		}
	}
	if last <= after {
		if err := c.jumpAt(after + 1); err != nil {
			return err
		}
		jumps++
		r.Add("the jump from %s %s", c.table, c.parent)
	}
	for range jumps - 1 { // this removes the first of them: by content, since numbers shift
		if err := c.unhook(); err != nil {
			return err
		}
	}
	return nil
}

// jumpAt adds a jump to the chain, as rule number at of its parent.
func (c *Chain) jumpAt(at int) error {
	return c.change("add the jump to chain "+c.name, func(ipt *iptables.IPTables) error { return ipt.Insert(c.table, c.parent, at, "-j", c.name) })
}

// unhook removes the first jump to the chain.
func (c *Chain) unhook() error {
	return c.change("remove the jump to chain "+c.name, func(ipt *iptables.IPTables) error { return ipt.Delete(c.table, c.parent, "-j", c.name) })
}

// jumps are the positions of our jump, from 1. A jump with conditions is a rule of another
// program.
func (c *Chain) jumps() (at []int, err error) {
	rules, _, err := c.rules(c.parent)
	for i, rule := range rules {
		if slices.Equal(rule.Args, []string{"-A", c.parent, "-j", c.name}) {
			at = append(at, i+1)
		}
	}
	return at, err
}

// Remove removes the jumps and the chain. It is no error if they do not exist.
func (c *Chain) Remove() error {
	at, err := c.jumps()
	if errors.Is(err, errNoTable) || errors.Is(err, errNoUse) {
		return nil
	} else if err != nil {
		return err
	}
	for range at {
		if err := c.unhook(); err != nil {
			return err
		}
	}
	return c.change("remove chain "+c.name, func(ipt *iptables.IPTables) error { return ipt.ClearAndDeleteChain(c.table, c.name) })
}

// LockText is in what iptables prints when another program holds its lock.
const LockText = "xtables lock"

// jumped is the hint for a chain that a rule of another program needs.
const jumped = "a rule of another program leads to chain CHAIN. To see this rule: iptables-save | grep -e '-j CHAIN'; ip6tables-save | grep -e '-j CHAIN'. Delete the rule" + kernel.RestartHint

// hints are found by what iptables prints, in both its variants.
var hints = []struct{ text, hint string }{
	{LockText, "another program uses iptables for too long. To see this program: fuser -v /run/xtables.lock. End the program" + kernel.RestartHint},
	{"Permission denied", kernel.RootHint},
	{"Operation not permitted", kernel.RootHint},
	{"Table does not exist", "load the table: modprobe -a iptable_raw ip6table_raw; or write hook: filter into the main file. Then: systemctl restart pbxjail"},
	{"match `set'", "load the module: modprobe xt_set; or write enforcer: iptables into the main file. Then: systemctl restart pbxjail"},
	{"Too many links", jumped},
	{"resource busy", jumped},
}

// explain adds what was being done, and a hint where we know one.
func (c *Chain) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	err = fmt.Errorf("cannot %s in table %s: %s", doing, c.table, text)
	if strings.Contains(text, "Table does not exist") {
		err = fmt.Errorf("%w: %w", errNoTable, err)
	}
	for _, h := range hints {
		if strings.Contains(text, h.text) {
			return hint.Add(strings.ReplaceAll(h.hint, "CHAIN", c.name), err)
		}
	}
	return err
}

// dropped is what the rules of the chain dropped. It starts no program.
func (c *Chain) dropped(view *kernel.NftReader) (kernel.Dropped, error) {
	if c.nft {
		return view.Dropped(c.family, c.table, c.name)
	}
	t, err := kernel.ReadLegacy(c.family, c.table)
	if err != nil {
		return kernel.Dropped{}, err
	}
	return t.Dropped(c.name), nil
}
