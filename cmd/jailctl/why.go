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
	if err := a.printScores(w.Jails); err != nil {
		return err
	}
	if err := a.printEvidence(w); err != nil {
		return err
	}
	if hasRecords(w) || len(w.Jails) > 0 {
		a.say("")
		if hasRecords(w) {
			for _, line := range recordLegend {
				a.say("%s", line)
			}
		}
		a.say("all words: jailctl help words")
	}
	return nil
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

// recordLegend explains the columns of printLines.
var recordLegend = []string{
	"EVIDENCE: how sure pbxjail is that the attempt came from this address: claimed, seen or proven",
	"BASE: the points of such an attempt in this jail; FACTORS: what changes the points; x2: 2 times as many",
	"POINTS: BASE with all FACTORS; COUNTS: how many of these POINTS count; 0 if another record reports the same attempt",
	"RULE: the message of Asterisk that the record is",
}

// hasRecords reports whether printEvidence prints a table of records.
func hasRecords(w control.Why) bool {
	return len(w.Lines) > 0 || w.Spared != nil && len(w.Spared.Lines) > 0 ||
		slices.ContainsFunc(w.Jails, func(j control.WhyJail) bool { return len(j.Window) > 0 })
}

// banBy says what ordered a ban.
func banBy(by string) string {
	switch by {
	case "log":
		return "pbxjail, because of logs or packets"
	case "kernel":
		return "another program: pbxjail found the ban in the firewall"
	}
	return by
}

// closesText says which ports a ban closes.
func closesText(ports string) string {
	if ports == "" || ports == "all" {
		return "every port"
	}
	return "only the ports of " + strings.ReplaceAll(ports, ",", ", ") + "; packets to other ports pass"
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
	"claimed": ": only a text of the caller names this address, and the caller can lie",
	"seen":    ": a packet came from this address. This is weaker than proven, because a UDP packet can be forged",
	"proven":  ": this address answered, so its packets are not forged",
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
		a.say("%s jail %s did not ban this address, because it was protected: %s. The ban would have been for: %s", a.ago(s.At), s.Jail, s.Why, s.Reason)
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
			a.say("%s", lateText(w.Banned))
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

// byWord is what ordered a ban, in one word.
func byWord(by string) string {
	switch by {
	case "log":
		return "pbxjail"
	case "kernel":
		return "firewall"
	}
	return by
}

// lateText says why attempts of a banned address can count, and what closes their way.
func lateText(b *control.Ban) string {
	if b.Observed {
		return "The ban is only recorded, so this address can continue"
	}
	if closesText(b.Ports) == closesText("all") {
		return "Asterisk wrote these records late, or the packets came before the firewall had the ban"
	}
	return "These attempts came to a port that this ban does not close, or Asterisk wrote the records late. If more come: write ports: all into the file of the jail; then: jailctl reload. The change holds for new bans"
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
	text := fmt.Sprintf("together %s points", points(s.Score))
	if s.Members > 0 {
		text += fmt.Sprintf(" of %d addresses", s.Members)
	}
	if s.Customer > 0 {
		text += fmt.Sprintf(" of one network /%d", s.Customer)
	}
	text += " within " + bantime(s.Within)
	if s.Earlier > 0 {
		text += fmt.Sprintf(": %s in COUNTS, and %s from %s, whose text is not kept", points(s.Score-s.Rest), points(s.Rest), show.Count(s.Earlier, "earlier record"))
	}
	text += fmt.Sprintf("; a ban begins at %s points", points(s.Maxretry))
	if s.Allowance > 0 {
		text += fmt.Sprintf(" (%d times maxretry of the jail, because accounts log in from this address)", s.Allowance)
	} else {
		text += " (maxretry)"
	}
	if s.Packets != "" {
		text += "; what saw the packets: " + s.Packets
	}
	return text
}

// retoldText explains records that add no points.
func retoldText(n int) string {
	if n == 1 {
		return "1 more record, in another log, reports one of these attempts; it adds no points"
	}
	return fmt.Sprintf("%d more records, in another log, report the same attempts; they add no points", n)
}
