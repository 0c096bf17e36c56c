package main

import (
	"fmt"
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
		Short: "print each SIP or IAX2 request with its answer, live, of one address or of all; root only",
		Long: `wire prints a line for each request that this PBX receives or sends, when it is answered:
the time, the other address (-> means that this PBX sent the request), the method, the
account, the number, the answer, the time it took in ms, and the user agent. It runs until
ctrl-c. It shows the numbers that your customers call, so only root may use it. Calls
themselves and passwords are never read. With --json each line is an object.`,
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
			return control.Follow(ctx, a.client(), control.StreamWire, q, a.sayFollowing(q.Addr), a.printTransaction)
		},
	}
}

// sayFollowing tells on stderr that requests are shown from now on: none may come for a long
// time. It prints the head of the columns.
func (a *app) sayFollowing(addr netip.Addr) func() {
	return func() {
		if !a.json {
			defer a.say(wireForm, "TIME", "  ", "OTHER ADDRESS", "METHOD", "ACCOUNT", "NUMBER", "ANSWER", "TOOK", "USER AGENT")
		}
		if addr.IsValid() {
			a.complain("showing the requests of %s from now on; ctrl-c ends this", addr)
			return
		}
		a.complain("showing the requests of all addresses from now on; ctrl-c ends this")
	}
}

// wireForm is a line of the verb wire.
const wireForm = "%-12s %s %-24s %-9s %-16s %-16s %-9s %11s  %s"

func (a *app) printTransaction(t control.Transaction) error {
	if a.json {
		return a.emit(t)
	}
	if t.Dropped > 0 {
		a.say("... %d more requests were not shown, because this terminal is too slow", t.Dropped)
	}
	way := "  "
	if t.Out {
		way = "->"
	}
	a.say(wireForm, t.Time.Local().Format("15:04:05.000"), way, t.Remote, t.Method,
		dash(t.Account), dash(t.Number), t.Answer, fmt.Sprintf("%.1f ms", t.TookMS), dash(t.Agent))
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
