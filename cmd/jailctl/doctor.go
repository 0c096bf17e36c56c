package main

import (
	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/doctor"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

func (a *app) doctorVerb() *cobra.Command {
	var config string
	var knock bool
	c := &cobra.Command{
		Use:   "doctor [--probe]",
		Short: "find problems and say what to do; --probe tests a ban with packets",
		Long: `doctor asks the daemon about each of its parts, and looks at this machine: the logs and the
configuration of Asterisk, its dialplan, the firewall, the disks and the clock. It asks
whether pbxjail can see attacks, decide, and drop packets. It changes nothing. Run it as
root: it cannot report what it may not read.

Each finding has one of these words:
  broken  a part does not do its work, or a caller can run commands
  blind   attacks can happen that pbxjail does not see
  risky   an attacker can use it, or a ban can go wrong
  note    good to know; nothing is wrong
  ok      doctor looked at it, and nothing is wrong

--probe proves that a ban drops packets. It makes two network namespaces of its own. In one
of them it runs the enforcer of /etc/pbxjail/pbxjail.yaml and bans test addresses. From the
other one it sends packets of udp, tcp and icmp, in IPv4 and IPv6. This needs root and no
daemon, takes some seconds, and leaves nothing behind. No rule of this host is changed, and
no packet leaves the namespaces.

The exit status is 0 when there are only ok and note, 1 when something is broken or blind,
and 4 when something is risky and nothing is worse.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if knock {
				return a.probe(c.Context(), config)
			}
			if config != "" {
				return usage("remove --config; to test the firewall: jailctl doctor --probe --config FILE; to test a file: jailctl check FILE", "--config is only for --probe")
			}
			return a.tell(doctor.Examine(c.Context(), a.client(), a.now()))
		},
	}
	c.Flags().BoolVar(&knock, "probe", false, "prove in namespaces of its own that a ban drops packets")
	configFlag(c, &config)
	return c
}

// riskyError says that something is risky or could not be looked at, and nothing is worse.
type riskyError struct{ error }

func (r *riskyError) Unwrap() error { return r.error }

// tell prints what doctor found; what is wrong makes it an error.
func (a *app) tell(r findings.Report) error { return a.tellFor(r, "jailctl doctor") }

// tellFor prints what a verb found; what is wrong makes it an error.
func (a *app) tellFor(r findings.Report, verb string) error {
	if a.json {
		if err := a.emit(r); err != nil {
			return err
		}
	} else {
		for _, f := range r.Findings {
			a.printFinding(f)
		}
		a.explainSeverities(r)
	}
	return a.verdict(r, verb)
}

// verdict is nil when nothing is wrong and everything could be looked at.
func (a *app) verdict(r findings.Report, verb string) error {
	text := show.Count(r.Problems(), "problem")
	if n := r.Unseen(); n > 0 {
		text += ", and " + show.Count(n, "thing") + " that could not be looked at"
	}
	err := control.Refuse(0, "do what the hint under each problem says, then run "+verb+" again", "%s", text)
	switch worst := r.Worst(); {
	case worst <= findings.Note:
		return nil
	case worst <= findings.Risky:
		return &riskyError{err}
	}
	return err
}
