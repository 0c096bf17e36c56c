// Package ipset keeps bans in kernel sets that rules of iptables look up. Package actions
// opens it. No ban starts a program: iptables runs at set-up and for repairs only. It
// decides nothing, and must never see log text.
package ipset

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/actions/xtables"
	"pbxjail/configs/hint"
)

// errMissing marks errors that mean "this kernel or this iptables has no ipset". Plain
// rules may still work then.
const errMissing = kernel.Missing("ipset cannot be used")

// startElem is how many members a set of ours takes at first. One that fills grows.
const startElem = 262144

// Enforcer holds bans in kernel sets. The kernel drops packets and ends bans without this
// process. There are two sets (IPv4 and IPv6) for bans of every port, two for each group of
// ports, and two for each list, with one rule per family for each.
type Enforcer struct {
	sides *xtables.Sides
	sets  *kernel.Sets
	start uint32 // startElem, or less

	// Taken in this order. Each is held long where a ban must not wait for it,
	// and closed is written under all three, read under any.
	slow     sync.Mutex             // Setup, Split, Replace and Teardown
	complete bool                   // the last Setup or Split made all groups. Guarded by slow
	lists    map[string]*list       // by name. Guarded by slow
	searched map[*xtables.Side]bool // for lists of a run before. Guarded by slow
	counts   map[string]int         // how many members we put into a list's set, by set. Guarded by slow
	listing  sync.Mutex             // Each, Check
	mu       sync.Mutex             // changes of members, and replacing the sets they are in
	groups   kernel.Groups          // written under slow and mu, read under either
	used     map[string]bool        // sets of bans that may hold a member. Guarded by mu
	closed   bool
}

// missing marks an error with errMissing, unless plain rules would have the same error.
// Where only netlink is refused, they have no EPERM.
func missing(err error) error {
	if err == nil || strings.Contains(err.Error(), xtables.LockText) {
		return err
	}
	return fmt.Errorf("%w: %w", errMissing, err)
}

// Open looks for the programs and opens the sockets; Setup makes what it needs. All of o
// is filled in. It works in the network namespace of the calling thread.
func Open(o kernel.Options) (*Enforcer, error) {
	groups, err := kernel.NewGroups(o.Groups)
	if err != nil {
		return nil, err
	}
	sides, err := xtables.NewSides(o)
	if err != nil {
		return nil, err
	}
	sets, err := kernel.OpenSets()
	if err != nil {
		sides.Close()
		return nil, missing(err)
	}
	return &Enforcer{sides: sides, groups: groups, sets: sets, start: min(startElem, o.MaxElem), lists: map[string]*list{}, used: map[string]bool{}, counts: map[string]int{}, searched: map[*xtables.Side]bool{}}, nil
}

func (e *Enforcer) Name() string { return e.sides.Name("ipset") }

func (e *Enforcer) Setup() (made, degraded []string, err error) {
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return nil, nil, kernel.ErrClosed
	}
	made, degraded, err = e.sides.Setup(e.setup)
	e.complete = err == nil
	return made, degraded, err
}

// setup makes what is missing of one side; slow is held.
func (e *Enforcer) setup(s *xtables.Side, r *xtables.Report) error {
	for _, group := range e.groups.Places() {
		if err := e.ensureSet(s, e.set(s, group), r); err != nil {
			return err
		}
	}
	if err := e.ensureChain(s, r); err != nil {
		return err
	}
	if err := e.sides.RemoveChains(s, nil); err != nil { // of plain rules
		return err
	}
	return e.dropSets(s, e.groups.Names())
}

// ensureChain makes the chain of a side hold its rules, and makes the sets of the lists
// first. Where there is no chain, that is one program in place of a dozen; slow is held.
func (e *Enforcer) ensureChain(s *xtables.Side, r *xtables.Report) error {
	if e.sides.Absent(s) {
		if err := e.ensureLists(s, nil, r); err != nil {
			return err
		}
		if e.sides.Build(s, r, e.rules(s)...) {
			return nil
		}
	}
	rules, err := s.Chain.Ensure(r)
	if err != nil {
		return err
	}
	if err := e.ensureLists(s, rules, r); err != nil {
		return err
	}
	// The chain is there, so what fails now is the set match.
	return missing(s.Chain.EnsureOnly(r, rules, e.rules(s)...))
}

// rules are the rules of the chain of a side, in order; slow is held.
func (e *Enforcer) rules(s *xtables.Side) (specs [][]string) {
	verdict := e.sides.Verdict(s)
	for _, group := range e.groups.Places() {
		specs = append(specs, lookUp(xtables.ToPorts(e.groups.Ports(group)), e.set(s, group), verdict)...)
	}
	for _, name := range slices.Sorted(maps.Keys(e.lists)) {
		specs = append(specs, lookUp(e.lists[name].to, e.listSet(s, name), verdict)...)
	}
	return specs
}

// lookUp are the rules that look a set up for packets that meet one of the conditions.
func lookUp(to [][]string, set string, verdict []string) (specs [][]string) {
	for _, condition := range to {
		specs = append(specs, slices.Concat(condition, []string{"-m", "set", "--match-set", set, "src"}, verdict))
	}
	return specs
}

// ensureSet makes a set of bans. An existing set is kept, or rebuilt with its members if it
// is smaller than startElem or has no timeouts or counters. What a crash left of a rebuild
// is removed.
func (e *Enforcer) ensureSet(s *xtables.Side, set string, r *xtables.Report) error {
	have, err := e.sets.Header(set)
	e.mu.Lock() // a ban put into the old set meanwhile would go with it
	defer e.mu.Unlock()
	e.used[set] = e.used[set] || have.Members > 0
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err = e.sets.Create(set, s.Family, e.start, false); err == nil {
			r.Add("set %s", set)
		}
		return missing(explainSet("create", set, err))
	case err != nil:
		return missing(explainSet("read", set, err))
	case have.Kind != "hash:net" || have.Family != s.Family:
		return kernel.ForeignSet(set, have.Kind, have.Family)
	case have.MaxElem >= e.start && have.Timeout && have.Counters:
		return destroy(e.sets, set+"t")
	}
	if !have.Timeout {
		r.Note("set %s was made without timeouts, so its old bans stay until you remove them: jailctl unban ADDRESS", set)
	}
	r.Add("set %s, which another program had changed", set)
	return explainSet("rebuild", set, e.rebuild(s, set, max(e.start, have.MaxElem)))
}

// grow doubles the room of a set that is full, up to the limit of the options; mu is
// held. It reports false when the limit is reached.
func (e *Enforcer) grow(s *xtables.Side, set string) (bool, error) {
	have, err := e.sets.Header(set)
	if err != nil {
		return false, explainSet("read", set, err)
	}
	limit := e.sides.Options.MaxElem
	if have.MaxElem >= limit {
		return false, nil
	}
	return true, explainSet("rebuild", set, e.rebuild(s, set, min(have.MaxElem*2, limit)))
}

// rebuild swaps a new set with the same members into the place of the old one; at no time
// do their packets pass. A crash meanwhile leaves a spare set, which Setup removes. mu is
// held.
func (e *Enforcer) rebuild(s *xtables.Side, set string, maxElem uint32) error {
	var list []kernel.Member
	if err := e.sets.Members(set, func(m kernel.Member) { list = append(list, m) }); err != nil {
		return err
	}
	return e.fillAside(set, s.Family, max(maxElem, uint32(len(list))), false, list)
}

// fillAside makes a set hold these members and no others, in one swap.
func (e *Enforcer) fillAside(set string, family uint8, maxElem uint32, static bool, list []kernel.Member) error {
	spare := set + "t" // as long as a set's name may be: see Open
	if err := destroy(e.sets, spare); err != nil {
		return err
	}
	err := e.sets.Create(spare, family, maxElem, static)
	if err == nil {
		_, err = e.sets.Put(spare, list)
	}
	if err == nil {
		err = e.sets.IpsetSwap(spare, set)
	}
	return errors.Join(err, destroy(e.sets, spare))
}

// destroy removes a set if it is there. After a rule is deleted nftables lets go
// of its set in the background, so "in use" is asked again for 2 s (it is how
// fail2ban fails to stop: its issue 3624).
func destroy(sets *kernel.Sets, name string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		err := sets.IpsetDestroy(name)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) { // no such set; no ip_set in this kernel
			return nil
		}
		if !errors.Is(err, nl.IPSetError(nl.IPSET_ERR_BUSY)) {
			return explainSet("destroy", name, err)
		}
		<-tick.C
	}
	return hint.Errorf("to see the rule: iptables-save | grep "+name+"; ip6tables-save | grep "+name+". Delete the rule"+kernel.RestartHint, "cannot remove set %s: a firewall rule that pbxjail did not make uses set %s", name, name)
}

func (e *Enforcer) Check() (intact bool, members int, err error) {
	whole := true
	if e.slow.TryLock() { // else another call is changing it
		whole = e.closed || e.listsWhole()
		e.slow.Unlock()
	}
	e.listing.Lock()
	defer e.listing.Unlock()
	if e.closed {
		return false, 0, kernel.ErrClosed
	}
	if intact, err = e.sides.Intact(); err != nil {
		return false, 0, err
	}
	for _, s := range e.sides.Up() {
		for _, set := range e.filled(s, !intact) {
			h, err := e.sets.Header(set)
			if errors.Is(err, os.ErrNotExist) {
				intact = false
			} else if err != nil {
				return false, 0, explainSet("read", set, err)
			}
			members += h.Members
		}
	}
	return intact && whole, members, e.sides.Flows.Settle(time.Now())
}

// filled are the sets of bans of a side that may hold a member, or all. One without is not
// looked at while its rule is there: the kernel removes no set that a rule uses.
func (e *Enforcer) filled(s *xtables.Side, all bool) (sets []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, group := range e.groups.Places() {
		if set := e.set(s, group); all || e.used[set] {
			sets = append(sets, set)
		}
	}
	return sets
}

func (e *Enforcer) Teardown() error {
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return kernel.ErrClosed
	}
	e.complete = false
	errs := []error{e.sides.Teardown()}
	for _, s := range e.sides.List {
		set := e.set(s, "")
		errs = append(errs, destroy(e.sets, set), destroy(e.sets, set+"t"), e.dropSets(s, nil))
		for name := range e.lists {
			errs = append(errs, destroy(e.sets, e.listSet(s, name)), destroy(e.sets, e.listSet(s, name)+"t"))
		}
	}
	clear(e.lists)
	clear(e.counts)
	return errors.Join(errs...)
}

func (e *Enforcer) Close() error {
	e.slow.Lock()
	defer e.slow.Unlock()
	e.listing.Lock()
	defer e.listing.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		e.sets.Close()
		e.sides.Close()
	}
	return nil
}

func explainSet(doing, set string, err error) error {
	if err == nil {
		return nil
	}
	err = kernel.Cannot(err, "%s set %s", doing, set)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, os.ErrNotExist) {
		return hint.Add("another program removed the set. "+kernel.Removed("the set"), err)
	}
	return err
}

// Dropped is what the rules of bans and lists dropped. Not after Close.
func (e *Enforcer) Dropped() (map[string]kernel.Dropped, error) { return e.sides.Dropped() }
