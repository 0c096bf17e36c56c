package main

import (
	"fmt"
	"strings"

	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// printFinding prints a finding for people: what it is, the evidence, and what to do.
func (a *app) printFinding(f findings.Finding) {
	a.say("%-8s %s: %s", f.Severity, f.About, f.What)
	for _, e := range f.Evidence {
		a.say("   found: %s", e)
	}
	if len(f.References) > 0 {
		a.say("   see: %s", strings.Join(f.References, ", "))
	}
	then := ""
	if f.HintSaysMore() {
		a.say("   hint: %s", f.Hint)
	}
	for _, s := range f.Fix {
		switch {
		case s.Run != "":
			a.sayWhole("   hint: " + then + "run: " + s.Run)
		case len(s.Lines) == 0:
			a.say("   hint: %s%s", then, s.Where)
		default:
			a.say("   hint: %swrite %s:", then, s.Where)
			for _, line := range s.Lines {
				a.sayWhole("       " + line)
			}
		}
		then = "then "
	}
}

// severityWords say what the first word of a finding means. ok needs no words.
var severityWords = map[findings.Severity]string{
	findings.Broken:  "a part does not do its work, or an attacker is let in",
	findings.Blind:   "pbxjail cannot see some attacks",
	findings.Risky:   "an attacker can use it, or a ban can go wrong",
	findings.Unknown: "this could not be looked at",
	findings.Note:    "good to know; nothing is wrong",
}

// explainSeverities explains the first words of the findings that were printed.
func (a *app) explainSeverities(r findings.Report) {
	before := findings.OK
	for _, f := range r.Findings { // the worst first
		if text := severityWords[f.Severity]; text != "" && f.Severity != before {
			if before == findings.OK {
				a.say("")
			}
			a.say("%s: %s", f.Severity, text)
			before = f.Severity
		}
	}
}

// sayWhole prints what a reader copies: a command or a line of a configuration is never
// broken, however wide it is.
func (a *app) sayWhole(line string) { fmt.Fprintln(a.stdout, show.Terminal(line)) }
