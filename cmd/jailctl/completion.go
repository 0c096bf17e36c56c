package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/dialplan"
	"pbxjail/configs/show"
)

const (
	// completionWait is how long the shell waits for the daemon.
	completionWait = time.Second
	// mostCompleted bounds the addresses that the shell is given, the newest bans first.
	mostCompleted = 200
)

// completeBans completes an address that is banned. Without a daemon there is none.
func (a *app) completeBans(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.away {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(c.Context(), completionWait)
	defer cancel()
	var list []string
	enough := errors.New("enough")
	_ = a.client().EachBan(ctx, control.BansRequest{Sort: "-since", Grep: begun}, func(b *control.Ban) error {
		if text := show.Address(b.Prefix); strings.HasPrefix(text, begun) {
			list = append(list, text)
		}
		if len(list) == mostCompleted {
			return enough
		}
		return nil
	}) // a shell has no place for an error
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeJails completes the name of a jail that runs.
func (a *app) completeJails(c *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(c.Context(), completionWait)
	defer cancel()
	names := slices.Clone(notJails)
	if s, err := a.client().Status(ctx); err == nil && !a.away {
		for _, j := range s.Jails {
			names = append(names, j.Name)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, begun) }), cobra.ShellCompDirectiveNoFileComp
}

// complete tells the shell what may follow each verb; where nothing is said, files.
func (a *app) complete(root *cobra.Command) {
	for _, c := range root.Commands() {
		switch c.Name() {
		case "unban", "why":
			c.ValidArgsFunction = a.completeBans
		case "list":
			c.ValidArgsFunction = cobra.NoFileCompletions
			_ = c.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(control.BanOrders, cobra.ShellCompDirectiveNoFileComp))
		case "history":
			c.ValidArgsFunction = cobra.NoFileCompletions
			_ = c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(historyBys, cobra.ShellCompDirectiveNoFileComp))
			_ = c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(historyKinds(), cobra.ShellCompDirectiveNoFileComp))
		case "dialplan":
			c.ValidArgsFunction = cobra.NoFileCompletions
			_ = c.RegisterFlagCompletionFunc("driver", cobra.FixedCompletions(dialplan.Drivers, cobra.ShellCompDirectiveNoFileComp))
			_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(dialplan.Formats, cobra.ShellCompDirectiveNoFileComp))
		case "ban", "allow", "disallow", "status", "reload", "on", "off", "allowed", "agents", "version", "audit-log", "notify", "export", "erase", "audit":
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
		if c.Name() == "jails" {
			_ = c.RegisterFlagCompletionFunc("print", a.completeJails)
		} else if f := c.Flags().Lookup("jail"); f != nil {
			_ = c.RegisterFlagCompletionFunc("jail", a.completeJails)
		}
	}
}

func (a *app) completionVerb() *cobra.Command {
	shells := []string{"bash", "fish", "zsh"}
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "print a completion script for " + strings.Join(shells, ", "),
		Example:   "  jailctl completion bash > /etc/bash_completion.d/jailctl",
		ValidArgs: shells,
		Args: func(c *cobra.Command, args []string) error {
			if err := takes("SHELL")(c, args); err != nil {
				return err
			}
			if !slices.Contains(shells, args[0]) {
				return usage("write one of "+strings.Join(shells, ", "), "no completion for %q", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			default:
				return root.GenZshCompletion(a.stdout)
			}
		},
	}
}
