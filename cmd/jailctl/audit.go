package main

import (
	"net"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/page"
	"pbxjail/cmd/internal/audit/parts"
)

func (a *app) auditVerb() *cobra.Command {
	var only, addresses []string
	var html bool
	var root, config string
	about, _ := topic("weak-places") // jailctl help audit shows it, and the flags
	all := parts.All()
	c := &cobra.Command{
		Use:   "audit [--only NAME[,NAME]] [--html]",
		Short: "look for weak places: encryption, bash, Asterisk, FreePBX, ssh, open ports, recordings",
		Long:  about,
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if html && a.json {
				return usage("give one of them, and then the other one", "--html and --json are two forms of the same report")
			}
			chosen, unknown := audit.Choose(all, only)
			if unknown != "" {
				return usage("write one or more of these after --only: "+strings.Join(audit.Names(all), ", "), "jailctl audit has no part %q", unknown)
			}
			for _, address := range addresses {
				if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
					return usage("write --address HOST:PORT, such as --address pbx.example:5061", "%q is not a host and a port", address)
				}
			}
			m := audit.This(a.now())
			if root != "" {
				var err error
				if m, err = audit.InFolder(root, a.now()); err != nil {
					return &usageError{err}
				}
			}
			m.Addresses, m.Main = addresses, config
			r := audit.Examine(c.Context(), m, chosen)
			if html {
				if err := page.Write(a.stdout, page.Of(m, chosen, r)); err != nil {
					return err
				}
				return a.verdict(r, "jailctl audit")
			}
			return a.tellFor(r, "jailctl audit")
		},
	}
	c.Flags().StringSliceVar(&only, "only", nil, "look at these parts only: "+strings.Join(audit.Names(all), ", "))
	configFlag(c, &config)
	c.Flags().BoolVar(&html, "html", false, "print a page for a browser, to print on paper or to keep")
	c.Flags().StringSliceVar(&addresses, "address", nil, "test the encryption of this port too: HOST:PORT")
	c.Flags().StringVar(&root, "root", "", "look at the files of another machine, such as a backup, in this folder; its programs are not started")
	_ = c.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(audit.Names(all), cobra.ShellCompDirectiveNoFileComp))
	return c
}
