package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

// recordLegend explains the columns of printLines.
var recordLegend = []string{
	"BASE: the points of such an attempt in this jail; FACTORS: what changes the points; x2: 2 times as many",
	"POINTS: BASE with all FACTORS; COUNTS: how many of these POINTS count; 0 if another record reports the same attempt",
	"RULE: which message of Asterisk this record is",
}

// evidenceLegend explains the column EVIDENCE of printLines, with the words that are in it.
func evidenceLegend(w control.Why) []string {
	list := []string{"EVIDENCE: how sure pbxjail is that the attempt came from this address; from weak to strong: claimed, seen, proven"}
	lines := slices.Clone(w.Lines)
	if w.Spared != nil {
		lines = append(lines, w.Spared.Lines...)
	}
	for _, j := range w.Jails {
		lines = append(lines, j.Window...)
	}
	for _, word := range []string{"claimed", "seen", "proven"} {
		if slices.ContainsFunc(lines, func(l control.WhyLine) bool { return l.Evidence == word }) {
			list = append(list, word+means[word])
		}
	}
	return list
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
func lateText(b *control.Ban, file string) string {
	if b.Observed {
		return "The ban is only recorded, so this address can continue"
	}
	if closesText(b.Ports) == closesText("all") {
		return "Asterisk wrote these records late, or the packets came before the firewall had the ban"
	}
	return "Asterisk wrote these records late, or the attempts came to a port that this ban does not close (in RECORD, the port behind the address of the sender is not a port of this machine). " +
		"If more come: write ports: all into " + cmp.Or(file, "the file of jail "+b.Jail) + "; then: jailctl reload. The change holds for new bans"
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
		text += fmt.Sprintf(". Of these, %s are in COUNTS, and %s", points(s.Score-s.Rest), restText(s))
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

// restText says which points are from records that are not in the table.
func restText(s control.Sum) string {
	from, more := show.Count(s.Earlier, "earlier record"), "records can have different points"
	if s.Rest == 1 {
		return fmt.Sprintf("1 is from %s, whose text is not kept (%s)", from, more)
	}
	return fmt.Sprintf("%s are from %s, whose text is not kept (%s)", points(s.Rest), from, more)
}

// retoldText explains records that add no points.
func retoldText(n int) string {
	if n == 1 {
		return "1 more record, in another log, reports one of these attempts; it adds no points"
	}
	return fmt.Sprintf("%d more records, in another log, report the same attempts; they add no points", n)
}
