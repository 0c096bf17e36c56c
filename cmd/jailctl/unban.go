package main

import (
	"context"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

func (a *app) unbanVerb() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "unban ADDR|--all",
		Short: "lift a ban, or all of them; no ban to lift is no error",
		Args: func(c *cobra.Command, args []string) error {
			if all {
				return takes()(c, args)
			}
			return takes("ADDR or --all")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if all {
				return a.unbanAll(c.Context())
			}
			p, err := a.prefixArg(args[0])
			if err != nil {
				return err
			}
			return a.unban(c.Context(), p)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "lift every ban")
	return c
}

func (a *app) unbanAll(ctx context.Context) error {
	n, err := a.client().UnbanAll(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.emit(map[string]int{"lifted": n})
	}
	a.say("lifted %d bans", n)
	return nil
}

func (a *app) unban(ctx context.Context, p netip.Prefix) error {
	was, err := a.client().Unban(ctx, p)
	if err != nil {
		return err
	}
	if !was {
		if err := a.stillInside(ctx, p); err != nil {
			return err
		}
	}
	switch {
	case a.json && was:
		return a.emit(map[string]int{"lifted": 1})
	case a.json:
		return a.emit(map[string]int{"lifted": 0})
	case was:
		a.say("lifted the ban of %s", show.Address(p))
	default:
		a.say("%s was not banned", show.Address(p))
	}
	return nil
}

// stillInside is the error of lifting an address whose packets are dropped all
// the same, because a wider prefix is banned or a feed names it.
func (a *app) stillInside(ctx context.Context, p netip.Prefix) error {
	why, err := a.client().Why(ctx, p.Addr())
	if err != nil {
		return err
	}
	if why.Banned == nil && len(why.DroppedBy) > 0 {
		return control.Refuse(0, "put it into ignoreip: protection beats feeds",
			"%s has no ban of its own, but the lists of %s drop it", show.Address(p), strings.Join(why.DroppedBy, ", "))
	}
	if why.Banned == nil || !why.Banned.Prefix.Contains(p.Addr()) || why.Banned.Prefix.Bits() >= p.Bits() {
		return nil
	}
	wider := why.Banned.Prefix
	return control.Refuse(0, "jailctl unban "+wider.String()+" lifts that one",
		"%s has no ban of its own, but is inside the ban of %s", show.Address(p), wider)
}
