package main

import (
	"cmp"
	"context"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/probe"
	"pbxjail/configs"
	"pbxjail/configs/show"
)

// probe tests the enforcer of the main file, even where the main file only observes: it
// may enforce later.
func (a *app) probe(ctx context.Context, config string) error {
	main, err := configs.LoadMain(cmp.Or(config, configs.DefaultMain), config != "")
	if err != nil {
		return err
	}
	r, err := probe.Run(ctx, probe.Options{Kind: main.Enforcer, Hook: main.Hook, Chain: main.Chain})
	if err != nil {
		return err
	}
	return a.printProbe(r)
}

func (a *app) printProbe(r probe.Report) error {
	if a.json {
		if err := a.emit(r); err != nil {
			return err
		}
	} else {
		a.say("enforcer: %s", r.Enforcer)
		for _, n := range r.Notes {
			a.say("note: %s", n)
		}
		a.say("")
		t := a.newTable("CHECK", "FAMILY", "RESULT")
		for _, c := range r.Checks {
			result := c.Result
			if c.Why != "" {
				result += ": " + c.Why
			}
			t.row(c.Check, cmp.Or(c.Family, "both"), result)
		}
		if err := t.end(); err != nil {
			return err
		}
		a.say("")
		a.say("udp, tcp, icmp: packets of a banned address must be dropped; under way: also in a connection from before the ban")
		a.say("ports of SIP alone: a ban of these ports leaves other ports open; network: a banned network is dropped")
		a.say("neighbour: packets of an address that is not banned must pass; time left: the ban must end in time")
		a.say("teardown: at the end pbxjail must remove its rules and sets")
	}
	if n := r.Failed(); n > 0 {
		return control.Refuse(0, "write another enforcer into the main file, such as enforcer: nftables, or another hook, such as hook: filter; then run: jailctl doctor --probe",
			"%s failed: bans on this host may not drop packets", show.Count(n, "check"))
	}
	return nil
}
