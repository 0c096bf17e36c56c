package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

func (a *app) whyVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "why ADDR",
		Short: "why an address is banned, or is not; why account ACCOUNT: what is known of its calls",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] == "account" {
				return takes("account", "ACCOUNT")(c, args)
			}
			return takes("ADDR")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				return a.whyAccount(c, unescaped(args[1]))
			}
			p, err := a.prefixArg(args[0])
			if err != nil {
				return err
			}
			w, err := a.client().Why(c.Context(), p.Addr())
			if err == nil && !p.IsSingleIP() && (w.Banned == nil || w.Banned.Prefix != p) {
				return usage("ask for one address of it, such as "+p.Addr().Next().String(), "%s is more than one address, and is not banned as a whole", p)
			}
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(w)
			}
			cause := ""
			if w.Banned != nil && a.stuck(w.Banned) {
				cause = a.stuckCause(c.Context())
			}
			return a.printWhy(w, cause, a.jailFile(c.Context(), w.Banned))
		},
	}
}

// printWhy prints all that is known of an address. cause is why its ban is not in the
// firewall; "": it is, or this is not known. file is that of the jail; "": it is not known.
func (a *app) printWhy(w control.Why, cause, file string) error {
	if b := w.Banned; b != nil {
		state := "is"
		if b.Observed {
			state = "would be"
		}
		a.say("%s %s banned by jail %s, left: %s", w.Addr, state, b.Jail, left(*b))
		if b.Observed {
			a.fact("enforced", "no: this ban is only recorded, so packets of this address pass")
		}
		if w.Protected != "" && byHand(*b) {
			a.say("warning: this address is protected, but a person banned it by hand. It is protected because of: %s", w.Protected)
			a.say("   hint: to end this ban: jailctl unban %s", show.Address(b.Prefix))
		}
		if a.stuck(b) {
			a.printStuck("this ban is not in the firewall, so packets of this address pass", cause)
		}
		if !b.Prefix.IsSingleIP() {
			a.fact("network", "%s: the whole network is banned", b.Prefix)
		}
		a.fact("reason", "%s", b.Reason)
		a.fact("since", "%s (%s), by %s", a.stamp(b.Since), a.ago(b.Since), banBy(b.By))
		a.fact("strike", "%d: this is ban number %d of this %s", b.Strike, b.Strike, addressOrNetwork(b))
		a.fact("evidence", "%s", evidenceText(*b))
		a.fact("closes", "%s", closesText(b.Ports))
		a.fact("dropped", "%d packets, %d bytes, since this ban began", b.Packets, b.Bytes)
	} else {
		a.say("%s is not banned", w.Addr)
	}
	if len(w.DroppedBy) > 0 {
		a.fact("dropped", "all packets of this address, because feeds list it: %s", strings.Join(w.DroppedBy, ", "))
		if w.Banned == nil {
			a.fact("allow", letIn, w.Addr)
		}
	}
	for _, alarm := range w.Alarms {
		a.fact("alarm", "%s, %s. After you read it: jailctl ack %s", alarm.What, a.ago(alarm.At), alarm.Addr)
	}
	a.printCircumstances(w)
	if err := a.printScores(w.Jails, w.LastBan != nil || slices.ContainsFunc(w.History, byJail) || w.Banned != nil && byJail(*w.Banned)); err != nil {
		return err
	}
	if err := a.printEvidence(w, file); err != nil {
		return err
	}
	if hasRecords(w) || len(w.Jails) > 0 {
		a.say("")
		if hasRecords(w) {
			for _, line := range append(evidenceLegend(w), recordLegend...) {
				a.say("%s", line)
			}
		}
		a.say("all words: jailctl help words")
	}
	return nil
}

// jailFile is the file of the jail of a ban; "": it is built in, or not known.
func (a *app) jailFile(ctx context.Context, b *control.Ban) string {
	if b == nil || !byJail(*b) {
		return ""
	}
	s, err := a.client().Status(ctx)
	if err != nil {
		return ""
	}
	for _, j := range s.Jails {
		if j.Name == b.Jail {
			return j.File
		}
	}
	return ""
}

// addressOrNetwork is what a ban is of.
func addressOrNetwork(b *control.Ban) string {
	if b.Prefix.IsSingleIP() {
		return "address"
	}
	return "network"
}

// letIn says how an address is let in without an end.
const letIn = "to let in this address always: jailctl allow %s"

// fact prints one thing that is known of an address, behind its name.
func (a *app) fact(name, format string, args ...any) {
	a.say("  %-10s "+format, append([]any{name + ":"}, args...)...)
}

// printCircumstances prints what is known of an address beside the logs.
func (a *app) printCircumstances(w control.Why) {
	if text := placeText(w.Place); text != "" {
		a.fact("place", "%s", text)
	}
	for _, feed := range w.Feeds {
		name, factor, _ := strings.Cut(feed, " x")
		a.fact("listed", "now in feed %s, so each attempt gets %s times the points", name, factor)
	}
	switch {
	case w.Protected != "" && w.Banned != nil && byHand(*w.Banned):
		a.fact("protected", "yes, no jail and no feed bans this address; but a person can ban it by hand")
	case w.Protected != "" && w.Banned != nil:
		a.fact("protected", "yes now, but not when this ban began: %s", w.Protected)
	case w.Protected != "":
		a.fact("protected", "yes, never banned by a jail: %s", w.Protected)
	case w.LoggedIn != "":
		a.fact("home", "%s. Failures of these accounts at this address lead to no ban", w.LoggedIn)
	case len(w.Consulted) > 0:
		a.fact("protected", "no. This address is in none of these lists: %s", strings.Join(w.Consulted, "; "))
	}
	if w.LastBan != nil && len(w.History) == 0 {
		a.fact("last ban", "ban number %d of this address; it ended %s", w.Strikes, a.ago(*w.LastBan))
	}
	if b := w.Banned; b != nil {
		a.fact("unban", "to end this ban now: jailctl unban %s", show.Address(b.Prefix))
		if w.Protected == "" {
			a.fact("allow", letIn, w.Addr)
		}
	} else if w.Ends != "" {
		a.fact("next ban", "%s", w.Ends)
	}
}

// byJail reports whether a jail ordered a ban.
func byJail(b control.Ban) bool { return b.By == "log" }

// byHand reports whether a person ordered a ban: it is neither from a log nor from the kernel.
func byHand(b control.Ban) bool { return b.By != "log" && b.By != "kernel" }

func placeText(p control.Place) string {
	var parts []string
	if p.Country != "" {
		parts = append(parts, p.Country)
	}
	if p.ASN != 0 {
		parts = append(parts, strings.TrimRight(fmt.Sprintf("AS%d %s", p.ASN, p.Org), " "))
	}
	if p.Network.IsValid() {
		parts = append(parts, p.Network.String())
	}
	return strings.Join(parts, ", ")
}

// printScores prints the points in each jail. banned: a jail has banned the address.
func (a *app) printScores(jails []control.WhyJail, banned bool) error {
	if len(jails) == 0 {
		return nil
	}
	a.say("")
	a.say("points of this address now; the next ban begins when POINTS reach MAXRETRY:")
	t := a.newTable("JAIL", "POINTS", "MAXRETRY", "WITHIN", "NEXT BAN LASTS")
	slow := false
	for _, j := range jails {
		t.row(j.Name, points(j.Score), points(j.Maxretry), bantime(j.Findtime), bantime(j.NextBan))
		if c := j.Customer; c != nil {
			t.row(fmt.Sprintf("%s, whole /%d", j.Name, c.Customer), points(c.Score), points(c.Maxretry), bantime(c.Within), "")
		}
		if j.Slow != nil {
			slow = true
			t.row(j.Name+", slow", points(j.Slow.Score), points(j.Slow.Maxretry), bantime(j.Slow.Within), bantime(j.NextBan))
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	a.say("WITHIN: how long an attempt counts")
	if slow {
		a.say("slow: a second limit of the jail, for slow attackers: more points, within a longer time")
	}
	if banned {
		a.say("A ban sets the points of its jail to 0: attempts from before the ban do not count for the next ban")
	}
	return nil
}

// printEvidence prints the records behind the ban, those in the windows, and the
// bans that are over. file is that of the jail whose ban is in force; "": it is not known.
func (a *app) printEvidence(w control.Why, file string) error {
	if err := a.printLines("records that led to the ban:", w.Lines, w.Sum); err != nil {
		return err
	}
	if s := w.Spared; s != nil {
		a.say("")
		a.say("%s jail %s did not ban this address, because it was protected: %s. It would have banned because of: %s", a.ago(s.At), s.Jail, s.Why, s.Reason)
		if err := a.printLines("", s.Lines, s.Sum); err != nil {
			return err
		}
	}
	for _, j := range w.Jails {
		head := "records that jail " + j.Name + " counts towards a ban:"
		if w.Banned != nil {
			head = "attempts that jail " + j.Name + " counted after the ban began; their points count for the next ban:"
		}
		if err := a.printLines(head, j.Window, nil); err != nil {
			return err
		}
		if w.Banned != nil && len(j.Window) > 0 {
			a.say("%s", lateText(w.Banned, file))
		}
	}
	if len(w.History) == 0 {
		return nil
	}
	a.say("")
	a.say("bans of this address, newest first:")
	t := a.newTable("FROM", "UNTIL", "JAIL", "STRIKE", "BY", "REASON")
	for _, b := range w.History {
		until := "forever"
		if b.Until != nil {
			until = a.stamp(*b.Until)
		}
		t.row(a.stamp(b.Since), until, b.Jail, number(b.Strike), byWord(b.By), b.Reason)
	}
	return t.end()
}

// printLines prints records below a title, with what made their points, and how these add up.
func (a *app) printLines(title string, lines []control.WhyLine, sum *control.Sum) error {
	if len(lines) == 0 {
		return nil
	}
	if a.say(""); title != "" {
		a.say("%s", title)
	}
	head := []string{"TIME", "JAIL", "EVIDENCE", "BASE", "FACTORS", "POINTS", "COUNTS", "RULE", "FILE", "RECORD"}
	const beside = 7 // the column of PACKETS, if a witness of packets was asked
	asked := slices.ContainsFunc(lines, func(l control.WhyLine) bool { return l.Packets != "" })
	if asked {
		head = slices.Insert(head, beside, "PACKETS")
	}
	t := a.newTable(head...)
	for _, l := range lines {
		var factors []string
		for _, f := range l.Factors {
			factors = append(factors, f.Text)
		}
		cells := []string{a.stamp(l.Time), l.Jail, l.Evidence, points(l.Base), strings.Join(factors, ", "), points(l.Points), points(l.Counts), l.Rule, l.File, l.Text}
		if asked {
			cells = slices.Insert(cells, beside, l.Packets)
		}
		t.row(cells...)
	}
	if err := t.end(); err != nil || sum == nil {
		return err
	}
	a.say("%s", sumText(*sum))
	if sum.Retold > 0 {
		a.say("%s", retoldText(sum.Retold))
	}
	return nil
}
