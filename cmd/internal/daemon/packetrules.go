package daemon

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pbxjail/actions"
	"pbxjail/actions/packets"
	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/packetrules"
	"pbxjail/configs"
	"pbxjail/parsers"
)

// packetRules are those in the kernel. The zero value has none, and observes.
type packetRules struct {
	mu      sync.Mutex // guards all below, and orders what is done to the kernel
	live    *actions.PacketRules
	enabled bool
	notes   []string // what cannot be had
	refused error    // why the rules are not as the main file wants them
	problem error    // what is wrong in the kernel
}

// openPacketRules puts the rules in, or takes those of an earlier run out. That they
// cannot be had is told and keeps nobody from being banned.
func (d *Daemon) openPacketRules() {
	if d.main.Observe || d.opts.Observe || d.main.Enforcer == "observe" {
		if d.main.PacketRules.Enabled {
			d.log.Info("packet rules are not put in: we only observe")
		}
		return
	}
	live, err := actions.NewPacketRules(actions.Options{Chain: d.main.Chain, Hook: d.main.Hook})
	if err != nil {
		d.refusePackets(err)
		return
	}
	d.packets.live = live
	d.mu.Lock()
	plan, err := d.planPackets(d.main)
	d.mu.Unlock()
	if err != nil {
		d.refusePackets(err)
		return
	}
	d.setPackets(plan)
}

// packetPlan is what a main file comes to.
type packetPlan struct {
	enabled bool
	rules   []packets.Rule
	notes   []string
}

// planPackets reads what the main file says of packets, and refuses what would cut
// our own. It changes nothing. mu is held.
func (d *Daemon) planPackets(main *configs.Main) (p packetPlan, err error) {
	if p.enabled = main.PacketRules.Enabled; !p.enabled {
		return p, nil
	}
	agents, err := configs.LoadAgents(main.Useragents)
	if err != nil {
		return packetPlan{}, err
	}
	asked := *main
	asked.Hook = d.main.Hook // another takes effect at the next start
	plan, notes, err := packetrules.Plan(&asked, agents, d.known(main))
	if err == nil {
		p.notes = notes
		p.rules, err = packets.Compile(plan)
	}
	if err != nil {
		return packetPlan{}, fmt.Errorf("packet_rules: %w", err)
	}
	return p, nil
}

// known is who must not be cut. mu is held.
func (d *Daemon) known(main *configs.Main) (k packetrules.Known) {
	guard := d.guard
	guard.ignoreip = main.Ignoreip // a reload is judged by its own
	k.Protected = guard.prefixes()
	for _, t := range d.readTrusts() {
		if !strings.HasPrefix(filepath.Base(t.File), "iax") {
			continue
		}
		if t.Host == "" {
			k.Peers = append(k.Peers, packetrules.Peer{Prefix: t.Prefix, Why: t.Why})
			continue
		}
		addrs, _, _ := d.names.Addrs(t.Host) // what is not answered yet is looked at when it is
		for _, a := range addrs {
			p := protection(a, t.Why)
			k.Peers = append(k.Peers, packetrules.Peer{Prefix: p.Prefix, Why: p.Why})
		}
	}
	if d.warden != nil {
		for _, l := range d.warden.LoggedIn(time.Now()) {
			if l.Service == parsers.PJSIP || l.Service == parsers.SIP {
				k.LoggedIn = append(k.LoggedIn, l.Addr)
			}
		}
	}
	return k
}

// setPackets puts a plan into the kernel.
func (d *Daemon) setPackets(plan packetPlan) {
	d.packets.mu.Lock()
	defer d.packets.mu.Unlock()
	p := &d.packets
	if p.live == nil {
		return
	}
	p.enabled, p.refused = plan.enabled, nil
	degraded, err := p.live.Set(plan.rules)
	p.notes = append(plan.notes, degraded...)
	p.tell(d, err)
	if plan.enabled && err == nil {
		d.log.Info("packet rules are in", "chain", p.live.Chain(), "rules", len(plan.rules))
	}
	for _, n := range p.notes {
		d.log.Warn(n)
	}
}

// renewPackets follows a change of who is protected. Whoever logged in since the rules
// were taken is no reason to take them back.
func (d *Daemon) renewPackets() {
	d.mu.Lock()
	main := *d.main
	main.PacketRules.Force = true
	plan, err := d.planPackets(&main)
	d.mu.Unlock()
	if err != nil {
		d.refusePackets(err)
		return
	}
	d.setPackets(plan)
}

// RepairPackets mends what was done to the rules in the kernel. It starts iptables
// four times when nothing was, and nothing when there are no rules.
func (d *Daemon) RepairPackets() {
	d.packets.mu.Lock()
	defer d.packets.mu.Unlock()
	if p := &d.packets; p.live != nil && p.enabled {
		_, err := p.live.Repair()
		p.tell(d, err)
	}
}

// refusePackets notes why a plan is not taken; the rules stay as they were.
func (d *Daemon) refusePackets(err error) {
	d.packets.mu.Lock()
	defer d.packets.mu.Unlock()
	d.logPackets(d.packets.refused, err)
	d.packets.refused = err
}

// tell notes what is wrong in the kernel, or that nothing is. mu is held.
func (p *packetRules) tell(d *Daemon, err error) {
	d.logPackets(p.problem, err)
	p.problem = err
}

// logPackets logs a problem once.
func (d *Daemon) logPackets(before, err error) {
	if err != nil && (before == nil || before.Error() != err.Error()) {
		d.log.Error("packet rules are not as they should be", "err", err, "hint", hintOf(err))
	}
}

// problems are for status.
func (p *packetRules) problems() (list []control.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, err := range []error{p.refused, p.problem} {
		if err != nil {
			list = append(list, control.Problem{What: err.Error(), Hint: hintOf(err)})
		}
	}
	for _, n := range p.notes {
		list = append(list, control.Problem{What: n, Hint: "the other packet rules hold; see jailctl rules"})
	}
	return list
}

// Rules implements control.Backend.
func (b *backend) Rules() (control.Rules, error) {
	p := &b.d.packets
	p.mu.Lock()
	defer p.mu.Unlock()
	out := control.Rules{Enabled: p.enabled}
	if p.live == nil || !p.enabled {
		return out, nil
	}
	list, err := p.live.Counters()
	if out.Chain = p.live.Chain(); err != nil {
		return out, err
	}
	for _, c := range list {
		out.Rules = append(out.Rules, control.Rule{
			Family: c.Family, About: c.About, Proto: c.Proto, Ports: c.PortText(), Drop: c.Drop, Packets: c.Packets, Bytes: c.Bytes,
		})
	}
	return out, nil
}
