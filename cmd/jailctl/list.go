package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

func (a *app) listVerb() *cobra.Command {
	var jail string
	c := &cobra.Command{
		Use:   "list",
		Short: "the live bans, newest last",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			bans, err := a.client().Bans(c.Context())
			if err != nil {
				return err
			}
			if c.Flags().Changed("jail") {
				bans = slices.DeleteFunc(bans, func(b control.Ban) bool { return b.Jail != jail })
				if len(bans) == 0 {
					if err := a.knowsJail(c.Context(), jail); err != nil {
						return err
					}
				}
			}
			slices.SortFunc(bans, func(x, y control.Ban) int {
				return cmp.Or(x.Since.Compare(y.Since), x.Prefix.Compare(y.Prefix))
			})
			if a.json {
				return a.emit(bans)
			}
			alarms, err := a.client().Alarms(c.Context())
			if err != nil {
				return err
			}
			a.printAlarms(alarms)
			return a.printBans(bans)
		},
	}
	c.Flags().StringVar(&jail, "jail", "", "only the bans of this jail")
	return c
}

func (a *app) printBans(bans []control.Ban) error {
	if len(bans) == 0 {
		a.say("nobody is banned")
		return nil
	}
	seemed, mixed := 0, func(control.Ban) string { return "" }
	for _, b := range bans {
		if b.Observed {
			seemed++
		}
	}
	switch {
	case seemed == len(bans):
		a.say("observed: these would be banned, and nothing is dropped")
	case seemed > 0:
		a.say("observed: %d of these would be banned, and are never enforced", seemed)
		mixed = func(b control.Ban) string {
			if b.Observed {
				return " (observed)"
			}
			return ""
		}
	}
	t := newTable(a.stdout, "ADDRESS", "JAIL", "COUNTRY", "SINCE", "LEFT", "STRIKES", "PACKETS", "BYTES", "PORTS", "REASON")
	for _, b := range bans {
		t.row(show.Address(b.Prefix), b.Jail, b.Country, a.ago(b.Since), left(b)+mixed(b), number(b.Strike), number(b.Packets), number(b.Bytes), b.Ports, b.Reason)
	}
	return t.end()
}

// notJails stand in the place of a jail: bans by hand, and those that the kernel alone knew.
var notJails = []string{"manual", "unknown"}

// knowsJail is an error when there is no jail of this name.
func (a *app) knowsJail(ctx context.Context, name string) error {
	s, err := a.client().Status(ctx)
	if err != nil {
		return err
	}
	names := slices.Clone(notJails)
	for _, j := range s.Jails {
		names = append(names, j.Name)
	}
	if slices.Contains(names, name) {
		return nil
	}
	return noJail(name, names)
}
