package actions

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-iptables/iptables"
	"golang.org/x/sys/unix"
)

// side is one address family of an enforcer. Not having IPv6 is a pity, not having IPv4 is a failure.
type side struct {
	label    string // "IPv4"
	proto    iptables.Protocol
	family   uint8  // unix.AF_INET
	set      string // the name of the ipset
	chain    *chain // nil: there is no iptables for it yet
	down     error  // why it is not enforced; nil: it is. Guarded by sides.mu
	searched bool   // for lists of a run before. Guarded by ipset.slow
	good     *mark  // after a Setup that found nothing to do; nil: there was none. Guarded by sides.mu
}

// report gathers what Setup did for a side, and what the operator should know.
type report struct{ made, notes []string }

func (r *report) add(format string, args ...any) {
	r.made = append(r.made, fmt.Sprintf(format, args...))
}
func (r *report) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

var errNotSetUp = errors.New("not set up yet")

// sides is what the kernel enforcers share: both families, in order. Their
// owner serialises setup and teardown; the rest may be called beside them.
type sides struct {
	options Options
	list    [2]*side
	view    *nftView
	flows   *flows
	mu      sync.Mutex
}

// newSides looks for the programs. It fails without iptables; a missing
// ip6tables is said by Setup.
func newSides(o Options) (*sides, error) {
	s := &sides{options: o, list: [2]*side{
		{label: "IPv4", proto: iptables.ProtocolIPv4, family: unix.AF_INET, set: o.Chain + "-4", down: errNotSetUp},
		{label: "IPv6", proto: iptables.ProtocolIPv6, family: unix.AF_INET6, set: o.Chain + "-6", down: errNotSetUp},
	}}
	var err error
	if s.list[0].chain, err = newChain(iptables.ProtocolIPv4, o); err != nil {
		return nil, err
	}
	if s.view, err = openNftView(); err != nil {
		return nil, err
	}
	if s.flows, err = openFlows(o); err != nil {
		s.view.close()
		return nil, err
	}
	return s, nil
}

func (s *sides) close() {
	s.view.close()
	s.flows.close()
}

// setup runs make for each side and hooks its chain after that, so that a chain
// is complete before it sees packets.
func (s *sides) setup(make func(*side, *report) error) (made, degraded []string, err error) {
	for _, side := range s.list {
		var r report
		err := s.setupSide(side, &r, make)
		s.setDown(side, err)
		for _, m := range r.made {
			made = append(made, side.label+": "+m)
		}
		if err != nil && side.label == "IPv4" {
			return made, nil, fmt.Errorf("IPv4: %w", err)
		}
		if err != nil {
			r.notes = []string{"not enforced: " + err.Error()}
		}
		for _, note := range r.notes {
			degraded = append(degraded, side.label+": "+note)
		}
	}
	return made, append(degraded, s.flows.degraded()...), nil
}

// setupSide remembers how all looks only when it looked so before, too: what
// somebody did meanwhile would otherwise be taken for right.
func (s *sides) setupSide(side *side, r *report, make func(*side, *report) error) (err error) {
	if side.chain == nil {
		if side.chain, err = newChain(side.proto, s.options); err != nil {
			return err
		}
	}
	before, failed := side.chain.look(s.view)
	if err := make(side, r); err != nil {
		return err
	}
	if err := side.chain.hook(r); err != nil {
		return err
	}
	after, err := side.chain.look(s.view)
	s.mu.Lock()
	defer s.mu.Unlock()
	if side.good = nil; failed == nil && err == nil && before == after {
		side.good = &after
	}
	return nil
}

// intact reports whether the sides look as they did when all was well. Rules in our
// chain count where they are not bans.
func (s *sides) intact(ownToo bool) (ok bool, rules int, err error) {
	up := s.up()
	ok = slices.Contains(up, s.list[0]) // without IPv4 the last Setup failed
	for _, side := range up {
		now, err := side.chain.look(s.view)
		if err != nil {
			return false, 0, err
		}
		s.mu.Lock()
		good := side.good
		s.mu.Unlock()
		rules += now.rules
		ok = ok && good != nil && now.parent == good.parent && (!ownToo || now.own == good.own)
	}
	return ok, rules, nil
}

func (s *sides) setDown(side *side, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	side.down = why
}

// of is the side that p belongs to; an error if it is not enforced.
func (s *sides) of(p netip.Prefix) (*side, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := s.list[0]
	if p.Addr().Is6() {
		side = s.list[1]
	}
	if side.down != nil {
		return nil, fmt.Errorf("%s is not enforced: %w", side.label, side.down)
	}
	return side, nil
}

// orders sorts bans by side, as the kernel is told them. What cannot be had is in failed.
func (s *sides) orders(bans iter.Seq2[netip.Prefix, time.Duration]) (lists [2][]setMember, failed []error) {
	unenforced := 0
	for p, d := range bans {
		p, left, err := order(p, d)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		side, err := s.of(p)
		if err != nil {
			if unenforced++; unenforced == 1 {
				failed = append(failed, fmt.Errorf("ban %s: %w", p, err))
			}
			continue
		}
		i := slices.Index(s.list[:], side)
		lists[i] = append(lists[i], setMember{prefix: p, seconds: left})
	}
	if unenforced > 1 {
		failed = append(failed, fmt.Errorf("and %d more of its family", unenforced-1))
	}
	return lists, failed
}

// up are the sides that are enforced.
func (s *sides) up() (up []*side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, side := range s.list {
		if side.down == nil {
			up = append(up, side)
		}
	}
	return up
}

// teardown removes chains and jumps, and reports all that went wrong.
func (s *sides) teardown() error {
	var errs []error
	for _, side := range s.list {
		s.setDown(side, errNotSetUp)
		if side.chain == nil { // without the program there is nothing of it
			var err error
			if side.chain, err = newChain(side.proto, s.options); err != nil {
				continue
			}
		}
		if err := side.chain.remove(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", side.label, err))
		}
	}
	return errors.Join(errs...)
}

// name is the text for Enforcer.Name.
func (s *sides) name(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	where := kind + ", raw PREROUTING, "
	if s.options.Hook == "filter" {
		where = kind + ", filter INPUT, "
	}
	if s.list[1].down != nil {
		return where + "v4 only"
	}
	return where + "v4 and v6"
}
