package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/host"
)

// app is what every verb needs.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	now    func() time.Time
	socket string
	json   bool
	utc    bool   // times are printed in UTC
	notice string // what answers of the daemon begin with; it is printed once
	main   string // path of the main file; "" until a text needs it

	progress *progress // of the files that are read; nil: not shown
	columns  int       // how wide a line for people may be; 0: as wide as it is
	away     bool      // the shell completes a verb for another PBX: the daemon here is not asked
	remote   bool      // the verb is run for a jailctl on another machine
	limited  bool      // and for a user who is root through sudo alone; see withinRights
	terminal string    // how wide the terminal of that machine is, as $COLUMNS
}

// client asks the daemon. What its answers begin with is printed first: beside JSON on
// stderr.
func (a *app) client() *control.Client {
	c := control.NewClient(a.socket)
	c.SSH, _ = host.Caller()
	c.Notice = func(text string) {
		if a.notice != "" {
			return
		}
		if a.notice = text; a.json {
			a.complain("%s", text)
		} else {
			a.say("%s", text)
		}
	}
	return c
}

const about = `jailctl shows what the pbxjail daemon does, and controls it.

The main file is /etc/pbxjail/pbxjail.yaml. The jail files are in /etc/pbxjail.d.

Exit status:
  0  done; also for unban of an address that was not banned
  1  it failed, or a problem was found; stderr says why
  2  wrong usage: an unknown verb or flag, or a wrong argument
  3  there is no jail of this name
  4  something is risky, and nothing is worse (doctor, audit)
  5  another PBX did not answer (--host, --hosts, tunnel)`

// newRoot makes the command line: one verb, one file.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:                        "jailctl",
		Short:                      "show what pbxjail does, and control it",
		Long:                       about,
		Args:                       cobra.ArbitraryArgs,
		RunE:                       noVerb,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.PersistentFlags().StringVar(&a.socket, "socket", control.DefaultPath, "the daemon's control socket")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON, for programs")
	root.PersistentFlags().BoolVar(&a.utc, "utc", false, "print times in UTC, not in local time")
	wide := root.PersistentFlags().Bool("wide", false, fmt.Sprintf("do not break long lines; otherwise they are broken at %d columns, or at those of $COLUMNS", usualColumns))
	root.PersistentPreRunE = func(c *cobra.Command, args []string) error {
		if a.limited {
			if err := withinRights(c, args); err != nil {
				return err
			}
		}
		a.columns = columns(*wide, cmp.Or(a.terminal, os.Getenv("COLUMNS")))
		if f := c.Flag("config"); f != nil {
			a.main = f.Value.String()
		}
		return nil
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		do := "to see all options: " + c.CommandPath() + " --help"
		if strings.Contains(err.Error(), ": --host") {
			do = "write --host and --hosts before the verb: jailctl --host user@pbx " + c.Name()
		}
		return usage(do, "%w", err)
	})
	root.SetHelpCommand(a.helpVerb())
	root.AddCommand(
		a.statusVerb(), a.listVerb(), a.banVerb(), a.unbanVerb(), a.allowVerb(), a.allowedVerb(), a.disallowVerb(), a.protectedVerb(), a.ackVerb(), a.whyVerb(), a.historyVerb(), a.auditLogVerb(), a.exportVerb(), a.eraseVerb(), a.topVerb(), a.wireVerb(), a.agentsVerb(),
		a.offVerb(), a.onVerb(), a.reloadVerb(), a.versionVerb(), a.completionVerb(),
		a.parseVerb(), a.replayVerb(), a.checkVerb(), a.jailsVerb(), a.feedsVerb(), a.geoipVerb(), a.rulesVerb(), a.doctorVerb(), a.setupVerb(), a.importVerb(),
	)
	root.AddCommand(a.notifyVerb(), a.callsVerb(), a.metricsVerb(), a.auditVerb())
	root.AddCommand(a.remoteVerb(), a.dialplanVerb())
	root.AddCommand(a.tunnelVerb())
	elsewhereFlags(root)
	root.AddCommand(a.recordingsVerb())
	root.AddCommand(manVerbs()...)
	a.complete(root)
	return root
}

const (
	usualColumns = 100
	leastColumns = 80
)

// columns is how wide a line may be, by the flag --wide and what the environment says; 0: as
// wide as it is.
func columns(wide bool, env string) int {
	if n, err := strconv.Atoi(env); !wide && err == nil && n >= leastColumns {
		return n
	}
	if wide {
		return 0
	}
	return usualColumns
}

func noVerb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("to see what pbxjail does: jailctl status; to see all verbs: jailctl --help", "no verb given")
	}
	hint := "to see all verbs: jailctl --help"
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage(hint, "unknown verb %q", args[0])
}

// useLine is how a verb is written, without its options.
func useLine(c *cobra.Command) string { return strings.TrimSuffix(c.UseLine(), " [flags]") }

// takes refuses any other number of arguments than those named.
func takes(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usage("write "+useLine(c), "%s needs %s", c.Name(), names[len(args)])
		}
		if len(args) > len(names) {
			return usage("write "+useLine(c), "%s does not take %q", c.Name(), args[len(names)])
		}
		return nil
	}
}
