package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

func (a *app) whyVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "why ADDR",
		Short: "why an address is banned, or is not",
		Args:  takes("ADDR"),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.prefixArg(args[0])
			if err != nil {
				return err
			}
			w, err := a.client().Why(c.Context(), p.Addr())
			if err == nil && !p.IsSingleIP() && (w.Banned == nil || w.Banned.Prefix != p) {
				return usage("name one of them, such as "+p.Addr().Next().String(), "%s is more than one address, and is not banned as a whole", p)
			}
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(w)
			}
			return a.printWhy(w)
		},
	}
}

func (a *app) printWhy(w control.Why) error {
	if b := w.Banned; b != nil {
		state := "is"
		if b.Observed {
			state = "would be"
		}
		a.say("%s %s banned: jail %s, left: %s", w.Addr, state, b.Jail, left(*b))
		if !b.Prefix.IsSingleIP() {
			a.say("  prefix:   %s", b.Prefix)
		}
		if w.Protected != "" && byHand(*b) {
			a.say("warning: this address is protected, and was banned by hand: %s", w.Protected)
			a.say("   hint: lift the ban with: jailctl unban %s", show.Address(b.Prefix))
		}
		if a.stuck(b) {
			a.say("problem: this ban is not in the firewall, so packets from there pass")
			a.say("   hint: %s", stuckHint)
		}
		a.say("  reason:   %s", b.Reason)
		if text := deeds(w.Lines); text != "" {
			a.say("  records:  %s", text)
		}
		a.say("  since:    %s (%s), strike %d, by %s", a.stamp(b.Since), a.ago(b.Since), b.Strike, b.By)
		a.say("  evidence: %s", evidenceText(*b))
		a.say("  closes:   %s", closesText(b.Ports))
		a.say("  dropped:  %d packets, %d bytes", b.Packets, b.Bytes)
	} else {
		a.say("%s is not banned", w.Addr)
	}
	if len(w.DroppedBy) > 0 {
		a.say("  feeds:    its packets are dropped, because these feeds contain it: %s; see jailctl feeds", strings.Join(w.DroppedBy, ", "))
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
		a.say("POINTS: BASE with its FACTORS; COUNTS: the part of POINTS that is added up; all words: jailctl help words")
	}
	return nil
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
		return "none: the ban was found in the firewall, and the ledger did not know it"
	}
	return "none"
}

// means explains each kind of evidence.
var means = map[string]string{
	"claimed": ": only a text of the caller names this address",
	"seen":    ": a packet came from this address. This is weaker than proven, because one UDP packet can be forged",
	"proven":  ": this address answered, so its packets are not forged",
}

// mostDeeds is how many kinds of records one line names.
const mostDeeds = 3

// deeds says what the records behind a ban report, the most frequent first.
func deeds(lines []control.WhyLine) string {
	counts := map[string]int{}
	for _, l := range lines {
		counts[l.Rule]++
	}
	rules := slices.SortedFunc(maps.Keys(counts), func(x, y string) int { return cmp.Or(counts[y]-counts[x], cmp.Compare(x, y)) })
	var parts []string
	for _, r := range rules[:min(len(rules), mostDeeds)] {
		parts = append(parts, fmt.Sprintf("%d of rule %s", counts[r], r))
	}
	if more := len(rules) - mostDeeds; more > 0 {
		parts = append(parts, show.Count(more, "other kind"))
	}
	return strings.Join(parts, ", ")
}

// printCircumstances prints what is known of an address beside the logs.
func (a *app) printCircumstances(w control.Why) {
	if text := placeText(w.Place); text != "" {
		a.say("  place:    %s", text)
	}
	if len(w.Feeds) > 0 {
		a.say("  listed:   now in feed %s", strings.Join(w.Feeds, ", in feed "))
	}
	switch {
	case w.Protected != "" && w.Banned != nil && byHand(*w.Banned):
		a.say("  guard:    protected from jails and feeds, but not from a ban by hand")
	case w.Protected != "" && w.Banned != nil:
		a.say("  guard:    it is protected now, and was not when the ban began: %s", w.Protected)
	case w.Protected != "":
		a.say("  guard:    protected, never banned by a jail: %s", w.Protected)
	case w.LoggedIn != "":
		a.say("  at home:  %s; their failures lead to no ban", w.LoggedIn)
	case len(w.Consulted) > 0:
		a.say("  guard:    nothing protects this address; checked: %s", strings.Join(w.Consulted, "; "))
	}
	if w.LastBan != nil {
		a.say("  last ban: strike %d, ended %s", w.Strikes, a.ago(*w.LastBan))
	}
	if w.Ends != "" && w.Banned != nil {
		a.say("  ends:     %s", w.Ends)
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
	t := a.newTable("SCORE IN", "SCORE", "MAXRETRY", "WITHIN", "NEXT BAN LASTS")
	for _, j := range jails {
		t.row(j.Name, points(j.Score), points(j.Maxretry), bantime(j.Findtime), bantime(j.NextBan))
		if c := j.Customer; c != nil {
			t.row(fmt.Sprintf("%s, its /%d", j.Name, c.Customer), points(c.Score), points(c.Maxretry), bantime(c.Within), "")
		}
		if j.Slow != nil {
			t.row(j.Name+", slow", points(j.Slow.Score), points(j.Slow.Maxretry), bantime(j.Slow.Within), bantime(j.NextBan))
		}
	}
	return t.end()
}

// printEvidence prints the records behind the ban, those in the windows, and the
// bans that are over.
func (a *app) printEvidence(w control.Why) error {
	if err := a.printLines("records that led to the ban:", w.Lines, w.Sum); err != nil {
		return err
	}
	if s := w.Spared; s != nil {
		a.say("")
		a.say("would have been banned %s, jail %s: %s; protected: %s", a.ago(s.At), s.Jail, s.Reason, s.Why)
		if err := a.printLines("", s.Lines, s.Sum); err != nil {
			return err
		}
	}
	for _, j := range w.Jails {
		if err := a.printLines("records that jail "+j.Name+" remembers for the next ban:", j.Window, nil); err != nil {
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
	return nil
}

// sumText tells how the points of a decision add up.
func sumText(s control.Sum) string {
	text := fmt.Sprintf("together %s points within %s, maxretry %s", points(s.Score), bantime(s.Within), points(s.Maxretry))
	if s.Allowance > 0 {
		text += fmt.Sprintf(" (%d times the jail's: accounts log in there)", s.Allowance)
	}
	if s.Members > 0 {
		text += fmt.Sprintf(", of %d addresses", s.Members)
	}
	if s.Customer > 0 {
		text += fmt.Sprintf(" of one /%d", s.Customer)
	}
	if s.Earlier > 0 {
		text += fmt.Sprintf("; %s of them from %s that the table does not show", points(s.Rest), show.Count(s.Earlier, "record"))
	}
	if s.Retold > 0 {
		text += fmt.Sprintf("; %s of another log not counted, because it reports the same attempts", show.Count(s.Retold, "record"))
	}
	if s.Packets != "" {
		text += "; packets: " + s.Packets
	}
	return text
}
