package main

import (
	"net/netip"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/control"
)

func (a *app) wireVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "wire [ADDR]",
		Short: "live: each request on the wire with its answer, of an address or of all; root only",
		Long: `wire prints a line for each request that reaches this PBX, or that it sends, once it is
answered: when, from whom (-> means that we asked), what, as which account, for which
number, what the answer was, after how many ms, and the user agent. It goes on until
ctrl-c. It shows whom your customers call, so only root may ask. What is said in calls,
and passwords, are never read. With --json each line is an object.`,
		Args: upTo1("ADDR"),
		RunE: func(c *cobra.Command, args []string) error {
			var q control.WireRequest
			if len(args) == 1 {
				addr, err := netip.ParseAddr(args[0])
				if err != nil || addr.Zone() != "" {
					return usage("give one address, such as 203.0.113.9", "%q is not an address", args[0])
				}
				q.Addr = addr.Unmap()
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			return control.Follow(ctx, a.client(), control.StreamWire, q, a.printTransaction)
		},
	}
}

func (a *app) printTransaction(t control.Transaction) error {
	if a.json {
		return a.emit(t)
	}
	if t.Dropped > 0 {
		a.say("... %d more were not shown: this terminal is too slow", t.Dropped)
	}
	way := "  "
	if t.Out {
		way = "->"
	}
	a.say("%s %s %-24s %-9s %-16s %-16s %-9s %8.1f ms  %s", t.Time.Local().Format("15:04:05.000"), way, t.Remote, t.Method,
		dash(t.Account), dash(t.Number), t.Answer, t.TookMS, dash(t.Agent))
	return nil
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// upTo1 takes at most one argument of this name.
func upTo1(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage("give one "+name+" or none", "%d arguments are too many", len(args))
		}
		return nil
	}
}
