package main

import (
	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
	"pbxjail/jails/geoip"
)

// geoipUpdate is what geoip update prints.
type geoipUpdate struct {
	Changed bool               `json:"changed"`
	New     control.GeoIPFile  `json:"new"`
	Old     *control.GeoIPFile `json:"old"` // null: there was none, or it was broken
}

func (a *app) geoipUpdateVerb() *cobra.Command {
	var from, to string
	c := &cobra.Command{
		Use:   "update --from FILE|URL",
		Short: "install a new geoip file; the daemon loads it by itself",
		Long: `update takes a MaxMind DB file (.mmdb), as it is or in a .gz, .tar.gz or .tgz, from
a path or from http or https. update checks the new file first; then the new file replaces
the geoip file of the same kind. A bad file changes nothing. If an archive has several files,
the largest is used.

  jailctl geoip update --from GeoLite2-ASN_20261101.tar.gz
  jailctl geoip update --from https://geo.example.net/country.mmdb.gz`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if from == "" {
				return usage("name the new file: jailctl geoip update --from FILE|URL", "update needs --from")
			}
			u, err := geoip.Fetch(c.Context(), from, to)
			if err != nil {
				return err
			}
			return a.printUpdate(u)
		},
	}
	c.Flags().StringVar(&from, "from", "", "a file, or a URL (http, https)")
	c.Flags().StringVar(&to, "to", geoip.Stored, "the folder for it; the daemon reads the default folder only")
	return c
}

func (a *app) printUpdate(u geoip.Update) error {
	if old := u.New.Old(a.now()); old != nil {
		a.complain("warning: %v", old)
	}
	if u.Old != nil && u.New.Built.Before(u.Old.Built) {
		a.complain("warning: the file that is installed now is older than the one before, and pbxjail uses it. To go back, install the newer file again: jailctl geoip update --from FILE")
	}
	if a.json {
		answer := geoipUpdate{Changed: !u.Same, New: a.geoipFile(u.New)}
		if u.Old != nil {
			answer.Old = new(a.geoipFile(*u.Old))
		}
		return a.emit(answer)
	}
	of := func(t geoip.Table) string {
		return t.Type + " of " + show.Date(t.Built) + ", " + show.Count(t.Days(a.now()), "day") + " old"
	}
	switch {
	case u.Same:
		a.say("%s: nothing changed, because this file was installed before: %s", u.Path, of(u.New))
	case u.Old == nil:
		a.say("%s: %s: %s", u.Path, u.New.Says, of(u.New))
	default:
		a.say("%s: %s: %s", u.Path, u.New.Says, of(u.New))
		a.say("  before: %s", of(*u.Old))
	}
	return nil
}
