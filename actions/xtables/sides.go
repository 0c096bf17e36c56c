package xtables

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"

	"github.com/coreos/go-iptables/iptables"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// Side is one address family of an enforcer. Without IPv6 it works in part; without IPv4 it
// fails.
type Side struct {
	Label  string // "IPv4"
	proto  iptables.Protocol
	Family uint8  // unix.AF_INET
	Chain  *Chain // nil: there is no iptables for it yet
	down   error  // why it is not enforced; nil: it is. Guarded by sides.mu
	// timeless: the kernel has no time match. Guarded by the mutex of the plain Enforcer.
	timeless bool
	settled  *kernel.ChainState // after a Setup that found nothing to do; nil: there was none. Guarded by sides.mu
}

// V6 reports whether it is the side of IPv6.
func (s *Side) V6() bool { return s.Family == unix.AF_INET6 }

// Suffix ends the names of what is of this side alone: "-4" or "-6".
func (s *Side) Suffix() string {
	if s.V6() {
		return "-6"
	}
	return "-4"
}

// Report gathers what Setup did for a side, and what the operator should know.
type Report struct {
	Made, Notes []string
	hooked      bool // the jump to the chain was made with it
}

// Add notes what was made.
func (r *Report) Add(format string, args ...any) {
	r.Made = append(r.Made, fmt.Sprintf(format, args...))
}

// Note adds what does not work, or what the operator should look at.
func (r *Report) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

var errNotSetUp = hint.New(kernel.RetryHint, "the firewall is not set up yet")

// Sides are what the kernel enforcers share: both families, in order. Their
// owner serialises setup and teardown; the rest may be called beside them.
type Sides struct {
	Options kernel.Options
	List    [2]*Side
	view    *kernel.NftReader // nil: the kernel refuses netlink, and iptables is the legacy one
	Flows   *kernel.Flows
	mu      sync.Mutex
}

// NewSides looks for the programs. It fails without iptables; Setup reports a missing
// ip6tables.
func NewSides(o kernel.Options) (*Sides, error) {
	s := &Sides{Options: o, List: [2]*Side{
		{Label: "IPv4", proto: iptables.ProtocolIPv4, Family: unix.AF_INET, down: errNotSetUp},
		{Label: "IPv6", proto: iptables.ProtocolIPv6, Family: unix.AF_INET6, down: errNotSetUp},
	}}
	var err error
	if s.List[0].Chain, err = newChain(iptables.ProtocolIPv4, o); err != nil {
		return nil, err
	}
	s.view, err = kernel.OpenNftReader()
	if _, refused := errors.AsType[kernel.Missing](err); err != nil && (!refused || s.List[0].Chain.nft) { // iptables-legacy needs none
		return nil, hint.Add("use iptables-legacy: update-alternatives --set iptables /usr/sbin/iptables-legacy"+kernel.RestartHint, err)
	}
	if s.Flows, err = kernel.OpenFlows(o); err != nil {
		s.view.Close()
		return nil, err
	}
	return s, nil
}

// Close gives up the sockets.
func (s *Sides) Close() {
	s.view.Close()
	s.Flows.Close()
}

// Setup runs make for each side and hooks its chain after that, so that a chain
// is complete before it sees packets.
func (s *Sides) Setup(make func(*Side, *Report) error) (made, degraded []string, err error) {
	for _, side := range s.List {
		var r Report
		err := s.SetupSide(side, &r, make)
		s.setDown(side, err)
		for _, m := range r.Made {
			made = append(made, side.Label+": "+m)
		}
		if err != nil && side.Label == "IPv4" {
			return made, nil, fmt.Errorf("IPv4: %w", err)
		}
		if err != nil {
			r.Notes = []string{kernel.WithRemedy("packets of banned "+side.Label+" addresses pass: "+err.Error(), err)}
		}
		for _, note := range r.Notes {
			degraded = append(degraded, side.Label+": "+note)
		}
	}
	return made, append(degraded, s.Flows.Degraded()...), nil
}

// SetupSide does that for one side. It remembers the state only if the state before was the
// same: otherwise a change by another program meanwhile would count as correct.
func (s *Sides) SetupSide(side *Side, r *Report, make func(*Side, *Report) error) (err error) {
	if side.Chain == nil {
		if side.Chain, err = newChain(side.proto, s.Options); err != nil {
			return err
		}
	}
	before, failed := side.Chain.Look(s.view)
	if err := make(side, r); err != nil {
		return err
	}
	if !r.hooked {
		if err := side.Chain.hook(r); err != nil {
			return err
		}
	}
	after, err := side.Chain.Look(s.view)
	s.mu.Lock()
	defer s.mu.Unlock()
	if side.settled = nil; failed == nil && err == nil && before == after {
		side.settled = &after
	}
	return nil
}

// Intact reports whether the sides, and the rules of their chains, look as they did when all
// was well.
func (s *Sides) Intact() (ok bool, err error) {
	up := s.Up()
	ok = slices.Contains(up, s.List[0]) // without IPv4 the last Setup failed
	generation := s.view.Now()
	for _, side := range up {
		now, err := side.Chain.LookSince(s.view, generation)
		if err != nil {
			return false, err
		}
		ok = s.asLeft(side, now, true) && ok
	}
	return ok, nil
}

// asLeft reports whether a look at the chain of a side found what a Setup left that had
// nothing to do. Without own the rules of our chain do not count.
func (s *Sides) asLeft(side *Side, now kernel.ChainState, own bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	settled := side.settled
	return settled != nil && now.Parent == settled.Parent && (!own || now.Own == settled.Own)
}

// Orders sorts bans by side, as the kernel is asked for them. failed holds the errors of
// bans that cannot be made.
func (s *Sides) Orders(groups kernel.Groups, bans iter.Seq[ports.Ban]) (list map[*Side][]kernel.Ordered, failed []error) {
	list = map[*Side][]kernel.Ordered{}
	unenforced := 0
	for b := range bans {
		o, err := groups.Order(b)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		side, err := s.Of(o.Prefix)
		if err != nil {
			if unenforced++; unenforced == 1 {
				failed = append(failed, kernel.Cannot(err, "ban %s", o.Prefix))
			}
			continue
		}
		list[side] = append(list[side], o)
	}
	if unenforced > 1 {
		failed = append(failed, fmt.Errorf("cannot ban %d more addresses, for the same reason", unenforced-1))
	}
	return list, failed
}

func (s *Sides) setDown(side *Side, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	side.down = why
}

// Of is the side that p belongs to; an error if it is not enforced.
func (s *Sides) Of(p netip.Prefix) (*Side, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := s.List[0]
	if p.Addr().Is6() {
		side = s.List[1]
	}
	if side.down != nil {
		return nil, fmt.Errorf("pbxjail drops no %s packets on this machine: %w", side.Label, side.down)
	}
	return side, nil
}

// Up are the sides that are enforced.
func (s *Sides) Up() (up []*Side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, side := range s.List {
		if side.down == nil {
			up = append(up, side)
		}
	}
	return up
}

// Teardown removes chains and jumps, and reports all that went wrong.
func (s *Sides) Teardown() error {
	var errs []error
	for _, side := range s.List {
		s.setDown(side, errNotSetUp)
		if side.Chain == nil { // without the program there is nothing of it
			var err error
			if side.Chain, err = newChain(side.proto, s.Options); err != nil {
				continue
			}
		}
		if err := errors.Join(side.Chain.Remove(), s.RemoveChains(side, nil)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", side.Label, err))
		}
	}
	return errors.Join(errs...)
}

// Absent reports whether a side has certainly not our chain, without starting a program.
func (s *Sides) Absent(side *Side) bool { return side.Chain.Absent(s.view) }

// Build makes the chain of a side that has none, with its rules and the jump to it, in one
// step. It reports false where that must be done in steps.
func (s *Sides) Build(side *Side, r *Report, specs ...[]string) bool {
	return side.Chain.Build(s.view, r, specs...) == nil
}

// There reports whether a side has our chain, without starting a program.
func (s *Sides) There(side *Side) bool { return side.Chain != nil && side.Chain.There(s.view) }

// Clear is Teardown that makes no table where nothing of ours is.
func (s *Sides) Clear() error {
	var errs []error
	for _, side := range s.List {
		if side.Chain == nil {
			var err error
			if side.Chain, err = newChain(side.proto, s.Options); err != nil {
				continue
			}
		}
		if s.There(side) {
			errs = append(errs, side.Chain.Remove(), s.RemoveChains(side, nil))
		}
	}
	return errors.Join(errs...)
}

// Name is the text for Enforcer.Name.
func (s *Sides) Name(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	where := kind + ", raw PREROUTING, "
	if s.Options.Hook == "filter" {
		where = kind + ", filter INPUT, "
	}
	if s.List[1].down != nil {
		return where + "v4 only"
	}
	return where + "v4 and v6"
}

// Dropped is what the rules of our chains dropped, by side.
func (s *Sides) Dropped() (map[string]kernel.Dropped, error) {
	list := map[string]kernel.Dropped{}
	for _, side := range s.Up() {
		n, err := side.Chain.dropped(s.view)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", side.Label, err)
		}
		list[side.Label] = n
	}
	return list, nil
}
