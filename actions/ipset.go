package actions

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// errNoIPSet marks errors that mean "this kernel or this iptables has no ipset",
// where plain rules may still do.
var errNoIPSet = errors.New("ipset cannot be used")

// ipset holds bans in two kernel sets, which drop and expire without us. One
// rule per family looks them up.
type ipset struct {
	sides *sides
	sets  *sets

	// Taken in this order. Each is held long where a ban must not wait for it,
	// and closed is written under all three, read under any.
	slow    sync.Mutex // Setup and Teardown
	listing sync.Mutex // Each
	mu      sync.Mutex // changes of members, and replacing the sets they are in
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
		return nil, missing(err)
	}
	return &ipset{sides: sides, sets: sets}, nil
}

func (e *ipset) Name() string { return e.sides.name("ipset") }

func (e *ipset) Setup() (degraded []string, err error) {
	e.slow.Lock()
	defer e.slow.Unlock()
	if e.closed {
		return nil, errClosed
	}
	return e.sides.setup(func(s *side) (notes []string, err error) {
		if notes, err = e.ensureSet(s); err != nil {
			return nil, err
		}
		rules, err := s.chain.ensure()
		if err != nil {
			return nil, err
		}
		// The chain is there, so what fails now is the set match.
		return notes, missing(s.chain.ensureOnly(rules, "-m", "set", "--match-set", s.set, "src", "-j", "DROP"))
	})
}

// ensureSet makes the set. One that is there is kept, or rebuilt with its
// members if it is smaller than asked or lacks timeouts or counters.
func (e *ipset) ensureSet(s *side) (notes []string, err error) {
	want := e.sides.options.MaxElem
	have, err := e.sets.header(s.set)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, missing(explainSet("create", s.set, e.sets.create(s.set, s.family, want)))
	case err != nil:
		return nil, missing(explainSet("look at", s.set, err))
	case have.kind != "hash:net" || have.family != s.family:
		return nil, &hinted{fmt.Errorf("set %s is there, as %s of family %d, and is not ours", s.set, have.kind, have.family),
			"use another chain name, or remove it: ipset destroy " + s.set}
	case have.maxElem >= want && have.timeout && have.counters:
		return nil, nil
	}
	if !have.timeout {
		notes = append(notes, "set "+s.set+" had no timeouts: its members stay until they are lifted")
	}
	return notes, explainSet("rebuild", s.set, e.rebuild(s, max(want, have.maxElem)))
}

// rebuild swaps a new set with the same members into the place of the old one;
// there is no moment in which they pass. Dying on the way leaves a spare set,
// which the next rebuild or Teardown takes away.
func (e *ipset) rebuild(s *side, maxElem uint32) error {
	e.mu.Lock() // a ban put into the old set meanwhile would go with it
	defer e.mu.Unlock()
	spare := s.set + "t" // as long as a set's name may be: see Open
	if err := e.destroy(spare); err != nil {
		return err
	}
	if err := e.sets.create(spare, s.family, maxElem); err != nil {
		return err
	}
	var errs []error
	err := e.sets.members(s.set, func(m setMember) {
		if err := e.sets.put(spare, m.prefix, m.seconds); err != nil && len(errs) == 0 {
			errs = append(errs, err)
		}
	})
	if err = errors.Join(append(errs, err)...); err == nil {
		err = e.sets.IpsetSwap(spare, s.set)
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
	p, left, err := order(p, d)
	if err != nil {
		return err
	}
	return e.change(p, "ban "+p.String(), func(set string) error { return e.sets.put(set, p, left) })
}

func (e *ipset) Unban(p netip.Prefix) error {
	p, err := member(p)
	if err != nil {
		return err
	}
	return e.change(p, "unban "+p.String(), func(set string) error { return e.sets.drop(set, p) })
}

func (e *ipset) change(p netip.Prefix, doing string, do func(set string) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errClosed
	}
	s, err := e.sides.of(p)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err = do(s.set)
	if errors.Is(err, errFull) {
		return full("set " + s.set)
	}
	return explainSet(doing+" in", s.set, err)
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
	}
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
