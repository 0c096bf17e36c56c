package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/probe"
	"pbxjail/configs"
	"pbxjail/configs/show"
)

// probe tests the enforcer of the main file, even where the main file only observes: it
// may enforce later.
func (a *app) probe(ctx context.Context, config string) error {
	main, err := configs.LoadMain(cmp.Or(config, configs.DefaultMain), config != "")
	if err != nil {
		return err
	}
	r, err := probe.Run(ctx, probe.Options{Kind: main.Enforcer, Hook: main.Hook, Chain: main.Chain})
	if err != nil {
		return err
	}
	return a.printProbe(r)
}

func (a *app) printProbe(r probe.Report) error {
	if a.json {
		if err := a.emit(r); err != nil {
			return err
		}
	} else {
		a.say("enforcer: %s", r.Enforcer)
		for _, n := range r.Notes {
			a.say("note: %s", n)
			if strings.Contains(n, "ip6tables is not installed") {
				a.say("   hint: apt-get install iptables; then: systemctl restart pbxjail, and again: jailctl doctor --probe")
			}
		}
		a.say("")
		t := a.newTable("CHECK", "FAMILY", "RESULT")
		for _, c := range r.Checks {
			result := c.Result
			if c.Why != "" {
				result += ": " + c.Why
			}
			t.row(c.Check, cmp.Or(c.Family, "both"), result)
		}
		if err := t.end(); err != nil {
			return err
		}
		a.say("")
		for _, line := range probeLegend(r.Checks) {
			a.say("%s", line)
		}
	}
	if n := r.Failed(); n > 0 {
		return control.Refuse(0, "write another enforcer into the main file, such as enforcer: nftables, or another hook, such as hook: filter; then run: jailctl doctor --probe",
			"%s failed: bans on this host may not drop packets", show.Count(n, "check"))
	}
	return nil
}

// checkMeans is what each check of the probe wants, in the order of the table.
var checkMeans = []struct{ check, means string }{
	{"udp", "packets of a banned address over UDP must be dropped"},
	{"tcp", "packets of a banned address over TCP must be dropped"},
	{"icmp", "pings of a banned address must be dropped"},
	{"udp, under way", "packets over UDP must be dropped too if the address sent packets before the ban"},
	{"tcp, under way", "packets of a TCP connection that was open before the ban must be dropped too"},
	{"ports of SIP alone", "a ban of the ports of SIP must leave other ports open"},
	{"network", "packets of all addresses of a banned network must be dropped"},
	{"neighbour", "packets of an address that is not banned must pass"},
	{"time left", "the ban must end in time"},
	{"teardown", "at the end pbxjail must remove its rules and sets"},
}

// probeLegend explains the columns and the checks that are in the table.
func probeLegend(checks []probe.Check) (list []string) {
	for _, one := range checkMeans {
		if slices.ContainsFunc(checks, func(c probe.Check) bool { return c.Check == one.check }) {
			list = append(list, one.check+": "+one.means)
		}
	}
	list = append(list, "FAMILY: v4 is IPv4, v6 is IPv6; both: one check for IPv4 and IPv6 together")
	if slices.ContainsFunc(checks, func(c probe.Check) bool { return c.Result == probe.Skipped }) {
		list = append(list, "skipped: this check was not possible here, and this is no fault")
	}
	return list
}
