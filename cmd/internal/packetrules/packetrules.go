// Package packetrules makes the plan of the packet rules from the main file, the list of
// user agents, and the addresses that they must not block. The daemon and jailctl call it,
// so that what is printed is what runs. It must never accept a plan that blocks the
// operator's own phones, unless the operator set force.
package packetrules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"pbxjail/actions/packets"
	"pbxjail/configs"
)

// Known is which addresses the rules must not block.
type Known struct {
	Protected []netip.Prefix // let through before anything else
	Peers     []Peer         // of Asterisk's configuration, that speak IAX2
	LoggedIn  []netip.Addr   // over SIP with a password, lately; Asterisk logs no login over IAX2
}

// Peer is an IAX2 peer and where it is written.
type Peer struct {
	Prefix netip.Prefix
	Why    string
}

// Cut is why a plan is refused: the addresses that it would block, or might.
type Cut struct{ Who []string }

// shown is how many of the blocked addresses are named.
const shown = 20

func (c *Cut) Error() string {
	who := c.Who
	more := ""
	if len(who) > shown {
		who, more = who[:shown], fmt.Sprintf("; and %d more", len(who)-shown)
	}
	return "the rules would block your own phones or peers: " + strings.Join(who, "; ") + more
}

// Hint says what to do.
func (c *Cut) Hint() string {
	return "write their networks into the main file, under ignoreip or iax_from; to block them anyway, write force: true below packet_rules"
}

// Plan is what the main file asks for. notes list the parts that packets cannot show. An
// error is a *Cut, which force in the main file rules out; enabled is not looked at.
func Plan(main *configs.Main, agents *configs.Agents, known Known) (plan packets.Plan, notes []string, err error) {
	r := main.PacketRules
	plan = packets.Plan{Allow: r.AllowAgents, IAX: r.IAXFrom, NewFlows: main.Hook == "filter"}
	for _, f := range r.FQDN {
		plan.FQDN = append(plan.FQDN, strings.TrimSuffix(f, "."))
	}
	for _, p := range r.SIPPorts() {
		plan.Ports = append(plan.Ports, packets.Ports(p))
	}
	for _, p := range known.Protected {
		plan.Spare = append(plan.Spare, p.Masked())
	}
	switch r.Agents {
	case configs.AgentsDrop:
		plan.Drop, notes = scanners(agents.List())
	case configs.AgentsSeed:
		plan.Drop, notes = scanners(seedOf(agents.List()))
	}
	if who := cut(plan, known); len(who) > 0 && !r.Force {
		return packets.Plan{}, nil, &Cut{who}
	}
	return plan, notes, nil
}

// cut lists the addresses that would be blocked. No log has the agent of a phone or the
// name that it registers to, so the operator must confirm each address that logged in over
// SIP.
func cut(plan packets.Plan, known Known) (who []string) {
	spared := func(p netip.Prefix) bool {
		return slices.ContainsFunc(plan.Spare, func(s netip.Prefix) bool { return holds(s, p) })
	}
	admitted := func(p netip.Prefix) bool {
		return slices.ContainsFunc(plan.IAX, func(n netip.Prefix) bool { return holds(n, p) })
	}
	if len(plan.IAX) > 0 {
		for _, p := range known.Peers {
			if !admitted(p.Prefix) {
				who = append(who, fmt.Sprintf("%s is not in iax_from (%s)", p.Prefix, p.Why))
			}
		}
	}
	for _, phone := range known.LoggedIn {
		if !spared(netip.PrefixFrom(phone, phone.BitLen())) && len(plan.Allow)+len(plan.FQDN) > 0 {
			who = append(who, fmt.Sprintf("%s logged in over SIP, and may have a user agent or a domain that the rules drop", phone))
		}
	}
	return who
}

// holds reports whether all of p is in n.
func holds(n, p netip.Prefix) bool { return n.Bits() <= p.Bits() && n.Contains(p.Addr()) }

// seedOf is the list of user agents as the seed's article has it: each of its names is
// dropped with all that begins with it, unless that is a longer honest name, and no other
// name is. What the operator's own files say of a name holds.
func seedOf(list []configs.Agent) (out []configs.Agent) {
	names := configs.SeedAgents()
	for _, a := range list {
		seed := slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, a.Name) })
		switch {
		case !a.Shipped():
		case seed:
			a.Level, a.Match = configs.AgentDrop, configs.AgentPrefix
		case a.Level != configs.AgentInfo:
			continue
		}
		out = append(out, a)
	}
	return out
}

// scanners are the agents to drop. In the list the longest name decides, so a rule
// leaves out what a longer one of another level says of the same packet.
func scanners(list []configs.Agent) (drop []packets.Scanner, notes []string) {
	for _, a := range list {
		if a.Level != configs.AgentDrop {
			continue
		}
		if a.Match == configs.AgentContains {
			notes = append(notes, fmt.Sprintf("no rule for user agent %s: its entry says contains, and a rule of the firewall cannot test that", a.Name))
			continue
		}
		s := packets.Scanner{Agent: packets.Agent{Name: a.Name, Exact: a.Match == configs.AgentExact}}
		for _, honest := range list {
			switch {
			case honest.Level == configs.AgentDrop || len(honest.Name) <= len(a.Name) || s.Exact:
			case honest.Match == configs.AgentContains:
				s.Words = append(s.Words, honest.Name)
			case strings.EqualFold(honest.Name[:len(a.Name)], a.Name):
				s.But = append(s.But, packets.Agent{Name: honest.Name, Exact: honest.Match == configs.AgentExact})
			}
		}
		drop = append(drop, s)
	}
	return drop, notes
}
