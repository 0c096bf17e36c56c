package main

import "github.com/spf13/cobra"

func (a *app) reloadVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "make the daemon read its files again; a bad one keeps the old",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.client().Reload(c.Context()); err != nil {
				return err
			}
			if a.json {
				return a.emit(map[string]bool{"reloaded": true})
			}
			a.say("reloaded")
			return nil
		},
	}
}
