package actions

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pbxjail/actions/ipset"
	"pbxjail/actions/kernel"
	"pbxjail/actions/nft"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// Switch is an Enforcer that can be switched off and on while it is used. While it is off,
// nothing of pbxjail is in the kernel, and an observing enforcer keeps the bans and lists.
// All methods may be called from any goroutine.
type Switch struct {
	options Options
	open    func() (e Enforcer, notes []string, err error)

	turning sync.Mutex // orders On, Off, Split and Replace; taken before mu
	lists   map[string]keptList
	groups  []Port

	mu  sync.RWMutex // held for reading while the enforcer works
	now Enforcer
	on  bool

	drops dropSum
}

// NewSwitch returns a Switch that is off; it changes nothing before On or Off is called.
// open makes the enforcer that drops, as Open does; On sets it up.
func NewSwitch(o Options, open func() (e Enforcer, notes []string, err error)) *Switch {
	o.Chain, o.MaxElem = cmp.Or(o.Chain, "pbxjail"), cmp.Or(o.MaxElem, 1<<20)
	kept := newObserve(o)
	_ = kept.Split(o.Groups) // what is wrong with them On says
	return &Switch{options: o, open: open, lists: map[string]keptList{}, groups: o.Groups, now: kept}
}

// keptList is a list as the caller gave it.
type keptList struct {
	to       []ports.Range
	prefixes []netip.Prefix
}

// On opens and sets up the enforcer that drops, and fills the lists. The caller adds the
// bans again. made and degraded are those of its Setup. On an error it stays off.
func (s *Switch) On() (notes, degraded []string, err error) {
	s.turning.Lock()
	defer s.turning.Unlock()
	if s.IsOn() {
		return nil, nil, nil
	}
	e, notes, err := s.open()
	if err != nil {
		return nil, nil, err
	}
	if _, degraded, err = e.Setup(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot set up the firewall: %w", err), e.Close())
	}
	failed := []error{e.Split(s.groups)}
	for _, name := range slices.Sorted(maps.Keys(s.lists)) {
		failed = append(failed, e.Replace(name, s.lists[name].to, s.lists[name].prefixes))
	}
	if err := errors.Join(failed...); err != nil {
		notes = append(notes, err.Error())
	}
	s.take(e, true)
	return notes, degraded, nil
}

// Off removes everything that pbxjail made in the kernel, by any enforcer and any earlier
// run. An error names what may still drop packets; the Switch is off in any case.
func (s *Switch) Off() error {
	s.turning.Lock()
	defer s.turning.Unlock()
	var errs []error
	if s.IsOn() {
		kept := newObserve(s.options)
		errs = append(errs, kept.Split(s.groups))
		dropped := s.take(kept, false)
		errs = append(errs, dropped.Teardown(), dropped.Close())
	}
	return errors.Join(append(errs, Clear(s.options))...)
}

// take puts an enforcer in place of the one before. It waits for calls that are under way.
func (s *Switch) take(e Enforcer, on bool) (before Enforcer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.now, s.on = s.now, e, on
	return before
}

// IsOn reports whether packets are dropped.
func (s *Switch) IsOn() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.on
}

// Kind is the enforcer that works now: one that observes while it is off.
func (s *Switch) Kind() Enforcer {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now
}

// kindOf is the enforcer behind a Switch.
func kindOf(e Enforcer) Enforcer {
	if s, ok := e.(*Switch); ok {
		return s.Kind()
	}
	return e
}

// Name is that of the enforcer that works now.
func (s *Switch) Name() string { return s.Kind().Name() }

// Setup implements Enforcer.
func (s *Switch) Setup() (made, degraded []string, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now.Setup()
}

// Check implements Enforcer.
func (s *Switch) Check() (intact bool, members int, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now.Check()
}

// Split implements Enforcer.
func (s *Switch) Split(groups []Port) error {
	s.turning.Lock()
	defer s.turning.Unlock()
	err := s.Kind().Split(groups)
	if err == nil {
		s.groups = groups
	}
	return err
}

// Ban implements Enforcer.
func (s *Switch) Ban(p netip.Prefix, to ports.Set, d time.Duration) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now.Ban(p, to, d)
}

// BanAll implements Enforcer.
func (s *Switch) BanAll(bans iter.Seq[ports.Ban]) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now.BanAll(bans)
}

// Replace implements Enforcer. A list given while it is off is added by On.
func (s *Switch) Replace(list string, to []ports.Range, prefixes []netip.Prefix) error {
	s.turning.Lock() // and not mu: a long list must not delay a ban
	defer s.turning.Unlock()
	err := s.Kind().Replace(list, to, prefixes)
	if err == nil && prefixes != nil {
		s.lists[list] = keptList{to, prefixes}
	} else if prefixes == nil {
		delete(s.lists, list)
	}
	return err
}

// Lists implements Enforcer.
func (s *Switch) Lists() []string { return s.Kind().Lists() }

// Unban implements Enforcer.
func (s *Switch) Unban(p netip.Prefix) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now.Unban(p)
}

// Each implements Enforcer.
func (s *Switch) Each(yield func(ports.Held)) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now.Each(yield)
}

// Expire implements Expirer, where the enforcer is one.
func (s *Switch) Expire(now time.Time) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e, ok := s.now.(Expirer); ok {
		return e.Expire(now)
	}
	return nil
}

// Teardown implements Enforcer.
func (s *Switch) Teardown() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now.Teardown()
}

// Close implements Enforcer.
func (s *Switch) Close() error {
	s.turning.Lock()
	defer s.turning.Unlock()
	return s.Kind().Close()
}

// clearHint is what to do where something of ours cannot be removed.
func clearHint(chain string) string {
	return "remove the rules and sets whose name begins with " + chain + " by hand. To see them: iptables-save; ip6tables-save; nft list ruleset; ipset list -t"
}

// orClear gives err the hint clearHint, if it has none.
func orClear(err error, chain string) error {
	if hint.Of(err) != "" {
		return err
	}
	return hint.Add(clearHint(chain), err)
}

// SplitNote takes apart a note of Open, Setup, OpenGate or PacketRules: what does not work,
// and what to do, which may be "".
func SplitNote(note string) (what, do string) { return kernel.SplitNote(note) }

// Clear removes everything that pbxjail made in the kernel, by any enforcer, and nothing
// else: chains and their jumps, packet rules, sets of bans, lists and senders. It uses only
// the option Chain, and makes nothing. If there is nothing to remove, that is no error.
func Clear(o Options) error {
	o.Chain, o.MaxElem = cmp.Or(o.Chain, "pbxjail"), cmp.Or(o.MaxElem, 1<<20)
	var errs []error
	for _, hook := range []string{"raw", "filter"} {
		o.Hook = hook
		errs = append(errs, clearPackets(o), clearGates(o, ""))
		errs = append(errs, ipset.Clear(o), nft.Clear(o))
	}
	if err := errors.Join(errs...); err != nil {
		return hint.Add("give the command again. If it fails again: "+clearHint(o.Chain), fmt.Errorf("cannot remove all rules and sets of pbxjail from the firewall, so some packets may still be dropped: %w", err))
	}
	return nil
}

// clearPackets removes the chain of packet rules, if it is ours.
func clearPackets(o Options) error {
	p, err := NewPacketRules(o)
	if err != nil { // with a name so long there can be none
		return nil
	}
	return p.Teardown()
}
