package main

import (
	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
)

// versions is what version prints. Daemon is null when none answers.
type versions struct {
	Jailctl string  `json:"jailctl"`
	API     string  `json:"api"`
	Daemon  *string `json:"daemon"`
}

func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "the release of jailctl and of the daemon, if it runs",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			v := versions{Jailctl: control.Release(), API: control.Major}
			daemon, err := a.client().Version(c.Context())
			if err == nil {
				v.Daemon = &daemon
			}
			if a.json {
				return a.emit(v)
			}
			a.say("jailctl %s, api %s", v.Jailctl, v.API)
			if err != nil {
				a.say("daemon: %v", err)
			} else {
				a.say("daemon %s", daemon)
			}
			return nil
		},
	}
}
