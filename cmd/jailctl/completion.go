package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

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
				return usage("there is "+strings.Join(shells, ", "), "no completion for %q", args[0])
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
