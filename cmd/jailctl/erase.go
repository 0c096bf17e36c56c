package main

import (
	"net/netip"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

func (a *app) exportVerb() *cobra.Command {
	var account string
	c := &cobra.Command{
		Use:   "export ADDR | --account NAME",
		Short: "print all that is stored about an address or an account, as JSON",
		Long: `export prints all that pbxjail has stored about an address, as JSON: bans with their lines, history,
log-ins, unbans, and commands of admins that name the address. "also" says where else the address
may be. With --account it prints what is stored about an account: from where it logs in, the
countries that it has called, counts of its calls, and what names it. Use export if somebody asks
what you know about them.`,
		Args: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("account") {
				return takes()(c, args)
			}
			return takes("ADDR")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			q := control.ExportRequest{Account: unescaped(account)}
			if len(args) == 1 {
				addr, err := netip.ParseAddr(args[0])
				if err != nil || addr.Zone() != "" {
					return notAddress(args[0])
				}
				q.Addr = addr.Unmap()
			} else if q.Account == "" {
				return usage("write jailctl export --account NAME", "the name of the account is empty")
			}
			x, err := control.Ask(c.Context(), a.client(), control.CallExport, q)
			if err != nil {
				return err
			}
			return a.emit(x)
		},
	}
	c.Flags().StringVar(&account, "account", "", "an account in place of an address, as history prints it")
	return c
}

func (a *app) eraseVerb() *cobra.Command {
	var q control.EraseRequest
	c := &cobra.Command{
		Use:   "erase ADDR | --account NAME",
		Short: "delete all that is stored about an address or an account",
		Long: `erase deletes what is stored about an address (or a network), or an account: bans that are
over and their lines, history, log-ins, alarms, strikes, and messages that wait to be sent. In the
audit log it writes "(erased)" in place of the address or the account. The files of pbxjail are
written again where needed, so that the bytes are gone too. This takes about a second for each 60 MB
of the database, and a minute for a large history. Meanwhile pbxjail bans as always, but it saves
new bans, and repairs the firewall if other programs change it, only afterwards.

A line that names the address or the account is deleted, also of a ban of another address.

What stays, and is printed:
  - A ban that is in force stays; only its address, jail and times are kept. --unban ends it.
    When the ban is over, it is in the history: then erase again, or wait for keep_bans.
  - jailctl allow entries are settings; jailctl disallow removes them.
  - Copies of a damaged database are not changed: delete them.
Not reached: messages that were sent, the log of pbxjail (journald), the logs of Asterisk, backups.

An account that is erased, or whose address is erased, is not at home any more until its phone
logs in again: until then its failures can lead to a ban.

The audit log keeps a receipt: a random number, and how many rows were deleted. It does not show
which address or account it was.`,
		Args: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("account") {
				return takes()(c, args)
			}
			return takes("ADDR")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			if len(args) == 1 {
				if q.Prefix, err = a.prefixArg(args[0]); err != nil {
					return err
				}
			} else if q.Account = unescaped(q.Account); q.Account == "" {
				return usage("write jailctl erase --account NAME", "the name of the account is empty")
			}
			done, err := a.client().Erase(c.Context(), q)
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(done)
			}
			a.printErased(done)
			return nil
		},
	}
	c.Flags().StringVar(&q.Account, "account", "", "an account in place of an address, as history prints it")
	c.Flags().BoolVar(&q.Unban, "unban", false, "also end the bans of the address")
	return c
}

func (a *app) printErased(done control.EraseAnswer) {
	a.say("erased; receipt %s", done.Receipt)
	a.say("  deleted: %d bans, %d log lines, %d log-ins, %d alarms, %d notes (unbans, sessions of admins, reports), %d entries of the history, %d unsent messages; changed: %d entries of the audit log",
		done.Bans, done.Lines, done.LogIns, done.Alarms, done.Moments, done.History, done.Messages, done.Audit)
	for _, p := range done.Running {
		a.say("  not erased: the ban of %s is in force; to end this ban too: jailctl erase %s --unban", show.Address(p), show.Address(p))
	}
	for _, what := range done.Allowed {
		a.say("  not erased: an entry of jailctl allow; to remove this entry: jailctl disallow %s", what)
	}
	for _, path := range done.Copies {
		a.say("  not erased: an old damaged database; to delete it: rm %s", path)
	}
}
