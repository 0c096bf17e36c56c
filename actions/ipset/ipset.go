// Package ipset keeps bans in two kernel sets, which one rule of iptables a family looks
// up. Package actions opens it. No ban starts a program: iptables runs at set-up and for
// repairs only. It decides nothing, and must never see log text.
package ipset

import (
	"cmp"
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

	"pbxjail/actions/kernel"
	"pbxjail/actions/xtables"
	"pbxjail/configs/hint"
)

// errMissing marks errors that mean "this kernel or this iptables has no ipset",
// where plain rules may still do.
const errMissing = kernel.Missing("ipset cannot be used")

// startElem is how many members a set of ours takes at first. One that fills grows.
const startElem = 262144

// Enforcer holds bans in two kernel sets, which drop and expire without us. One
// rule per family looks them up, and after it one for each list.
type Enforcer struct {
	sides *xtables.Sides
	sets  *kernel.Sets
	start uint32 // startElem, or less

	// Taken in this order. Each is held long where a ban must not wait for it,
	// and closed is written under all three, read under any.
	slow     sync.Mutex                // Setup, Replace and Teardown
	lists    map[string][]netip.Prefix // by name; nil: of a run before, not known yet. Guarded by slow
	searched map[*xtables.Side]bool    // for lists of a run before. Guarded by slow
	counts   map[string]int            // how many members we put into a list's set, by set. Guarded by slow
	listing  sync.Mutex                // Each, Check
	mu       sync.Mutex                // changes of members, and replacing the sets they are in
	closed   bool
}

// missing marks an error with errMissing, unless plain rules would meet it too.
func missing(err error) error {
	if err == nil || errors.Is(err, unix.EPERM) || strings.Contains(err.Error(), xtables.LockText) {
		return err
	}
	return fmt.Errorf("%w: %w", errMissing, err)
}

// Open looks for the programs and opens the sockets; Setup makes what it needs. All of o
// is filled in. It works in the network namespace of the calling thread.
func Open(o kernel.Options) (*Enforcer, error) {
	sides, err := xtables.NewSides(o)
	if err != nil {
		return nil, err
	}
	sets, err := kernel.OpenSets()
	if err != nil {
		sides.Close()
		return nil, missing(err)
	}
	return &Enforcer{sides: sides, sets: sets, start: min(startElem, o.MaxElem), lists: map[string][]netip.Prefix{}, counts: map[string]int{}, searched: map[*xtables.Side]bool{}}, nil
}

// Clear removes what an enforcer of this package or of xtables left in the kernel.
func Clear(o kernel.Options) error {
	e, err := Open(o)
	if err != nil { // without the programs there is nothing of theirs
		return nil
	}
	defer e.Close()
	return e.Teardown()
}

func (e *Enforcer) Name() string { return e.sides.Name("ipset") }

func (e *Enforcer) Setup() (made, degraded []string, err error) {
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return nil, nil, kernel.ErrClosed
	}
	return e.sides.Setup(e.setup)
}

// setup makes what is missing of one side; slow is held.
func (e *Enforcer) setup(s *xtables.Side, r *xtables.Report) error {
	if err := e.ensureSet(s, r); err != nil {
		return err
	}
	rules, err := s.Chain.Ensure(r)
	if err != nil {
		return err
	}
	e.findLists(rules, s)
	specs := [][]string{dropFrom(e.set(s))}
	for _, name := range slices.Sorted(maps.Keys(e.lists)) {
		if err := e.ensureList(s, name, r); err != nil {
			return err
		}
		specs = append(specs, dropFrom(e.listSet(s, name)))
	}
	// The chain is there, so what fails now is the set match.
	return missing(s.Chain.EnsureOnly(r, rules, specs...))
}

// dropFrom is the rule that looks a set up.
func dropFrom(set string) []string {
	return []string{"-m", "set", "--match-set", set, "src", "-j", "DROP"}
}

// ensureSet makes the set. One that is there is kept, or rebuilt with its members
// if it is smaller than we begin with or lacks timeouts or counters. What a crash
// left of a rebuild goes.
func (e *Enforcer) ensureSet(s *xtables.Side, r *xtables.Report) error {
	have, err := e.sets.Header(e.set(s))
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err = e.sets.Create(e.set(s), s.Family, e.start, false); err == nil {
			r.Add("set %s", e.set(s))
		}
		return missing(explainSet("create", e.set(s), err))
	case err != nil:
		return missing(explainSet("look at", e.set(s), err))
	case have.Kind != "hash:net" || have.Family != s.Family:
		return hint.Errorf("use another chain name, or remove it: ipset destroy "+e.set(s), "set %s is there, as %s of family %d, and is not ours", e.set(s), have.Kind, have.Family)
	case have.MaxElem >= e.start && have.Timeout && have.Counters:
		return destroy(e.sets, e.set(s)+"t")
	}
	if !have.Timeout {
		r.Note("set %s had no timeouts: its members stay until they are lifted", e.set(s))
	}
	r.Add("set %s, which others had made otherwise", e.set(s))
	e.mu.Lock() // a ban put into the old set meanwhile would go with it
	defer e.mu.Unlock()
	return explainSet("rebuild", e.set(s), e.rebuild(s, max(e.start, have.MaxElem)))
}

// grow doubles the room of a set that is full, up to the limit of the options; mu is
// held. It reports false when there is no more to be had.
func (e *Enforcer) grow(s *xtables.Side) (bool, error) {
	have, err := e.sets.Header(e.set(s))
	if err != nil {
		return false, explainSet("look at", e.set(s), err)
	}
	limit := e.sides.Options.MaxElem
	if have.MaxElem >= limit {
		return false, nil
	}
	return true, explainSet("rebuild", e.set(s), e.rebuild(s, min(have.MaxElem*2, limit)))
}

// rebuild swaps a new set with the same members into the place of the old one;
// there is no moment in which they pass. Dying on the way leaves a spare set,
// which Setup takes away. mu is held.
func (e *Enforcer) rebuild(s *xtables.Side, maxElem uint32) error {
	var list []kernel.Member
	if err := e.sets.Members(e.set(s), func(m kernel.Member) { list = append(list, m) }); err != nil {
		return err
	}
	return e.fillAside(e.set(s), s.Family, max(maxElem, uint32(len(list))), false, list)
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
	return hint.Errorf("a rule that is not ours uses it: iptables-save | grep "+name, "destroy set %s: it is in use", name)
}

func (e *Enforcer) Ban(p netip.Prefix, d time.Duration) error {
	return e.BanAll(func(yield func(netip.Prefix, time.Duration) bool) { yield(p, d) })
}

func (e *Enforcer) BanAll(bans iter.Seq2[netip.Prefix, time.Duration]) error {
	lists, failed := e.orders(bans)
	e.mu.Lock()
	for i, s := range e.sides.List {
		if len(lists[i]) == 0 {
			continue
		}
		if e.closed {
			failed = append(failed, kernel.ErrClosed)
			break
		}
		if err := e.putAll(s, lists[i]); err != nil {
			failed = append(failed, err)
		}
	}
	e.mu.Unlock()
	e.sides.Flows.End(lists[:]...)
	return errors.Join(failed...)
}

// orders sorts bans by side, as the kernel is asked for them. What cannot be had is in failed.
func (e *Enforcer) orders(bans iter.Seq2[netip.Prefix, time.Duration]) (lists [2][]kernel.Member, failed []error) {
	unenforced := 0
	for p, d := range bans {
		m, err := kernel.Order(p, d)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		side, err := e.sides.Of(m.Prefix)
		if err != nil {
			if unenforced++; unenforced == 1 {
				failed = append(failed, fmt.Errorf("ban %s: %w", m.Prefix, err))
			}
			continue
		}
		i := slices.Index(e.sides.List[:], side)
		lists[i] = append(lists[i], m)
	}
	if unenforced > 1 {
		failed = append(failed, fmt.Errorf("and %d more of its family", unenforced-1))
	}
	return lists, failed
}

// putAll puts members into the set of a side, which grows when it is full. mu is held.
func (e *Enforcer) putAll(s *xtables.Side, list []kernel.Member) error {
	for len(list) > 0 {
		done, err := e.sets.Put(e.set(s), list)
		if list = list[done:]; err == nil {
			continue
		}
		if !errors.Is(err, kernel.ErrFull) {
			return explainSet("ban "+kernel.More(list)+" in", e.set(s), err)
		}
		if grown, err := e.grow(s); !grown {
			return cmp.Or(err, kernel.Full("set "+e.set(s)))
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (e *Enforcer) Unban(p netip.Prefix) error {
	p, err := kernel.Canonical(p)
	if err != nil {
		return err
	}
	e.sides.Flows.Forget(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return kernel.ErrClosed
	}
	s, err := e.sides.Of(p)
	if err != nil {
		return fmt.Errorf("unban %s: %w", p, err)
	}
	_, err = e.sets.Drop(e.set(s), []kernel.Member{{Prefix: p, Static: true}})
	return explainSet("unban "+p.String()+" in", e.set(s), err)
}

func (e *Enforcer) Check() (intact bool, members int, err error) {
	whole := true
	if e.slow.TryLock() { // else they are just being seen to
		whole = e.closed || e.listsWhole()
		e.slow.Unlock()
	}
	e.listing.Lock()
	defer e.listing.Unlock()
	if e.closed {
		return false, 0, kernel.ErrClosed
	}
	if intact, _, err = e.sides.Intact(true); err != nil {
		return false, 0, err
	}
	for _, s := range e.sides.Up() {
		h, err := e.sets.Header(e.set(s))
		if errors.Is(err, os.ErrNotExist) {
			intact = false
		} else if err != nil {
			return false, 0, explainSet("look at", e.set(s), err)
		}
		members += h.Members
	}
	return intact && whole, members, e.sides.Flows.Settle(time.Now())
}

func (e *Enforcer) Each(yield func(p netip.Prefix, left time.Duration, packets, bytes uint64)) error {
	e.listing.Lock()
	defer e.listing.Unlock()
	if e.closed {
		return kernel.ErrClosed
	}
	for _, s := range e.sides.Up() {
		err := e.sets.Members(e.set(s), func(m kernel.Member) {
			yield(m.Prefix, time.Duration(m.Seconds)*time.Second, m.Packets, m.Bytes)
		})
		if err != nil {
			return explainSet("list", e.set(s), err)
		}
	}
	return nil
}

func (e *Enforcer) Teardown() error {
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return kernel.ErrClosed
	}
	errs := []error{e.sides.Teardown()}
	for _, s := range e.sides.List {
		errs = append(errs, destroy(e.sets, e.set(s)), destroy(e.sets, e.set(s)+"t"))
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
	wrapped := fmt.Errorf("%s set %s: %w", doing, set, err)
	switch {
	case errors.Is(err, unix.EPERM):
		return hint.Add("run as root, or with CAP_NET_ADMIN", wrapped)
	case errors.Is(err, unix.ENOENT), errors.Is(err, os.ErrNotExist):
		return hint.Add("somebody removed it: reload or restart pbxjail, which makes it again", wrapped)
	}
	return wrapped
}
