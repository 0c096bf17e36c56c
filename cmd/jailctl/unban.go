package main

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/show"
)

func (a *app) unbanVerb() *cobra.Command {
	var all bool
	var grace string
	var req control.UnbanRequest
	c := &cobra.Command{
		Use:   "unban ADDR|NET|--all",
		Short: "end a ban, all bans inside a network, or all bans; it is no error if there is none",
		Long: `unban lifts the ban at once, and forgets the strikes. Earlier attempts do not count any
more, even if a log is read later. For the time of --grace, failures of accounts that logged
in from there before lead to no ban. Attempts of other accounts count from zero again.

To never ban an address again: jailctl allow ADDR`,
		Args: func(c *cobra.Command, args []string) error {
			if all {
				return takes()(c, args)
			}
			return takes("ADDR or --all")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			if c.Flags().Changed("grace") {
				if req.GraceSeconds, err = parseGrace(grace); err != nil {
					return err
				}
			}
			if all {
				req.All = true
				return a.unbanAll(c.Context(), req)
			}
			if req.Prefix, err = a.prefixArg(args[0]); err != nil {
				return err
			}
			return a.unban(c.Context(), req)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "end every ban")
	c.Flags().StringVar(&grace, "grace", "10m", "how long failures of accounts that logged in from this address lead to no ban")
	return c
}

// parseGrace reads the value of --grace; 0 is none.
func parseGrace(text string) (*int64, error) {
	if text == "0" {
		return new(int64(0)), nil
	}
	d, err := configs.ParseDuration(text)
	if err != nil || d <= 0 {
		return nil, usage("write --grace 10m, or --grace 0 for none", "--grace: %q is not a time", text)
	}
	return new(int64(d / time.Second)), nil
}

func (a *app) unbanAll(ctx context.Context, req control.UnbanRequest) error {
	done, err := control.Ask(ctx, a.client(), control.CallUnban, req)
	if err != nil {
		return err
	}
	if a.json {
		return a.emit(map[string]int{"lifted": done.Lifted})
	}
	a.say("ended %s", show.Count(done.Lifted, "ban"))
	return nil
}

func (a *app) unban(ctx context.Context, req control.UnbanRequest) error {
	p := req.Prefix
	done, err := control.Ask(ctx, a.client(), control.CallUnban, req)
	if err != nil {
		return err
	}
	if done.Lifted == 0 && len(done.Covered) > 0 {
		return stillCovered(p, done.Covered)
	}
	if a.json {
		return a.emit(done)
	}
	switch {
	case done.Lifted == 0:
		a.say("%s was not banned", show.Address(p))
	case done.Lifted == 1 && len(done.Prefixes) <= 1:
		a.say("ended the ban of %s", show.Address(p))
	default:
		a.say("ended %s in %s", show.Count(done.Lifted, "ban"), show.Address(p))
		for _, inside := range done.Prefixes {
			if inside != p {
				a.say("  %s", show.Address(inside))
			}
		}
	}
	a.printCovers(done.Covered)
	return nil
}

// stillCovered is the error of lifting an address whose packets are dropped all the same,
// because a wider prefix is banned or a feed names it.
func stillCovered(p netip.Prefix, covers []control.Cover) error {
	var wide netip.Prefix
	var feeds []string
	for _, c := range covers {
		if found, err := netip.ParsePrefix(c.What); err == nil {
			wide = found
		} else {
			feeds = append(feeds, c.What)
		}
	}
	if wide.IsValid() {
		return control.Refuse(0, "to end the ban of the whole network: jailctl unban "+wide.String()+"; to let in this address only: jailctl allow "+show.Address(p),
			"%s is still banned, because the network %s is banned", show.Address(p), wide)
	}
	return control.Refuse(0, "to let in this address: jailctl allow "+show.Address(p),
		"%s has no ban, but its packets are dropped, because these feeds list this address: %s", show.Address(p), strings.Join(feeds, ", "))
}
