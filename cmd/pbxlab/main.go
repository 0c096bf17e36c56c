// Command pbxlab is the test bench of pbxjail: a PBX and the world in network
// namespaces of their own, recorded attacks, and real packets that show who gets
// through. Developers and `make demo` run it, as root. It must never touch the
// host's network, firewall or logs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

const about = `pbxlab makes a PBX and the world in network namespaces, and shows who gets through.

Exit status:
  0 done, and all checks passed
  1 a check failed; the output says which
  2  wrong usage`

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use: "pbxlab", Short: "the test bench of pbxjail", Long: about,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	started := false // a verb that runs was used rightly
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.AddCommand(demoVerb(), netVerb(), e2eVerb(), e2eWireVerb(), e2eOfficeVerb(), e2eDoctorVerb(), e2eCallsVerb(), e2eDialplanVerb(), benchVerb(), benchWireVerb(), benchFloodVerb(), benchHeardVerb(), benchIdleVerb(), benchPeersVerb())
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "pbxlab:", err)
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		fmt.Fprintln(os.Stderr, "  hint:", h.Hint())
	}
	if !started {
		return 2
	}
	return 1
}
