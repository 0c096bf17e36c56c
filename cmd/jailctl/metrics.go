package main

import (
	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/metrics/boards"
)

func (a *app) metricsVerb() *cobra.Command {
	page, _ := topic("prometheus") // jailctl help metrics shows it, and the flags
	c := &cobra.Command{
		Use:   "metrics",
		Short: "a dashboard for Grafana and alert rules for Prometheus",
		Long:  page,
		Args:  takes(),
	}
	dashboard := c.Flags().Bool("dashboard", false, "print a dashboard for Grafana, as JSON")
	rules := c.Flags().Bool("rules", false, "print alert rules for Prometheus, as YAML")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case *dashboard && *rules:
			return usage("give one of them, and then the other one", "--dashboard and --rules are two files")
		case *dashboard:
			return a.write(boards.Dashboard)
		case *rules:
			return a.write(boards.Rules)
		}
		return c.Help()
	}
	return c
}

// write prints a file as it is.
func (a *app) write(file []byte) error {
	_, err := a.stdout.Write(file)
	return err
}
