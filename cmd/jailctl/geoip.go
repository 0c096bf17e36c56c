package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/jails/geoip"
)

func (a *app) geoipVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "geoip",
		Short: "the countries and networks of addresses, and the geoip files they come from; needs no daemon",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("write jailctl geoip status, jailctl geoip lookup ADDR, or jailctl geoip update --from FILE", "geoip needs a verb")
			}
			return noVerb(c, args)
		},
		SuggestionsMinimumDistance: 2,
	}
	c.AddCommand(a.geoipStatusVerb(), a.geoipLookupVerb(), a.geoipUpdateVerb())
	return c
}

// tables opens the files that the daemon would use.
func tables(config string) (*geoip.Tables, error) {
	main, err := configs.LoadMain(cmp.Or(config, configs.DefaultMain), config != "")
	if err != nil {
		return nil, err
	}
	return geoip.Open(geoip.Options{Files: main.GeoIP.Files}), nil
}

func configFlag(c *cobra.Command, config *string) {
	c.Flags().StringVar(config, "config", "", "main file (default "+configs.DefaultMain+", where it exists)")
}

// geoipStatus is what geoip status prints.
type geoipStatus struct {
	Files    []control.GeoIPFile `json:"files"`
	Problems []control.Problem   `json:"problems"`
}

func (a *app) geoipStatusVerb() *cobra.Command {
	var config string
	c := &cobra.Command{
		Use:   "status",
		Short: "the geoip files in use, what they contain, and how old they are",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			t, err := tables(config)
			if err != nil {
				return err
			}
			s := a.geoipStatus(t)
			if a.json {
				return a.emit(s)
			}
			return a.printGeoIPStatus(s)
		},
	}
	configFlag(c, &config)
	return c
}

func (a *app) geoipStatus(t *geoip.Tables) geoipStatus {
	s := geoipStatus{Files: []control.GeoIPFile{}, Problems: []control.Problem{}}
	for _, f := range t.Files() {
		s.Files = append(s.Files, a.geoipFile(f))
	}
	for _, err := range t.Problems(a.now()) {
		s.Problems = append(s.Problems, control.Problem{What: err.Error(), Hint: hint.Of(err)})
	}
	return s
}

func (a *app) geoipFile(f geoip.Table) control.GeoIPFile {
	return control.GeoIPFile{Path: f.Path, Embedded: f.Path == "", Type: f.Type, Says: f.Says, Built: f.Built, AgeDays: f.Days(a.now())}
}

func (a *app) printGeoIPStatus(s geoipStatus) error {
	for _, p := range s.Problems {
		a.say("problem: %s", p.What)
		a.say("   hint: %s", p.Hint)
	}
	t := a.newTable("FILE", "SAYS", "BUILT", "AGE", "TYPE")
	for _, f := range s.Files {
		t.row(fileName(f), f.Says, show.Date(f.Built), show.Count(f.AgeDays, "day"), f.Type)
	}
	return t.end()
}

func fileName(f control.GeoIPFile) string {
	if f.Embedded {
		return embeddedName
	}
	return f.Path
}

const embeddedName = "embedded"

// found is what geoip lookup prints of one address.
type found struct {
	Addr netip.Addr `json:"addr"`
	control.Place
	CountryFrom string `json:"country_from"` // a path, embedded, or "" if no file knows it
	ASNFrom     string `json:"asn_from"`
}

func (a *app) geoipLookupVerb() *cobra.Command {
	var config string
	c := &cobra.Command{
		Use:   "lookup ADDR...",
		Short: "the country and the network of addresses, and which geoip file says so",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("write "+useLine(c), "lookup needs ADDR")
			}
			var addrs []netip.Addr
			for _, arg := range args {
				p, err := a.prefixArg(arg)
				if err != nil {
					return err
				}
				if !p.IsSingleIP() {
					return usage("ask for one address of it, such as "+p.Addr().Next().String(), "%s is more than one address", p)
				}
				addrs = append(addrs, p.Addr())
			}
			t, err := tables(config)
			if err != nil {
				return err
			}
			return a.lookup(t, addrs)
		},
	}
	configFlag(c, &config)
	return c
}

func (a *app) lookup(t *geoip.Tables, addrs []netip.Addr) error {
	var list []found
	for _, addr := range addrs {
		list = append(list, whereIs(t, addr))
	}
	if a.json {
		return a.emit(list)
	}
	return a.printPlaces(list)
}

func whereIs(t *geoip.Tables, addr netip.Addr) found {
	p := t.Lookup(addr)
	return found{
		Addr: addr, Place: control.Place{Country: p.Country, ASN: p.ASN, Org: p.Org, Network: p.Network},
		CountryFrom: source(p.CountryFrom), ASNFrom: source(p.ASNFrom),
	}
}

func (a *app) printPlaces(list []found) error {
	out := a.newTable("ADDRESS", "COUNTRY", "ASN", "ORG", "NETWORK", "FROM")
	for _, f := range list {
		network, asn := "", ""
		if f.Network.IsValid() {
			network = f.Network.String()
		}
		if f.ASN != 0 {
			asn = fmt.Sprint("AS", f.ASN)
		}
		out.row(f.Addr.String(), f.Country, asn, f.Org, network, both(f.CountryFrom, f.ASNFrom))
	}
	return out.end()
}

func source(t *geoip.Table) string {
	switch {
	case t == nil:
		return ""
	case t.Path == "":
		return embeddedName
	}
	return t.Path
}

// both names two files, or the one that they are.
func both(a, b string) string {
	if a == b || b == "" {
		return a
	}
	return strings.TrimPrefix(a+", "+b, ", ")
}
