package main

import (
	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
)

func (a *app) offVerb() *cobra.Command {
	var length string
	c := &cobra.Command{
		Use:   "off",
		Short: "remove everything of pbxjail from the kernel, until jailctl on",
		Long: `off removes the chains, sets, lists and packet rules of pbxjail from the kernel, and nothing
else. pbxjail stays off, also after a restart, until jailctl on or until the time of --for
is over. Bans end at the same time as without off. What pbxjail decides while it is off is
recorded as observed, and is never enforced.

If the daemon does not run: pbxjail --flush`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			var q control.OffRequest
			if c.Flags().Changed("for") {
				seconds, err := parseFor(length)
				if err != nil {
					return err
				}
				q.ForSeconds = *seconds
			}
			done, err := control.Ask(c.Context(), a.client(), control.CallOff, q)
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(done)
			}
			until := "until: jailctl on"
			if done.Off != nil && done.Off.Until != nil {
				until = "until " + a.stamp(*done.Off.Until) + ", or: jailctl on"
			}
			a.say("pbxjail is off, %s. All its rules are out of the firewall, and nothing is dropped", until)
			return nil
		},
	}
	c.Flags().StringVar(&length, "for", "", "how long, such as 30m or 2h; without it, until jailctl on")
	return c
}

func (a *app) onVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "on",
		Short: "bring back what jailctl off removed from the kernel",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			done, err := control.Ask(c.Context(), a.client(), control.CallOn, control.None{})
			switch {
			case err != nil:
				return err
			case a.json:
				return a.emit(done)
			case !done.Was:
				a.say("pbxjail was not switched off, so nothing changed")
			case done.Observes:
				a.say("pbxjail is on, but it only observes: nothing is dropped")
			default:
				a.say("pbxjail is on. Bans whose time is not over are in the firewall again within seconds")
			}
			return nil
		},
	}
}
