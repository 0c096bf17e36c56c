package main

import (
	"net/netip"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
)

func (a *app) ackVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "ack [ACCOUNT|ADDR]",
		Short: "acknowledge an alarm about a password; without a name, all alarms",
		Long: `pbxjail raises an alarm when an account logs in from an address for the first time after
five failures or more of this account there: someone may have guessed its password. status,
doctor, list, top and why show the alarm until you acknowledge it.

If the password was guessed, change it before you run ack. After ack, the account is at home
at that address again with its next log-in there, unless a log-in fails first.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return takes("ACCOUNT or ADDR")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			var q control.AckRequest
			if len(args) == 1 {
				if addr, err := netip.ParseAddr(args[0]); err == nil {
					q.Addr = addr
				} else {
					q.Account = args[0]
				}
				if q == (control.AckRequest{}) {
					return usage("write jailctl ack ACCOUNT, jailctl ack ADDR, or jailctl ack alone for all alarms", "the name of the account is empty")
				}
			}
			done, err := control.Ask(c.Context(), a.client(), control.CallAck, q)
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(done)
			}
			for _, alarm := range done.Acked {
				a.say("acknowledged: %s", alarm.What)
			}
			if len(done.Acked) == 0 {
				a.say("there is no such alarm, so nothing changed. To see all alarms: jailctl list")
			}
			return nil
		},
	}
}

// printAlarms prints the alarms that are not acknowledged.
func (a *app) printAlarms(alarms []control.Alarm) {
	for _, alarm := range alarms {
		a.say("alarm: %s, %s; to end the alarm: jailctl ack %s", alarm.What, a.ago(alarm.At), alarm.Addr)
	}
}
