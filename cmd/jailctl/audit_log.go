package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/show"
)

func (a *app) auditLogVerb() *cobra.Command {
	var q control.AuditRequest
	var since string
	c := &cobra.Command{
		Use:   "audit-log",
		Short: "who gave which command, and from where",
		Long: `audit-log prints the commands that changed something, or were refused, newest last: who gave
them, from where, and when. A reload by SIGHUP and the end of jailctl off --for are listed too.

What can be trusted:
  - WHO is from the kernel (SO_PEERCRED), and "logged in as" too (loginuid): with sudo it names
    the user behind root.
  - FROM is the remote host of the session, as logind or the kernel knows it. Only root can
    change that.
  - FROM with "(says)" is from the variable SSH_CONNECTION of the caller. Any caller can write
    another address into it. It is printed only where the system knows no session.
  - A user who is root can change the database, and so this list. Send the log of pbxjail to another
    machine if you need more.

keep_audit in /etc/pbxjail/pbxjail.yaml says how long commands are kept. jailctl erase
removes addresses from them.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if q.Since, err = a.sinceFlag(c, since); err != nil {
				return err
			}
			if q.N < 1 || q.N > control.MostAudit {
				return usage("write a number from 1 to "+number(control.MostAudit), "-n: %d is out of range", q.N)
			}
			list, err := a.client().AuditLog(c.Context(), q)
			if err != nil {
				return err
			}
			slices.Reverse(list)
			if a.json {
				return a.emit(list)
			}
			return a.printAudit(list)
		},
	}
	c.Flags().StringVar(&since, "since", "", "only those within this time, such as 7d")
	c.Flags().StringVar(&q.User, "user", "", "only those of this user: a name or a uid")
	c.Flags().StringVar(&q.Verb, "verb", "", "only this command, such as unban")
	c.Flags().IntVarP(&q.N, "rows", "n", 50, "how many, from the newest on")
	return c
}

// sinceFlag reads --since; 0 when it is not there.
func (a *app) sinceFlag(c *cobra.Command, text string) (time.Duration, error) {
	if !c.Flags().Changed("since") {
		return 0, nil
	}
	d, err := configs.ParseDuration(text)
	if err != nil || d == configs.Forever {
		return 0, usage("write a time such as 10m, 2h or 1d", "--since: %q is not a time", text)
	}
	return d, nil
}

func (a *app) printAudit(list []control.AuditEntry) error {
	if len(list) == 0 {
		a.say("no command in the audit log matches")
		return nil
	}
	t := a.newTable("WHEN", "WHO", "FROM", "COMMAND")
	for i := range list {
		e := &list[i]
		what := e.Verb
		if e.What != "" {
			what += " " + e.What
		}
		if e.Refused != "" {
			what += " (refused: " + e.Refused + ")"
		}
		t.row(a.stamp(e.At), e.Who(), fromWords(e), what)
	}
	if err := t.end(); err != nil {
		return err
	}
	a.say("")
	a.say("%s. FROM: the address from which the admin logged in over SSH; (says): only the caller says so, and it may be false", show.Count(len(list), "command"))
	return nil
}

// fromWords is from where a command came, and who says so.
func fromWords(e *control.AuditEntry) string {
	switch {
	case !e.SSH.IsValid():
		return ""
	case e.SSHFrom == "caller":
		return e.SSH.String() + " (says)"
	}
	return e.SSH.String()
}
