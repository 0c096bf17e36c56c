package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
)

func (a *app) agentsVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "agents",
		Short: "the user agents in SIP packets, and which of them logged in; root only",
		Long: `agents lists the user agents in the SIP packets since the daemon's start, with how many
requests they sent, which accounts logged in with them, and from how many addresses. From
those that logged in it suggests a list for the key allow_agents of packet_rules in
/etc/pbxjail/pbxjail.yaml. With that list, packets of every other user agent are dropped.
This stops noise, not attackers: any program can send any name.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := control.Ask(c.Context(), a.client(), control.CallAgents, control.None{})
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(list)
			}
			return a.printAgents(list)
		},
	}
}

func (a *app) printAgents(list []control.Agent) error {
	if len(list) == 0 {
		a.say("no user agent was seen since the start of pbxjail")
		return nil
	}
	t := a.newTable("REQUESTS", "LOGGED IN", "ADDRESSES", "LAST", "ACCOUNTS", "AGENT")
	for _, one := range list {
		t.row(number(one.Requests), number(one.LoggedIn), number(one.Addresses), a.ago(one.Last), dash(strings.Join(one.Accounts, " ")), dash(one.Name))
	}
	if err := t.end(); err != nil {
		return err
	}
	if names := allowed(list); len(names) > 0 {
		a.say("")
		a.say("To let in only the user agents that logged in, and drop the packets of all others, write this line into the main file; then: jailctl reload")
		a.say("packet_rules: {enabled: true, allow_agents: [%s]}", strings.Join(names, ", "))
	}
	return nil
}

// allowed are the names, without versions, of the agents that logged in.
func allowed(list []control.Agent) (names []string) {
	for _, one := range list {
		if name := product(one.Name); one.LoggedIn > 0 && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// product is the front of a user agent that stays when its version changes: its first
// word, as far as letters, hyphens and underscores go.
func product(agent string) string {
	end := strings.IndexFunc(agent, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_')
	})
	if end < 0 {
		end = len(agent)
	}
	return strings.TrimRight(agent[:end], "-_")
}
