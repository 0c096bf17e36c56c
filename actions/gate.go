package actions

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"time"

	"pbxjail/actions/kernel"
)

// Port is a range of ports of a service.
type Port = kernel.Port

// Hearing is what the kernel knows about packets of an address to a service.
type Hearing = kernel.Hearing

// Memory is how long the kernel remembers who sent a packet.
const Memory = kernel.Memory

// Gate makes the kernel remember which addresses sent packets to the guarded ports. Its
// rules come after those of the bans and drop nothing, so it can be used where nothing is
// enforced. All methods may be called from any goroutine.
type Gate interface {
	// Name says what it is: for people.
	Name() string
	// Guard makes the kernel remember the senders of packets to these ports and to no
	// others. An empty list removes all that a Gate made. Over UDP each packet counts. Over
	// TCP, where connections are tracked, only packets of open connections count; the Gate
	// never turns tracking on. Senders remembered by an earlier run are kept. degraded
	// lists, for the operator, what cannot be remembered; err means that nothing is.
	Guard(ports []Port, now time.Time) (degraded []string, err error)
	// Check repairs what is missing of what Guard made. It starts no program if nothing is
	// missing. made names what was missing.
	Check(now time.Time) (made []string, err error)
	// Heard looks up one address, in a few microseconds. It does not wait for the methods
	// above.
	Heard(a netip.Addr, service string, now time.Time) Hearing
	// Recent appends to list the addresses that sent a packet to a service within the last
	// ago, until list has n entries. It may list none if there are many.
	Recent(list []netip.Addr, service string, within time.Duration, n int) []netip.Addr
	// Teardown removes all that a Gate made.
	Teardown() error
	// Close closes the sockets; the kernel continues to remember senders. It is the last call.
	Close() error
}

// OpenGate makes the gate that goes with an enforcer, whose options o are, and has it guard
// ports. With an enforcer that only observes it takes the first kind that works. Without
// kernel sets, as with plain rules, the gate knows nothing and says why. What a gate of
// another kind left is removed.
func OpenGate(e Enforcer, o Options, ports []Port, now time.Time) (g Gate, degraded []string) {
	o.Chain, o.Hook = cmp.Or(o.Chain, "pbxjail"), cmp.Or(o.Hook, "raw")
	why := "plain iptables rules (enforcer: iptables) have no sets to record them in"
	for _, k := range kinds() {
		if k.gate == nil || g != nil || enforces(e) && !k.is(e) {
			continue
		}
		opened, err := k.gate(o)
		if err == nil {
			if degraded, err = opened.Guard(ports, now); err == nil {
				g = opened
				continue
			}
			opened.Close()
		}
		why = err.Error()
	}
	keep := ""
	if g != nil {
		keep = g.Name()
	}
	if err := clearGates(o, keep); err != nil {
		degraded = append(degraded, kernel.Note("the old set of who sent packets (heard) cannot be removed; this set drops no packet", err))
	}
	if g == nil {
		return &noGate{why}, []string{"the kernel does not record who sends packets (heard): " + why}
	}
	return g, degraded
}

// ClearGate removes what gates left in the kernel, of whatever kind.
func ClearGate(o Options) error {
	o.Chain, o.Hook = cmp.Or(o.Chain, "pbxjail"), cmp.Or(o.Hook, "raw")
	return clearGates(o, "")
}

// clearGates leaves the gate of a name alone.
func clearGates(o Options, keep string) error {
	var errs []error
	for _, k := range kinds() {
		if k.gate == nil {
			continue
		}
		g, err := k.gate(o)
		if err != nil { // without the programs there is nothing of theirs
			continue
		}
		if g.Name() != keep {
			errs = append(errs, g.Teardown())
		}
		errs = append(errs, g.Close())
	}
	return errors.Join(errs...)
}

// enforces reports whether an enforcer drops packets.
func enforces(e Enforcer) bool {
	return slices.ContainsFunc(kinds(), func(k kind) bool { return k.is(e) })
}

// noGate is the Gate for a kernel that cannot remember senders.
type noGate struct{ why string }

func (d *noGate) Name() string                                           { return "none" }
func (d *noGate) Guard([]Port, time.Time) (degraded []string, err error) { return nil, nil }
func (d *noGate) Check(time.Time) (made []string, err error)             { return nil, nil }
func (d *noGate) Heard(netip.Addr, string, time.Time) Hearing            { return Hearing{Blind: d.why} }
func (d *noGate) Recent(list []netip.Addr, _ string, _ time.Duration, _ int) []netip.Addr {
	return list
}
func (d *noGate) Teardown() error { return nil }
func (d *noGate) Close() error    { return nil }
