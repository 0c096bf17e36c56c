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

// Gate has the kernel remember who sent packets to the ports that are guarded. It stands
// behind the bans and drops nothing, so that it may be used where nothing is enforced. All
// methods may be called from any goroutine.
type Gate interface {
	// Name says what it is: for people.
	Name() string
	// Guard makes the kernel remember who sends packets to these ports, and nobody else;
	// none removes all that a Gate made. Over UDP each packet counts; over TCP those of a
	// connection that is open, where connections are tracked: the Gate never has them
	// tracked where they were not. What a run before remembered is kept. degraded says,
	// for the operator, what cannot be remembered; err means nothing is.
	Guard(ports []Port, now time.Time) (degraded []string, err error)
	// Check looks, without starting a program, whether all is as Guard made it, and makes
	// what is missing. made says what that was; nothing, when all was well.
	Check(now time.Time) (made []string, err error)
	// Heard looks one address up, in some microseconds. It does not wait for the methods
	// above.
	Heard(a netip.Addr, service string, now time.Time) Hearing
	// Recent appends to list who sent a packet to a service at most within ago, until
	// list is n long. It may list none where there are many.
	Recent(list []netip.Addr, service string, within time.Duration, n int) []netip.Addr
	// Teardown removes all that a Gate made.
	Teardown() error
	// Close gives up the sockets; the kernel goes on remembering. It is the last call.
	Close() error
}

// OpenGate makes the gate that goes with an enforcer, whose options o are, and has it
// guard ports. Beside one that only observes it takes the first that works. Where the
// kernel has no sets, as beside plain rules, the gate knows nothing and says why. What a
// gate of another kind left is removed.
func OpenGate(e Enforcer, o Options, ports []Port, now time.Time) (g Gate, degraded []string) {
	o.Chain, o.Hook = cmp.Or(o.Chain, "pbxjail"), cmp.Or(o.Hook, "raw")
	why := "plain iptables rules keep no sets of senders"
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
		degraded = append(degraded, "what remembered senders before is still there: "+err.Error())
	}
	if g == nil {
		return &deaf{why}, []string{"senders are not remembered: " + why}
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

// deaf is the Gate where the kernel cannot remember.
type deaf struct{ why string }

func (d *deaf) Name() string                                                            { return "none" }
func (d *deaf) Guard([]Port, time.Time) (degraded []string, err error)                  { return nil, nil }
func (d *deaf) Check(time.Time) (made []string, err error)                              { return nil, nil }
func (d *deaf) Heard(netip.Addr, string, time.Time) Hearing                             { return Hearing{Blind: d.why} }
func (d *deaf) Recent(list []netip.Addr, _ string, _ time.Duration, _ int) []netip.Addr { return list }
func (d *deaf) Teardown() error                                                         { return nil }
func (d *deaf) Close() error                                                            { return nil }
