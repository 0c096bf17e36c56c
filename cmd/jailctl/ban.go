package main

import (
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

func (a *app) banVerb() *cobra.Command {
	var length string
	var req control.BanRequest
	c := &cobra.Command{
		Use:   "ban ADDR",
		Short: "ban an address or a prefix now",
		Args:  takes("ADDR"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if req.Prefix, err = a.prefixArg(args[0]); err != nil {
				return err
			}
			if c.Flags().Changed("for") {
				if req.ForSeconds, err = parseFor(length); err != nil {
					return err
				}
			}
			b, err := a.client().Ban(c.Context(), req)
			if err != nil {
				return err
			}
			if b.Pending {
				a.complain("note: the ban is not in the firewall yet, so packets of this address pass. pbxjail tries again every few seconds. To see why: jailctl status")
			}
			if a.json {
				return a.emit(b)
			}
			if b.Observed {
				a.say("not banned, because pbxjail only observes: %s would be banned by jail %s, left: %s. This ban stays without effect, also when pbxjail is switched on", show.Address(b.Prefix), b.Jail, left(b))
				return nil
			}
			a.say("banned %s, jail %s, left: %s%s", show.Address(b.Prefix), b.Jail, left(b), onlyPorts(b))
			return nil
		},
	}
	c.Flags().StringVar(&length, "for", "", "how long, such as 10m, 1h30m, 4w or forever; without it, the bantime of the jail")
	c.Flags().StringVar(&req.Ports, "ports", "all", "the ports it closes: all, or sip, iax, ami, http and numbers such as 5060,10000-20000/udp")
	c.Flags().StringVar(&req.Jail, "jail", "", "the jail that the ban belongs to")
	c.Flags().BoolVar(&req.Force, "force", false, "ban even a protected address or a wide prefix")
	return c
}

// onlyPorts says which ports a ban closes, where it does not close all.
func onlyPorts(b control.Ban) string {
	if b.Ports == "" || b.Ports == "all" {
		return ""
	}
	return ", ports: " + b.Ports
}

// parseFor reads the value of --for as the API's seconds, of which 0 is forever.
func parseFor(text string) (*int64, error) {
	d, err := configs.ParseDuration(text)
	if err != nil {
		return nil, usage(hint.Of(err), "--for: %w", err)
	}
	return new(int64(d / time.Second)), nil
}
