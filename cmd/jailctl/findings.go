package main

import (
	"fmt"
	"slices"
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
	then := ""
	if f.Hint != "" && !sameAsFix(f) {
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

// sameAsFix reports whether the hint says no more than the steps.
func sameAsFix(f findings.Finding) bool {
	return slices.ContainsFunc(f.Fix, func(s findings.Step) bool { return strings.HasPrefix(f.Hint, s.String()) })
}

// sayWhole prints what a reader copies: a command or a line of a configuration is never
// broken, however wide it is.
func (a *app) sayWhole(line string) { fmt.Fprintln(a.stdout, show.Terminal(line)) }
