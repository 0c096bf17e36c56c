package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) reloadVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "make the daemon read its files again; a file with a mistake changes nothing",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := a.client().Reload(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(map[string]any{"reloaded": true, "waiting": r.Waiting})
			}
			a.say("reloaded")
			if len(r.Waiting) > 0 {
				a.say("still with the old value: %s. To use the new value: systemctl restart pbxjail", strings.Join(r.Waiting, ", "))
			}
			return nil
		},
	}
}
