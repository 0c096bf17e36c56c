package daemon

import (
	"cmp"
	"fmt"
	"log/slog"
	"sync"

	"pbxjail/actions"
	"pbxjail/actions/packets"
	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/packetrules"
	"pbxjail/configs"
)

// packetKernel holds packet rules in the kernel.
type packetKernel interface {
	Chain() string
	Set(rules []packets.Rule) (degraded []string, err error)
	Repair() (degraded []string, err error)
	Counters() ([]actions.Counted, error)
}

// packetRules are the packet rules of the main file, and what the kernel made of them.
// All methods may be called from any goroutine. They may take as long as iptables does.
type packetRules struct {
	log    *slog.Logger
	hook   string                                             // the one that is in use: another takes effect at the next start
	spared func(main *configs.Main) (known packetrules.Known) // the addresses that no rule may drop

	mu      sync.Mutex // guards all below, and orders what is done to the kernel
	kernel  packetKernel
	enabled bool
	paused  bool       // nothing of ours is to be in the kernel
	latest  packetPlan // that was taken
	notes   []string   // what cannot be had
	refused error      // why the rules are not as the main file wants them
	problem error      // what is wrong in the kernel
}

// packetPlan is what a main file comes to.
type packetPlan struct {
	enabled bool
	rules   []packets.Rule
	notes   []string
}

// open puts the rules of the main file in, or takes those of an earlier run out. A
// failure is logged, and does not stop bans. A nil kernel is one
// that only observes.
func (p *packetRules) open(kernel packetKernel, main *configs.Main) {
	if kernel == nil {
		if main.PacketRules.Enabled {
			p.log.Info("packet rules are not put into the kernel: pbxjail only observes")
		}
		return
	}
	p.mu.Lock()
	p.kernel = kernel
	p.mu.Unlock()
	p.apply(main)
}

// apply puts the rules of a main file in place of those before. Where that is refused,
// they stay as they were.
func (p *packetRules) apply(main *configs.Main) {
	plan, err := p.plan(main)
	if err != nil {
		p.refuse(err)
		return
	}
	p.set(plan)
}

// plan reads the packet rules of a main file, and refuses those that would drop packets of
// our own phones and peers. It changes nothing.
func (p *packetRules) plan(main *configs.Main) (plan packetPlan, err error) {
	if plan.enabled = main.PacketRules.Enabled; !plan.enabled {
		return plan, nil
	}
	agents, err := configs.LoadAgents(main.Useragents)
	if err != nil {
		return packetPlan{}, err
	}
	asked := *main
	asked.Hook = p.hook
	rules, notes, err := packetrules.Plan(&asked, agents, p.spared(main))
	if err == nil {
		plan.notes = notes
		plan.rules, err = packets.Compile(rules)
	}
	if err != nil {
		return packetPlan{}, fmt.Errorf("packet_rules: %w", err)
	}
	return plan, nil
}

// set puts a plan into the kernel.
func (p *packetRules) set(plan packetPlan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kernel == nil {
		return
	}
	p.enabled, p.refused, p.latest = plan.enabled, nil, plan
	if p.paused {
		return
	}
	degraded, err := p.kernel.Set(plan.rules)
	p.notes = append(plan.notes, degraded...)
	p.note(err)
	if plan.enabled && err == nil {
		p.log.Info("packet rules are in the kernel", "chain", p.kernel.Chain(), "rules", len(plan.rules))
	}
	for _, n := range p.notes {
		warnNote(p.log, n, otherRulesHint)
	}
}

// otherRulesHint is for a packet rule that cannot be made.
const otherRulesHint = "all other packet rules are in the firewall; to see them: jailctl rules"

// pause takes the rules out of the kernel, until resume.
func (p *packetRules) pause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = true
	if p.kernel == nil {
		return nil
	}
	_, err := p.kernel.Set(nil)
	return err
}

// resume puts the rules in again.
func (p *packetRules) resume() {
	p.mu.Lock()
	p.paused = false
	plan := p.latest
	p.mu.Unlock()
	if plan.enabled {
		p.set(plan)
	}
}

// renew follows a change of who is protected. Somebody who logged in since the rules
// were taken is no reason to take them back.
func (p *packetRules) renew(main *configs.Main) {
	again := *main
	again.PacketRules.Force = true
	p.apply(&again)
}

// repair puts back what others did to the rules in the kernel. It starts iptables four
// times when nothing was done to them, and not at all when there are no rules.
func (p *packetRules) repair() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kernel != nil && p.enabled && !p.paused {
		_, err := p.kernel.Repair()
		p.note(err)
	}
}

// refuse notes why a plan is not taken; the rules stay as they were.
func (p *packetRules) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logOnce(p.refused, err)
	p.refused = err
}

// note notes what is wrong in the kernel; nil: nothing is. mu is held.
func (p *packetRules) note(err error) {
	p.logOnce(p.problem, err)
	p.problem = err
}

func (p *packetRules) logOnce(before, err error) {
	if err != nil && (before == nil || before.Error() != err.Error()) {
		p.log.Error("the packet rules of the main file are not in the firewall; bans still work", "err", err, "hint", todo(err, retryHint))
	}
}

// problems are for status.
func (p *packetRules) problems() (list []control.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, err := range []error{p.refused, p.problem} {
		if err != nil {
			list = append(list, control.Problem{About: control.AboutRules, What: "the packet rules of the main file are not in the firewall; bans still work: " + err.Error(), Hint: todo(err, retryHint)})
		}
	}
	for _, n := range p.notes {
		what, do := actions.SplitNote(n)
		list = append(list, control.Problem{About: control.AboutRules, What: what, Hint: cmp.Or(do, otherRulesHint)})
	}
	return list
}

// counted are the rules with what they dropped.
func (p *packetRules) counted() (control.Rules, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := control.Rules{Enabled: p.enabled}
	if p.kernel == nil || !p.enabled || p.paused {
		return out, nil
	}
	list, err := p.kernel.Counters()
	if out.Chain = p.kernel.Chain(); err != nil {
		return out, err
	}
	for _, c := range list {
		out.Rules = append(out.Rules, control.Rule{
			Family: c.Family, About: c.About, Proto: c.Proto, Ports: c.PortText(), Drop: c.Drop, Packets: c.Packets, Bytes: c.Bytes,
		})
	}
	return out, nil
}
