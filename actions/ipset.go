package actions

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// errNoIPSet marks errors that mean "this kernel or this iptables has no ipset",
// where plain rules may still do.
var errNoIPSet = errors.New("ipset cannot be used")

// startElem is how many members a set of ours takes at first. One that fills grows.
const startElem = 262144

// ipset holds bans in two kernel sets, which drop and expire without us. One
// rule per family looks them up, and after it one for each list.
type ipset struct {
	sides *sides
	sets  *sets
	start uint32 // startElem, or less

	// Taken in this order. Each is held long where a ban must not wait for it,
	// and closed is written under all three, read under any.
	slow    sync.Mutex                // Setup, Replace and Teardown
	lists   map[string][]netip.Prefix // by name; nil: of a run before, not known yet. Guarded by slow
	counts  map[string]int            // how many members we put into a list's set, by set. Guarded by slow
	listing sync.Mutex                // Each, Check
	mu      sync.Mutex                // changes of members, and replacing the sets they are in
	closed  bool
}

// missing marks an error with errNoIPSet, unless plain rules would meet it too.
func missing(err error) error {
	if err == nil || errors.Is(err, unix.EPERM) || strings.Contains(err.Error(), lockText) {
		return err
	}
	return fmt.Errorf("%w: %w", errNoIPSet, err)
}

func newIPSet(o Options) (*ipset, error) {
	sides, err := newSides(o)
	if err != nil {
		return nil, err
	}
	sets, err := openSets()
	if err != nil {
		sides.close()
		return nil, missing(err)
	}
	return &ipset{sides: sides, sets: sets, start: min(startElem, o.MaxElem), lists: map[string][]netip.Prefix{}, counts: map[string]int{}}, nil
}

func (e *ipset) Name() string { return e.sides.name("ipset") }

func (e *ipset) Setup() (made, degraded []string, err error) {
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return nil, nil, errClosed
	}
	return e.sides.setup(e.setup)
}

// setup makes what is missing of one side; slow is held.
func (e *ipset) setup(s *side, r *report) error {
	if err := e.ensureSet(s, r); err != nil {
		return err
	}
	rules, err := s.chain.ensure(r)
	if err != nil {
		return err
	}
	e.findLists(rules, s)
	specs := [][]string{dropFrom(s.set)}
	for _, name := range slices.Sorted(maps.Keys(e.lists)) {
		if err := e.ensureList(s, name, r); err != nil {
			return err
		}
		specs = append(specs, dropFrom(s.listSet(name)))
	}
	// The chain is there, so what fails now is the set match.
	return missing(s.chain.ensureOnly(r, rules, specs...))
}

// dropFrom is the rule that looks a set up.
func dropFrom(set string) []string {
	return []string{"-m", "set", "--match-set", set, "src", "-j", "DROP"}
}

// ensureSet makes the set. One that is there is kept, or rebuilt with its members
// if it is smaller than we begin with or lacks timeouts or counters. What a crash
// left of a rebuild goes.
func (e *ipset) ensureSet(s *side, r *report) error {
	have, err := e.sets.header(s.set)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err = e.sets.create(s.set, s.family, e.start, false); err == nil {
			r.add("set %s", s.set)
		}
		return missing(explainSet("create", s.set, err))
	case err != nil:
		return missing(explainSet("look at", s.set, err))
	case have.kind != "hash:net" || have.family != s.family:
		return &hinted{fmt.Errorf("set %s is there, as %s of family %d, and is not ours", s.set, have.kind, have.family),
			"use another chain name, or remove it: ipset destroy " + s.set}
	case have.maxElem >= e.start && have.timeout && have.counters:
		return e.destroy(s.set + "t")
	}
	if !have.timeout {
		r.note("set %s had no timeouts: its members stay until they are lifted", s.set)
	}
	r.add("set %s, which others had made otherwise", s.set)
	e.mu.Lock() // a ban put into the old set meanwhile would go with it
	defer e.mu.Unlock()
	return explainSet("rebuild", s.set, e.rebuild(s, max(e.start, have.maxElem)))
}

// grow doubles the room of a set that is full, up to the limit of the options; mu is
// held. It reports false when there is no more to be had.
func (e *ipset) grow(s *side) (bool, error) {
	have, err := e.sets.header(s.set)
	if err != nil {
		return false, explainSet("look at", s.set, err)
	}
	limit := e.sides.options.MaxElem
	if have.maxElem >= limit {
		return false, nil
	}
	return true, explainSet("rebuild", s.set, e.rebuild(s, min(have.maxElem*2, limit)))
}

// rebuild swaps a new set with the same members into the place of the old one;
// there is no moment in which they pass. Dying on the way leaves a spare set,
// which Setup takes away. mu is held.
func (e *ipset) rebuild(s *side, maxElem uint32) error {
	var list []setMember
	if err := e.sets.members(s.set, func(m setMember) { list = append(list, m) }); err != nil {
		return err
	}
	return e.fillAside(s.set, s.family, max(maxElem, uint32(len(list))), false, list)
}

// fillAside makes a set hold these members and no others, in one swap.
func (e *ipset) fillAside(set string, family uint8, maxElem uint32, static bool, list []setMember) error {
	spare := set + "t" // as long as a set's name may be: see Open
	if err := e.destroy(spare); err != nil {
		return err
	}
	err := e.sets.create(spare, family, maxElem, static)
	if err == nil {
		_, err = e.sets.put(spare, list)
	}
	if err == nil {
		err = e.sets.IpsetSwap(spare, set)
	}
	return errors.Join(err, e.destroy(spare))
}

// destroy removes a set if it is there. After a rule is deleted nftables lets go
// of its set in the background, so "in use" is asked again for 2 s (it is how
// fail2ban fails to stop: its issue 3624).
func (e *ipset) destroy(name string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		err := e.sets.IpsetDestroy(name)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) { // no such set; no ip_set in this kernel
			return nil
		}
		if !errors.Is(err, nl.IPSetError(nl.IPSET_ERR_BUSY)) {
			return explainSet("destroy", name, err)
		}
		<-tick.C
	}
	return &hinted{fmt.Errorf("destroy set %s: it is in use", name), "a rule that is not ours uses it: iptables-save | grep " + name}
}

func (e *ipset) Ban(p netip.Prefix, d time.Duration) error {
	return e.BanAll(func(yield func(netip.Prefix, time.Duration) bool) { yield(p, d) })
}

func (e *ipset) BanAll(bans iter.Seq2[netip.Prefix, time.Duration]) error {
	lists, failed := e.sides.orders(bans)
	e.mu.Lock()
	for i, s := range e.sides.list {
		if len(lists[i]) == 0 {
			continue
		}
		if e.closed {
			failed = append(failed, errClosed)
			break
		}
		if err := e.putAll(s, lists[i]); err != nil {
			failed = append(failed, err)
		}
	}
	e.mu.Unlock()
	e.sides.flows.end(lists[:]...)
	return errors.Join(failed...)
}

func (e *ipset) Unban(p netip.Prefix) error {
	p, err := member(p)
	if err != nil {
		return err
	}
	e.sides.flows.forget(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errClosed
	}
	s, err := e.sides.of(p)
	if err != nil {
		return fmt.Errorf("unban %s: %w", p, err)
	}
	_, err = e.sets.drop(s.set, []setMember{{prefix: p, static: true}})
	return explainSet("unban "+p.String()+" in", s.set, err)
}

func (e *ipset) Check() (intact bool, members int, err error) {
	whole := true
	if e.slow.TryLock() { // else they are just being seen to
		whole = e.closed || e.listsWhole()
		e.slow.Unlock()
	}
	e.listing.Lock()
	defer e.listing.Unlock()
	if e.closed {
		return false, 0, errClosed
	}
	if intact, _, err = e.sides.intact(true); err != nil {
		return false, 0, err
	}
	for _, s := range e.sides.up() {
		h, err := e.sets.header(s.set)
		if errors.Is(err, os.ErrNotExist) {
			intact = false
		} else if err != nil {
			return false, 0, explainSet("look at", s.set, err)
		}
		members += h.members
	}
	return intact && whole, members, e.sides.flows.settle(time.Now())
}

func (e *ipset) Each(yield func(p netip.Prefix, left time.Duration, packets, bytes uint64)) error {
	e.listing.Lock()
	defer e.listing.Unlock()
	if e.closed {
		return errClosed
	}
	for _, s := range e.sides.up() {
		err := e.sets.members(s.set, func(m setMember) {
			yield(m.prefix, time.Duration(m.seconds)*time.Second, m.packets, m.bytes)
		})
		if err != nil {
			return explainSet("list", s.set, err)
		}
	}
	return nil
}

func (e *ipset) Teardown() error {
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return errClosed
	}
	errs := []error{e.sides.teardown()}
	for _, s := range e.sides.list {
		errs = append(errs, e.destroy(s.set), e.destroy(s.set+"t"))
		for name := range e.lists {
			errs = append(errs, e.destroy(s.listSet(name)), e.destroy(s.listSet(name)+"t"))
		}
	}
	clear(e.lists)
	clear(e.counts)
	return errors.Join(errs...)
}

func (e *ipset) Close() error {
	e.slow.Lock()
	defer e.slow.Unlock()
	e.listing.Lock()
	defer e.listing.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		e.sets.close()
		e.sides.close()
	}
	return nil
}

func explainSet(doing, set string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s set %s: %w", doing, set, err)
	switch {
	case errors.Is(err, unix.EPERM):
		return &hinted{wrapped, "run as root, or with CAP_NET_ADMIN"}
	case errors.Is(err, unix.ENOENT), errors.Is(err, os.ErrNotExist):
		return &hinted{wrapped, "somebody removed it: reload or restart pbxjail, which makes it again"}
	}
	return wrapped
}
