package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/dialplan"
)

func (a *app) dialplanVerb() *cobra.Command {
	var drivers []string
	var format string
	page, _ := topic("unknown-calls") // jailctl help dialplan shows it, and the flags
	c := &cobra.Command{
		Use:   "dialplan --driver DRIVER",
		Short: "print a catch-all for the dialplan that logs unknown calls safely",
		Long:  page,
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			if len(drivers) == 0 {
				return usage("write --driver with one of "+strings.Join(dialplan.Drivers, ", ")+", or with several and a comma between them", "no driver given")
			}
			var list []dialplan.Driver
			for _, name := range drivers {
				if !slices.Contains(dialplan.Drivers, name) {
					return usage("write one of "+strings.Join(dialplan.Drivers, ", "), "--driver: there is no driver %q", name)
				}
				list = append(list, dialplan.Driver(name))
			}
			if !slices.Contains(dialplan.Formats, format) {
				return usage("write one of "+strings.Join(dialplan.Formats, ", "), "--format: there is no format %q", format)
			}
			text := dialplan.Unknown(list, dialplan.Format(format))
			if a.json {
				return a.emit(printedDialplan{drivers, format, text})
			}
			_, err := fmt.Fprint(a.stdout, text)
			return err
		},
	}
	c.Flags().StringSliceVar(&drivers, "driver", nil, "the channel driver of the calls: "+strings.Join(dialplan.Drivers, ", ")+"; several with a comma between them")
	c.Flags().StringVar(&format, "format", string(dialplan.Plain), "the file that the lines are for: "+strings.Join(dialplan.Formats, ", "))
	return c
}

// printedDialplan is the answer of dialplan with --json.
type printedDialplan struct {
	Drivers []string `json:"drivers"`
	Format  string   `json:"format"`
	Text    string   `json:"text"`
}
