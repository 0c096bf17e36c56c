package daemon

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"pbxjail/actions"
	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
	"pbxjail/jails"
)

// portGroups say which ports a ban for a service closes, as Asterisk's files name them, and
// have the enforcer know the lists of the jails and of bans by hand. All methods may be
// called from any goroutine.
type portGroups struct {
	log      *slog.Logger
	settings func() *configs.Main
	sight    *asteriskSight
	enforcer actions.Enforcer // nil until it is open

	mu      sync.Mutex               // guards all below; held while the enforcer makes groups
	jails   map[string][]ports.Range // lists of the jails, by the names of their groups
	others  map[string][]ports.Range // lists of bans by hand, and of the ledger
	current []actions.Port           // that the enforcer has
	seen    uint64                   // fingerprint of Asterisk's files then
	main    *configs.Main            // and our settings
	problem error                    // why the enforcer does not have these groups
}

// mostOthers bounds the lists of bans by hand: each costs every packet a comparison.
const mostOthers = 8

// servicePorts are the ports of each service that a ban closes.
func servicePorts(main *configs.Main, sight *asteriskSight, log *slog.Logger) (list []actions.Port) {
	add := func(proto string, first, last uint16, services ...string) {
		for _, s := range services {
			list = append(list, actions.Port{Service: s, Proto: proto, From: first, To: last})
		}
	}
	found, problems := sight.ports(main)
	first, last, more := asterisk.RTP(main.Asterisk)
	for _, p := range append(problems, more...) {
		log.Debug("pbxjail does not use a line of the configuration of Asterisk", "err", p, "hint", todo(p, moreHint))
	}
	for _, p := range found {
		switch p.Service {
		case asterisk.SIP:
			add("udp", p.Number, p.Number, ports.SIP)
			add("tcp", p.Number, p.Number, ports.SIP)
		case asterisk.IAX:
			add("udp", p.Number, p.Number, ports.IAX)
		case asterisk.AMI:
			add("tcp", p.Number, p.Number, ports.AMI)
		case asterisk.HTTP:
			add("tcp", p.Number, p.Number, ports.HTTP, ports.SIP, ports.AMI)
		}
	}
	add("udp", first, last, ports.SIP)
	for _, r := range slices.Concat(main.Heard.Ports, main.PacketRules.Ports) {
		add("udp", r.First, r.Last, ports.SIP)
		add("tcp", r.First, r.Last, ports.SIP)
	}
	return list
}

// groups are what the enforcer should have. mu is held.
func (g *portGroups) groups() []actions.Port {
	list := servicePorts(g.settings(), g.sight, g.log)
	for _, lists := range []map[string][]ports.Range{g.jails, g.others} {
		for name, ranges := range lists {
			for _, r := range ranges {
				for _, proto := range []string{"udp", "tcp"} {
					if r.Proto == "" || r.Proto == proto {
						list = append(list, actions.Port{Service: name, Proto: proto, From: r.From, To: r.To})
					}
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b actions.Port) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return slices.Compact(list)
}

// first are the groups that the enforcer begins with. live are those of the bans that the
// database has: the enforcer empties the set of a group that is not in this list.
func (g *portGroups) first(list []*jails.Jail, live []ports.Set) []actions.Port {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.jails = listsOf(list)
	g.others = g.without(live)
	g.remember()
	g.current = g.groups()
	return g.current
}

// remember notes by what the groups are made. mu is held.
func (g *portGroups) remember() {
	g.main = g.settings()
	g.seen = g.sight.changed(g.main)
}

// listsOf are the lists of ports that jails name.
func listsOf(list []*jails.Jail) map[string][]ports.Range {
	all := map[string][]ports.Range{}
	for _, j := range list {
		for name, ranges := range j.Closes().Lists() {
			all[name] = ranges
		}
	}
	return all
}

// apply gives the groups to the enforcer, if they changed. mu is held.
func (g *portGroups) apply() error {
	list := g.groups()
	if slices.Equal(list, g.current) {
		return g.problem
	}
	if g.problem = g.enforcer.Split(list); g.problem != nil {
		g.problem = fmt.Errorf("pbxjail could not change which ports its bans close: %w", g.problem)
		g.log.Error("pbxjail could not change the firewall, so bans may close the wrong ports", "err", g.problem, "hint", todo(g.problem, retryHint))
		g.current = nil // tried again
		return g.problem
	}
	g.log.Info("the ports that bans close have changed", "ranges", len(list))
	g.current = list
	return nil
}

// look is due from time to time: Asterisk's files may have changed.
func (g *portGroups) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	main := g.settings()
	if g.problem == nil && main == g.main && g.sight.changed(main) == g.seen {
		return
	}
	g.remember()
	_ = g.apply() // it is kept as the problem
}

// setJails takes the lists of new jails, before bans of theirs come.
func (g *portGroups) setJails(list []*jails.Jail) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.jails = listsOf(list)
	_ = g.apply()
}

// need makes the groups that a ban takes. live are those that bans have already: others are
// forgotten.
func (g *portGroups) need(set ports.Set, live []ports.Set) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	others := g.without(append(live, set))
	if len(others) > mostOthers && set.Lists() != nil {
		return hint.Errorf("give the command without --ports, and the ban closes every port; or use a list of ports that another ban has: jailctl list shows it under PORTS", "not banned: all bans together can have at most %d different lists of ports, and this would be one more", mostOthers)
	}
	g.others = others
	return g.apply()
}

// without are the lists of ports that no jail names. mu is held.
func (g *portGroups) without(live []ports.Set) map[string][]ports.Range {
	others := map[string][]ports.Range{}
	for _, s := range live {
		for name, ranges := range s.Lists() {
			if g.jails[name] == nil {
				others[name] = ranges
			}
		}
	}
	return others
}

// problems are for status.
func (g *portGroups) problems() []control.Problem {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.problem == nil {
		return nil
	}
	return []control.Problem{{About: control.AboutFirewall, What: g.problem.Error(), Hint: todo(g.problem, retryHint)}}
}
