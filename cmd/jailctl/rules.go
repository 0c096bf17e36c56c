package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/actions/packets"
	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/packetrules"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
)

// printed is what `jailctl rules --format` was asked for.
type printed struct {
	format, config string
	family         int
	force          bool
}

func (a *app) rulesVerb() *cobra.Command {
	var p printed
	c := &cobra.Command{
		Use:   "rules",
		Short: "the packet rules and what they dropped; --format prints them for another firewall",
		Long: `rules prints the packet rules in the kernel with their counters. --format prints the rules
of packet_rules in /etc/pbxjail/pbxjail.yaml, enabled or not, and the lists of the feeds with
use: ban, in the form of another firewall. Copy them into that firewall by hand. --format
needs no daemon.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("format") {
				return a.printRules(p)
			}
			for _, flag := range []string{"config", "family", "force"} {
				if c.Flags().Changed(flag) {
					return usage("write jailctl rules --format FORMAT --"+flag+" ...", "--%s works only with --format", flag)
				}
			}
			rules, err := a.client().Rules(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(rules)
			}
			return a.showRules(rules)
		},
	}
	c.Flags().StringVar(&p.format, "format", "", "print for "+strings.Join(packets.Formats, ", "))
	c.Flags().StringVar(&p.config, "config", "", "main file (default "+configs.DefaultMain+", where it exists)")
	c.Flags().IntVar(&p.family, "family", 4, "4 for IPv4 or 6 for IPv6, with --format iptables-restore or freepbx")
	c.Flags().BoolVar(&p.force, "force", false, "print even if packets of our own peers would be dropped")
	return c
}

func (a *app) printRules(p printed) error {
	if !slices.Contains(packets.Formats, p.format) {
		return usage("write one of "+strings.Join(packets.Formats, ", "), "unknown format %q", p.format)
	}
	if p.family != 4 && p.family != 6 {
		return usage("write --family 4 or --family 6", "there is no family %d", p.family)
	}
	path := p.config
	if path == "" {
		path = configs.DefaultMain
	}
	main, err := configs.LoadMain(path, p.config != "")
	if err != nil {
		a.problem(err)
		return control.Refuse(0, "correct the main file, then: jailctl check", "no rules are printed, because the main file has a mistake")
	}
	agents, err := configs.LoadAgents(main.Useragents)
	if err != nil {
		a.problem(err)
		return control.Refuse(0, "correct the list of user agents, then: jailctl check", "no rules are printed, because the list of user agents has a mistake")
	}
	main.PacketRules.Force = main.PacketRules.Force || p.force
	known, notes := ours(main)
	plan, more, err := packetrules.Plan(main, agents, known)
	if err != nil {
		return err
	}
	lists, left, err := listsOf(main, known.Protected)
	if err != nil {
		return err
	}
	more = append(more, left...)
	sheet := packets.Sheet{Plan: plan, Lists: lists, Chain: main.Chain + packets.ChainSuffix, Hook: main.Hook, Family: p.family, Notes: append(notes, more...)}
	text, err := sheet.Format(p.format)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.stdout, text) // printable ASCII: package packets sees to it
	return err
}

// ours are the addresses in the main file and in Asterisk's own files. Names are not looked
// up: the rules would keep the answer, even after the name has another address.
func ours(main *configs.Main) (known packetrules.Known, notes []string) {
	known.Protected = slices.Clone(main.Ignoreip)
	for _, h := range main.IgnoreHosts {
		notes = append(notes, "not let through, because names are not looked up here: ignore_hosts "+h)
	}
	trusts, _ := asterisk.Read(main.Asterisk)
	for _, t := range trusts {
		if t.Host != "" {
			notes = append(notes, fmt.Sprintf("not let through, because names are not looked up here: %s (%s)", t.Host, t.Why))
			continue
		}
		known.Protected = append(known.Protected, t.Prefix)
		if strings.HasPrefix(filepath.Base(t.File), "iax") {
			known.Peers = append(known.Peers, packetrules.Peer{Prefix: t.Prefix, Why: t.Why})
		}
	}
	return known, notes
}

// showRules adds up what is one rule for people: both families, and all who are let
// through for one reason.
func (a *app) showRules(rules control.Rules) error {
	if !rules.Enabled {
		a.say("packet rules are off, so they drop no packets. To drop packets of well-known scanners, write into the main file: packet_rules: {enabled: true, agents: seed}; then: jailctl reload")
		return nil
	}
	type row struct {
		about, proto, ports string
		packets, bytes      uint64
	}
	var rows []row
	for _, r := range rules.Rules {
		about := r.About
		if !r.Drop {
			kind, _, _ := strings.Cut(about, " ")
			if about = letThrough[kind]; about == "" {
				continue
			}
		}
		i := slices.IndexFunc(rows, func(x row) bool { return x.about == about && x.proto == r.Proto && x.ports == r.Ports })
		if i < 0 {
			i = len(rows)
			rows = append(rows, row{about: about, proto: r.Proto, ports: r.Ports})
		}
		rows[i].packets += r.Packets
		rows[i].bytes += r.Bytes
	}
	t := a.newTable("RULE", "PROTO", "PORTS", "PACKETS", "BYTES")
	for _, r := range rows {
		t.row(r.about, r.proto, r.ports, number(r.packets), number(r.bytes))
	}
	return t.end()
}

// letThrough says what a rule that drops nothing is for, by the first word of it.
var letThrough = map[string]string{"protected": "protected: let through", "IAX2": "IAX2 from iax_from: let through"}
