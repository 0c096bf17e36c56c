package main

import (
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/prefix"
	"pbxjail/configs/show"
)

func (a *app) allowVerb() *cobra.Command {
	var length string
	var req control.AllowRequest
	c := &cobra.Command{
		Use:   "allow ADDR|NET|NAME",
		Short: "never ban an address, a network or a name, and lift its bans",
		Long: `allow lifts the bans of an address or a network at once, takes it out of wider bans, and
keeps it from being banned by any jail, feed or packet rule. The database keeps the entry
over a restart. A NAME is looked up in the background, again and again: all its addresses are
allowed. Never allow a name whose addresses a stranger can change.

To keep an entry in a file, write it as ignoreip into /etc/pbxjail/pbxjail.yaml.`,
		Args: takes("ADDR"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if req.Prefix, req.Host, err = a.allowArg(args[0]); err != nil {
				return err
			}
			if c.Flags().Changed("for") {
				seconds, err := parseFor(length)
				if err != nil {
					return err
				}
				req.ForSeconds = *seconds
			}
			done, err := control.Ask(c.Context(), a.client(), control.CallAllow, req)
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(done)
			}
			a.printAllow(done)
			return nil
		},
	}
	c.Flags().StringVar(&length, "for", "", "how long, such as 8h or 4w; without it, until jailctl disallow")
	c.Flags().StringVar(&req.Note, "note", "", "why; jailctl allowed shows it")
	c.Flags().BoolVar(&req.Force, "force", false, "allow even a very wide network")
	return c
}

// allowArg reads an address, a network, or else a name.
func (a *app) allowArg(arg string) (p netip.Prefix, name string, err error) {
	if _, notAddr := prefix.Parse(arg); notAddr == nil || strings.ContainsAny(arg, "/:%") {
		p, err = a.prefixArg(arg)
		return p, "", err
	}
	name, err = control.HostName(arg)
	if err != nil {
		err = usage("give an address, a network or a name such as office.example.net", "%w", err)
	}
	return p, name, err
}

func (a *app) printAllow(done control.AllowAnswer) {
	one := done.Allowed
	until := "until: jailctl disallow " + one.What
	if one.Until != nil {
		until = "until " + a.stamp(*one.Until)
	}
	a.say("allowed %s, %s", one.What, until)
	if len(one.Addrs) == 0 && a.isName(one.What) {
		a.say("pbxjail now asks DNS for the addresses of this name. To see them: jailctl allowed")
	}
	for _, addr := range one.Addrs {
		a.say("address of this name: %s", addr)
	}
	for _, p := range done.Lifted {
		a.say("ended the ban of %s", show.Address(p))
	}
	for _, p := range done.Carved {
		a.say("removed from the ban of %s. The rest of this network stays banned", show.Address(p))
	}
	a.printCovers(done.Covered)
}

func (a *app) isName(what string) bool {
	_, err := prefix.Parse(what)
	return err != nil
}

// printCovers says what still drops packets.
func (a *app) printCovers(covers []control.Cover) {
	for _, c := range covers {
		a.say("packets are still dropped: %s", c.Why)
	}
}

func (a *app) allowedVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "allowed",
		Short: "the addresses and names of jailctl allow, oldest first",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := control.Ask(c.Context(), a.client(), control.CallAllowed, control.None{})
			if err != nil || a.json {
				return cmpEmit(a, err, list)
			}
			if len(list) == 0 {
				a.say("the list of allowed addresses is empty; to add one: jailctl allow ADDRESS")
				return nil
			}
			t := a.newTable("WHO", "ADDRESSES", "SINCE", "UNTIL", "BY", "NOTE")
			for _, one := range list {
				until, addrs := "jailctl disallow", "-"
				if one.Until != nil {
					until = a.stamp(*one.Until)
				}
				if a.isName(one.What) {
					addrs = joinAddrs(one.Addrs)
				}
				t.row(one.What, addrs, a.ago(one.Since), until, one.By, one.Note)
			}
			return t.end()
		},
	}
}

// cmpEmit returns an error, or prints JSON.
func cmpEmit(a *app, err error, v any) error {
	if err != nil {
		return err
	}
	return a.emit(v)
}

func joinAddrs(addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return "not known yet"
	}
	var words []string
	for _, addr := range addrs {
		words = append(words, addr.String())
	}
	return strings.Join(words, ",")
}

func (a *app) disallowVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "disallow ADDR|NET|NAME",
		Short: "remove an entry of jailctl allow; it is no error if there is none",
		Args:  takes("ADDR"),
		RunE: func(c *cobra.Command, args []string) error {
			p, what, err := a.allowArg(args[0])
			if err != nil {
				return err
			}
			if what == "" {
				what = show.Address(p)
			}
			done, err := control.Ask(c.Context(), a.client(), control.CallDisallow, control.DisallowRequest{What: what})
			if err != nil || a.json {
				return cmpEmit(a, err, done)
			}
			switch {
			case !done.Was:
				a.say("%s was not in the list of jailctl allow, so nothing changed", what)
			case done.Protected != "":
				a.say("%s is removed from the list of jailctl allow. But this address is still protected: %s", what, done.Protected)
			default:
				a.say("%s is removed from the list of jailctl allow, and can be banned again", what)
			}
			return nil
		},
	}
}

func (a *app) protectedVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "protected [ADDR]",
		Short: "the addresses that are never banned, and why",
		Long: `protected lists the addresses that no jail bans: the PBX's own addresses and networks, its
routers and name servers, admins who are logged in over SSH, ignoreip, jailctl allow, and
the trunks of Asterisk's own files. It also lists the addresses where an account logged in:
failures of these accounts lead to no ban there. With ADDR it prints only the entries that
contain it.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return takes("ADDR")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			var q control.ProtectedRequest
			if len(args) == 1 {
				if q.Prefix, err = a.prefixArg(args[0]); err != nil {
					return err
				}
			}
			list, err := control.Ask(c.Context(), a.client(), control.CallProtected, q)
			if err != nil || a.json {
				return cmpEmit(a, err, list)
			}
			if len(list) == 0 && q.Prefix.IsValid() {
				a.say("%s is not protected: jails can ban it. To protect it: jailctl allow %s", show.Address(q.Prefix), show.Address(q.Prefix))
				return nil
			}
			t := a.newTable("ADDRESS", "UNTIL", "WHY")
			for _, p := range list {
				until := "-"
				if p.Until != nil {
					until = a.stamp(*p.Until)
				}
				t.row(show.Address(p.Prefix), until, p.Why)
			}
			return t.end()
		},
	}
}
