package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

func (a *app) listVerb() *cobra.Command {
	var q control.BansRequest
	var since string
	c := &cobra.Command{
		Use:   "list",
		Short: "the bans in force, newest last",
		Long: `list prints the bans that are in force, newest last. All conditions apply together:
--jail guessing --country NL --since 1h prints the bans of jail guessing in the Netherlands
that began in the last hour.

The exit status is 0 also when no address is banned, and 3 when there is no such jail.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if key, _ := q.By(); !slices.Contains(control.BanOrders, key) {
				return usage("sort by one of "+strings.Join(control.BanOrders, ", ")+"; write - in front to reverse the order", "--sort: bans are not sorted by %q", key)
			}
			if q.Since, err = a.sinceFlag(c, since); err != nil {
				return err
			}
			if a.json {
				return a.listJSON(c, q)
			}
			return a.list(c, q)
		},
	}
	c.Flags().StringVar(&q.Jail, "jail", "", "only the bans of this jail")
	c.Flags().StringVar(&q.Country, "country", "", "only those in this country, such as NL")
	c.Flags().StringVar(&since, "since", "", "only those that began within this time, such as 2h")
	c.Flags().StringVar(&q.Grep, "grep", "", "only those with this text in address, jail, country or reason")
	c.Flags().StringVar(&q.Sort, "sort", control.BanOrders[0], "by "+strings.Join(control.BanOrders, ", ")+"; -packets: most packets first")
	return c
}

// eachBan asks for bans. When there are none, it finds out whether the jail exists.
func (a *app) eachBan(c *cobra.Command, q control.BansRequest, each func(*control.Ban) error) error {
	n := 0
	err := a.client().EachBan(c.Context(), q, func(b *control.Ban) error {
		n++
		return each(b)
	})
	if err == nil && n == 0 && c.Flags().Changed("jail") {
		return a.knowsJail(c.Context(), q.Jail)
	}
	return err
}

// listJSON prints the array of bans, one after another.
func (a *app) listJSON(c *cobra.Command, q control.BansRequest) error {
	out, before := bufio.NewWriter(a.stdout), "[\n  "
	err := a.eachBan(c, q, func(b *control.Ban) error {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		enc.SetIndent("  ", "  ")
		if err := enc.Encode(b); err != nil {
			return fmt.Errorf("JSON could not be printed: %w", err)
		}
		out.WriteString(before)
		before = ",\n  "
		_, err := out.Write(bytes.TrimSuffix(asciiJSON(buf.Bytes()), []byte("\n")))
		return err
	})
	switch {
	case err != nil:
		out.Flush() // what has come; that the list has no end says that it is not whole
		return err
	case before == "[\n  ":
		out.WriteString("[]\n")
	default:
		out.WriteString("\n]\n")
	}
	return out.Flush()
}

// list prints bans as they come. The text above the first ones depends on those of the
// first table that is printed.
func (a *app) list(c *cobra.Command, q control.BansRequest) error {
	alarms, err := a.client().Alarms(c.Context())
	if err != nil {
		return err
	}
	p := banPrinter{app: a, begin: func() { a.printAlarms(alarms) }, cause: func() string { return a.stuckCause(c.Context()) }}
	if err := a.eachBan(c, q, p.ban); err != nil {
		return err
	}
	if p.first == nil && p.table == nil {
		p.begin()
		if q == (control.BansRequest{Sort: q.Sort, Jail: q.Jail}) {
			a.say("no address is banned")
		} else {
			a.say("no ban matches your filter")
		}
		return nil
	}
	return p.end()
}

// banPrinter prints bans, and says of the observed ones that nothing is dropped.
type banPrinter struct {
	app   *app
	begin func()        // prints what comes before
	cause func() string // why bans are not in the firewall; "": not known
	first []control.Ban
	table *table
	mixed bool // some are observed and some are not, or it is not known

	count   int
	stuck   int      // bans that should be in the firewall, and are not
	missing []string // the addresses of the first of them
}

// settingUp is how long a new ban may take until it is in the firewall.
const settingUp = 10 * time.Second

// stuck reports whether a ban is not in the firewall, though it had time enough.
func (a *app) stuck(b *control.Ban) bool {
	return b.Pending && !b.Observed && a.now().Sub(b.Since) > settingUp
}

// mostMissing is how many of them one line names.
const mostMissing = 5

// stuckHint is what to do about such bans.
const stuckHint = "pbxjail tries again every few seconds. If the same problem is still there after a minute: systemctl restart pbxjail (bans stay in force)"

// stuckCause is what the daemon reports about its firewall; "" when it reports nothing.
func (a *app) stuckCause(ctx context.Context) string {
	s, err := a.client().Status(ctx)
	if err != nil {
		return ""
	}
	for _, p := range s.Problems {
		if strings.HasPrefix(p.About, control.AboutFirewall) {
			return p.What
		}
	}
	return ""
}

// printStuck says which bans are not in the firewall, and why.
func (a *app) printStuck(what, cause string) {
	a.say("problem: %s", what)
	if cause != "" {
		a.say("   cause: %s", strings.TrimPrefix(cause, "some bans may not be in the firewall: "))
	}
	a.say("   hint: %s", stuckHint)
}

func (p *banPrinter) ban(b *control.Ban) error {
	if p.count++; p.app.stuck(b) {
		p.stuck++
		if len(p.missing) < mostMissing {
			p.missing = append(p.missing, show.Address(b.Prefix))
		}
	}
	if p.table != nil {
		p.row(b)
		return p.table.err
	}
	if p.first = append(p.first, *b); len(p.first) == rowsAtOnce {
		p.start(true)
	}
	return nil
}

// start prints the first bans. more: others will come.
func (p *banPrinter) start(more bool) {
	a, seemed := p.app, 0
	for _, b := range p.first {
		if b.Observed {
			seemed++
		}
	}
	p.begin()
	switch {
	case seemed == len(p.first) && !more:
		a.say("pbxjail only observes: nothing is dropped. These addresses would be banned:")
	case seemed > 0 && !more:
		a.say("%d of these bans are only observed: packets of these addresses pass", seemed)
		p.mixed = true
	case more:
		p.mixed = true
	}
	p.table = a.newTable("ADDRESS", "JAIL", "COUNTRY", "SINCE", "LEFT", "STRIKES", "PACKETS", "BYTES", "PORTS", "REASON")
	for i := range p.first {
		p.row(&p.first[i])
	}
	p.first = nil
}

func (p *banPrinter) row(b *control.Ban) {
	mark := ""
	if p.mixed && b.Observed {
		mark = " (observed)"
	}
	if b.Pending && !b.Observed && !p.app.stuck(b) {
		mark += " (not in firewall yet)"
	} else if p.app.stuck(b) {
		mark += " (not in firewall)"
	}
	p.table.row(show.Address(b.Prefix), b.Jail, cmp.Or(b.Country, "unknown"), p.app.ago(b.Since), timeLeft(*b)+mark, number(b.Strike), number(b.Packets), number(b.Bytes), b.Ports, b.Reason)
}

func (p *banPrinter) end() error {
	if p.table == nil {
		p.start(false)
	}
	if err := p.table.end(); err != nil {
		return err
	}
	a := p.app
	a.say("")
	a.say("%s. LEFT: time until the ban ends; STRIKES: bans of this address until now, with this one", show.Count(p.count, "ban"))
	a.say("PACKETS, BYTES: dropped by the ban; PORTS: closed by the ban; REASON x2: an attempt got 2 times the points")
	if p.stuck > 0 {
		text := strings.Join(p.missing, ", ")
		if more := p.stuck - len(p.missing); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		a.printStuck("bans are not in the firewall, so packets from these addresses pass: "+text, p.cause())
	}
	return nil
}

// notJails are used in place of a jail: bans by hand, and those that the kernel alone knew.
var notJails = []string{"manual", "unknown"}

// knowsJail is an error when there is no jail of this name.
func (a *app) knowsJail(ctx context.Context, name string) error {
	s, err := a.client().Status(ctx)
	if err != nil {
		return err
	}
	names := slices.Clone(notJails)
	for _, j := range s.Jails {
		names = append(names, j.Name)
	}
	if slices.Contains(names, name) {
		return nil
	}
	return noJail(name, names)
}
