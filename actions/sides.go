package actions

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/coreos/go-iptables/iptables"
	"golang.org/x/sys/unix"
)

// side is one address family of an enforcer. Not having IPv6 is a pity, not having IPv4 is a failure.
type side struct {
	label  string // "IPv4"
	proto  iptables.Protocol
	family uint8  // unix.AF_INET
	set    string // the name of the ipset
	chain  *chain // nil: there is no iptables for it yet
	down   error  // why it is not enforced; nil: it is. Guarded by sides.mu
}

var errNotSetUp = errors.New("not set up yet")

// sides is what the kernel enforcers share: both families, in order. Their
// owner serialises setup and teardown; the rest may be called beside them.
type sides struct {
	options Options
	list    [2]*side
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
	return s, nil
}

// setup runs make for each side and hooks its chain after that, so that a chain
// is complete before it sees packets.
func (s *sides) setup(make func(*side) (notes []string, err error)) (degraded []string, err error) {
	for _, side := range s.list {
		notes, err := s.setupSide(side, make)
		s.setDown(side, err)
		if err != nil && side.label == "IPv4" {
			return nil, fmt.Errorf("IPv4: %w", err)
		}
		if err != nil {
			notes = []string{"not enforced: " + err.Error()}
		}
		for _, note := range notes {
			degraded = append(degraded, side.label+": "+note)
		}
	}
	return degraded, nil
}

func (s *sides) setupSide(side *side, make func(*side) ([]string, error)) (notes []string, err error) {
	if side.chain == nil {
		if side.chain, err = newChain(side.proto, s.options); err != nil {
			return nil, err
		}
	}
	if notes, err = make(side); err != nil {
		return nil, err
	}
	note, err := side.chain.hook()
	if note != "" {
		notes = append(notes, note)
	}
	return notes, err
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
		if side.chain == nil {
			continue
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
