package main

import (
	"cmp"
	"context"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/probe"
	"pbxjail/configs"
	"pbxjail/configs/show"
)

// probe tries the enforcer of the main file out. That the main file only observes is
// no reason not to: what is to come is tried.
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
	}
	if n := r.Failed(); n > 0 {
		return control.Refuse(0, "do not trust the bans of this host before that is mended; another enforcer or hook in the main file may do",
			"%s failed: bans do not hold here as they should", show.Count(n, "check"))
	}
	return nil
}
