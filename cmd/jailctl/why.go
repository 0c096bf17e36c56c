package main

import (
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
			return a.printWhy(w, cause)
		},
	}
}

// printWhy prints all that is known of an address. cause is why its ban is not in the
// firewall; "": it is, or this is not known.
func (a *app) printWhy(w control.Why, cause string) error {
	if b := w.Banned; b != nil {
		state := "is"
		if b.Observed {
			state = "would be"
		}
		a.say("%s %s banned by jail %s, left: %s", w.Addr, state, b.Jail, left(*b))
		if !b.Prefix.IsSingleIP() {
			a.say("  prefix:   %s", b.Prefix)
		}
		if w.Protected != "" && byHand(*b) {
			a.say("warning: this address is protected, and was banned by hand: %s", w.Protected)
			a.say("   hint: lift the ban with: jailctl unban %s", show.Address(b.Prefix))
		}
		if a.stuck(b) {
			a.printStuck("this ban is not in the firewall, so packets from there pass", cause)
		}
		a.say("  reason:   %s", b.Reason)
		a.say("  since:    %s (%s), by %s", a.stamp(b.Since), a.ago(b.Since), banBy(b.By))
		a.say("  strike:   %d (the number of this ban; 1 is the first ban of an address)", b.Strike)
		a.say("  evidence: %s", evidenceText(*b))
		a.say("  closes:   %s", closesText(b.Ports))
		a.say("  dropped:  %d packets, %d bytes", b.Packets, b.Bytes)
	} else {
		a.say("%s is not banned", w.Addr)
	}
	if len(w.DroppedBy) > 0 {
		a.say("  feeds:    its packets are dropped, because it is in these feeds: %s; to let it in: jailctl allow %s", strings.Join(w.DroppedBy, ", "), w.Addr)
	}
	for _, alarm := range w.Alarms {
		a.say("  alarm:    %s, %s", alarm.What, a.ago(alarm.At))
	}
	a.printCircumstances(w)
	if err := a.printScores(w.Jails); err != nil {
		return err
	}
	if err := a.printEvidence(w); err != nil {
		return err
	}
	if len(w.Lines) > 0 || len(w.Jails) > 0 {
		a.say("")
		a.say("EVIDENCE: how the address is known; BASE: points of such a record in this jail; POINTS: BASE times its FACTORS")
		a.say("COUNTS: what a record adds to the sum; 0 if another log reports the same attempt")
		a.say("all words: jailctl help words")
	}
	return nil
}

// banBy says what ordered a ban.
func banBy(by string) string {
	switch by {
	case "log":
		return "records of logs or packets"
	case "kernel":
		return "the firewall: the ban was found there"
	}
	return by
}

// closesText says which ports a ban closes.
func closesText(ports string) string {
	if ports == "" || ports == "all" {
		return "every port"
	}
	return "only the ports of " + strings.ReplaceAll(ports, ",", ", ") + "; this ban drops no packets to other ports"
}

// evidenceText is how the address of a ban is known.
func evidenceText(b control.Ban) string {
	switch {
	case b.Evidence != "" && b.Evidence != "none":
		return b.Evidence + means[b.Evidence]
	case byHand(b):
		return "none: banned by hand"
	case b.By == "kernel":
		return "none: the ban was found in the firewall, and was not in the database of pbxjail"
	}
	return "none"
}

// means explains each kind of evidence.
var means = map[string]string{
	"claimed": ": only a text of the caller names this address",
	"seen":    ": a packet came from this address. This is weaker than proven, because one UDP packet can be forged",
	"proven":  ": this address answered, so its packets are not forged",
}

// printCircumstances prints what is known of an address beside the logs.
func (a *app) printCircumstances(w control.Why) {
	if text := placeText(w.Place); text != "" {
		a.say("  place:    %s", text)
	}
	if len(w.Feeds) > 0 {
		a.say("  listed:   now in feed %s", strings.Join(w.Feeds, ", in feed "))
		if strings.Contains(strings.Join(w.Feeds, ""), " x") {
			a.say("            (a number such as x1.5 means: an attempt gets 1.5 times the points)")
		}
	}
	switch {
	case w.Protected != "" && w.Banned != nil && byHand(*w.Banned):
		a.say("  guard:    protected from jails and feeds, but not from a ban by hand")
	case w.Protected != "" && w.Banned != nil:
		a.say("  guard:    protected now, but not when the ban began: %s", w.Protected)
	case w.Protected != "":
		a.say("  guard:    protected, never banned by a jail: %s", w.Protected)
	case w.LoggedIn != "":
		a.say("  at home:  %s; their failures lead to no ban", w.LoggedIn)
	case len(w.Consulted) > 0:
		a.say("  guard:    nothing protects this address. It is not in: %s", strings.Join(w.Consulted, "; "))
	}
	if w.LastBan != nil && len(w.History) == 0 {
		a.say("  last ban: strike %d, ended %s", w.Strikes, a.ago(*w.LastBan))
	}
	if b := w.Banned; b != nil {
		a.say("  unban:    to end this ban now: jailctl unban %s", show.Address(b.Prefix))
	} else if w.Ends != "" {
		a.say("  next ban: %s", w.Ends)
	}
}

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

func (a *app) printScores(jails []control.WhyJail) error {
	if len(jails) == 0 {
		return nil
	}
	a.say("")
	a.say("points that count for the next ban; that ban begins when SCORE reaches MAXRETRY:")
	t := a.newTable("SCORE IN", "SCORE", "MAXRETRY", "WITHIN", "NEXT BAN LASTS")
	slow := false
	for _, j := range jails {
		t.row(j.Name, points(j.Score), points(j.Maxretry), bantime(j.Findtime), bantime(j.NextBan))
		if c := j.Customer; c != nil {
			t.row(fmt.Sprintf("%s, its /%d", j.Name, c.Customer), points(c.Score), points(c.Maxretry), bantime(c.Within), "")
		}
		if j.Slow != nil {
			slow = true
			t.row(j.Name+", slow", points(j.Slow.Score), points(j.Slow.Maxretry), bantime(j.Slow.Within), bantime(j.NextBan))
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	if slow {
		a.say("slow: the second limit of a jail (key slow in its file): more points, within a longer time")
	}
	return nil
}

// printEvidence prints the records behind the ban, those in the windows, and the
// bans that are over.
func (a *app) printEvidence(w control.Why) error {
	if err := a.printLines("records that led to the ban:", w.Lines, w.Sum); err != nil {
		return err
	}
	if s := w.Spared; s != nil {
		a.say("")
		a.say("jail %[2]s would have banned it %[1]s (%[3]s), but it was protected: %[4]s", a.ago(s.At), s.Jail, s.Reason, s.Why)
		if err := a.printLines("", s.Lines, s.Sum); err != nil {
			return err
		}
	}
	for _, j := range w.Jails {
		head := "records that jail " + j.Name + " counts towards a ban:"
		if w.Banned != nil {
			head = "attempts that jail " + j.Name + " counted after the ban began (they count for the next ban; they came to a port that this ban leaves open, or Asterisk wrote them late; if they go on, close all ports: write ports: all into the file of the jail):"
		}
		if err := a.printLines(head, j.Window, nil); err != nil {
			return err
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
		t.row(a.stamp(b.Since), until, b.Jail, number(b.Strike), b.By, b.Reason)
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

// sumText tells how the points of a decision add up.
func sumText(s control.Sum) string {
	text := "sum of COUNTS: "
	if s.Earlier > 0 {
		text = fmt.Sprintf("%s (sum of COUNTS) + %s (%s, whose text is not kept) = ", points(s.Score-s.Rest), points(s.Rest), show.Count(s.Earlier, "earlier record"))
	}
	text += fmt.Sprintf("%s points within %s; a ban begins at %s (maxretry)", points(s.Score), bantime(s.Within), points(s.Maxretry))
	if s.Allowance > 0 {
		text += fmt.Sprintf(" (%d times the jail's: accounts log in there)", s.Allowance)
	}
	if s.Members > 0 {
		text += fmt.Sprintf(", of %d addresses", s.Members)
	}
	if s.Customer > 0 {
		text += fmt.Sprintf(" of one /%d", s.Customer)
	}
	if s.Packets != "" {
		text += "; packets: " + s.Packets
	}
	return text
}

// retoldText explains records that add no points.
func retoldText(n int) string {
	if n == 1 {
		return "1 more record, in another log, reports one of these attempts, and adds no points"
	}
	return fmt.Sprintf("%d more records, in another log, report the same attempts, and add no points", n)
}
