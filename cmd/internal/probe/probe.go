// Package probe proves with packets that a ban drops them: it bans test addresses in
// network namespaces of its own and sends packets from them. jailctl doctor --probe calls
// it. It needs root. It must never touch the firewall or the network of the host, send a
// packet to any other host, or leave anything behind: its namespaces have no name and end
// with its thread.
package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pbxjail/actions"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// Options are the settings of the main file that make an enforcer.
type Options struct {
	Kind, Hook, Chain string // as actions.Open takes them
}

// What a Check came to.
const (
	OK      = "ok"
	Failed  = "failed"
	Skipped = "skipped" // it cannot be tested here, and no packet of its kind can come
)

// Check is one thing that was tried, in one family or, when that is "", in both.
type Check struct {
	Check  string `json:"check"`
	Family string `json:"family"` // v4, v6 or ""
	Result string `json:"result"`
	Why    string `json:"why"` // what went wrong first, or a note; "" is nothing
}

// Report is the result of a probe.
type Report struct {
	Enforcer string   `json:"enforcer"` // its Name
	Notes    []string `json:"notes"`    // what it chose for want of better, or cannot have
	Checks   []Check  `json:"checks"`
}

// Failed counts the checks that failed.
func (r Report) Failed() (n int) {
	for _, c := range r.Checks {
		if c.Result == Failed {
			n++
		}
	}
	return n
}

// Run makes the namespaces, and in them the enforcer of the options, and tries it, in
// some seconds. An error, mostly with a hint, means that there was nothing to try;
// what was found wrong is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Kind == "observe" {
		return Report{}, hint.New("to test another enforcer, write enforcer: auto into the main file; then give the command again. With enforcer: auto, pbxjail drops packets of banned addresses after its next restart", "nothing to test: enforcer: observe in the main file drops nothing")
	}
	return run(ctx, func() (actions.Enforcer, []string, error) {
		return actions.Open(o.Kind, actions.Options{Hook: o.Hook, Chain: o.Chain})
	})
}

// sipPorts is the group of ports that the trial closes alone.
func sipPorts() []actions.Port {
	return []actions.Port{{Service: ports.SIP, Proto: "udp", From: port, To: port}, {Service: ports.SIP, Proto: "tcp", From: port, To: port}}
}

// run is Run for any enforcer.
func run(ctx context.Context, open func() (actions.Enforcer, []string, error)) (r Report, err error) {
	err = apart(func() error {
		b, err := newBench()
		if err != nil {
			return err
		}
		defer b.close()
		e, notes, err := open()
		if err != nil {
			return fmt.Errorf("the test cannot open the firewall: %w", err)
		}
		defer e.Close()
		_, degraded, err := e.Setup()
		if err != nil {
			return fmt.Errorf("the test cannot set up the firewall: %w", err)
		}
		if err := e.Split(sipPorts()); err != nil {
			return fmt.Errorf("the test cannot set up bans of single ports: %w", err)
		}
		r = Report{Enforcer: e.Name(), Notes: slices.Concat([]string{}, b.notes, notes, degraded)}
		t := newTrial(b, e)
		err = t.run(ctx)
		r.Checks = t.checks
		return err
	})
	return r, err
}

// The checks of a family, in the order of the report.
const (
	udp       = "udp"
	tcp       = "tcp"
	icmp      = "icmp"
	udpFlow   = "udp, under way"
	tcpFlow   = "tcp, under way"
	service   = "ports of SIP alone"
	network   = "network"
	neighbour = "neighbour"
	timeLeft  = "time left"
	teardown  = "teardown"
)

var (
	protocols = []string{udp, tcp, icmp}
	dropping  = []string{udp, tcp, icmp, udpFlow, tcpFlow, network} // what a ban must do
)

// settle writes down how a check went; the first that goes wrong is kept.
func (t *trial) settle(check, family, wrong string) {
	for i := range t.checks {
		if c := &t.checks[i]; c.Check == check && c.Family == family && c.Result == OK && wrong != "" {
			c.Result, c.Why = Failed, oneLine(wrong)
		}
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
