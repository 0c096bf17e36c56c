// Package audit is the frame of jailctl audit, which looks for weak places of the machine of
// a PBX: what a Machine is, and how its parts are chosen and run. jailctl calls it, and each
// part of the audit is a room below it. It must never change anything on the machine, never
// ask the daemon, and never call something fine that it could not look at.
//
// To add a check to a part, write a function that takes a *Machine and returns findings, and
// put it into the list that Checks of the part's package returns:
//
//	func Checks() []findings.Check[*audit.Machine] {
//		return []findings.Check[*audit.Machine]{
//			{Name: "ssh-root", Asks: "can root log in with a password?", Run: rootLogin},
//		}
//	}
//
// To add a part, make a package below this one with such a Checks, and write one line into
// All of package parts. The tests of jailctl then want the part in its help page.
//
// A check keeps these rules:
//
//   - It reads files through the methods of Machine alone, starts programs through
//     Machine.Do alone, and opens connections through Machine.Dial alone. A test then gives
//     it a small machine in a folder: package audittest makes one.
//   - What could not be looked at is a finding of severity Unknown: Machine.Unseen makes it.
//   - What is not installed is a Note: there is nothing to look at, and that is said.
//   - What was looked at and is fine is one finding of severity OK, which says what was
//     looked at. A part never reports nothing.
//   - Risky is a weak place. Broken is a place where an attacker gets in now, or a sign that
//     one was here. Blind is a word of doctor.
//   - About names the thing ("port 443 (https)"), What says in one sentence what is wrong and
//     what follows from it, Evidence says where, Fix has lines and commands that can be typed,
//     and References has the CVE or the article of a law.
//   - A password, a key or a secret is never in a text, not even a part of it.
//   - Bytes of the machine or of a server are shown through package show, cut short.
package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pbxjail/cmd/internal/findings"
)

// Part is a group of checks with a name for --only.
type Part struct {
	Name   string // lower case
	Asks   string // what it looks at, for people
	Checks []findings.Check[*Machine]
}

// partTime is how long one part may take. A part that needs longer says what it did not
// look at.
const partTime = 2 * time.Minute

// Choose is the parts with these names, in their own order; all of them when there is no
// name. unknown is the first name that no part has; "" when there is none.
func Choose(all []Part, names []string) (chosen []Part, unknown string) {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p Part) bool { return p.Name == name }) {
			return nil, name
		}
	}
	for _, p := range all {
		if len(names) == 0 || slices.Contains(names, p.Name) {
			chosen = append(chosen, p)
		}
	}
	return chosen, ""
}

// Names are the names of the parts.
func Names(parts []Part) (list []string) {
	for _, p := range parts {
		list = append(list, p.Name)
	}
	return list
}

// Examine runs the checks of the parts over a machine. The worst finding is the first one;
// findings of the same severity keep the order of the parts.
func Examine(ctx context.Context, m *Machine, parts []Part) findings.Report {
	r := findings.Report{Findings: []findings.Finding{}}
	for _, p := range parts {
		r.Findings = append(r.Findings, examinePart(ctx, m, p)...)
	}
	r.Sort()
	return r
}

func examinePart(ctx context.Context, m *Machine, p Part) []findings.Finding {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	of := *m
	of.ctx, of.memo = ctx, map[string]any{} // a part may have found nothing because of its time
	list := findings.Run(&of, p.Checks).Findings
	if len(list) == 0 {
		list = findings.Run(&of, []findings.Check[*Machine]{{Name: p.Name, Run: silent}}).Findings
	}
	for i := range list {
		list[i].Part = p.Name
	}
	return list
}

// silent is for a part that reports nothing: silence must not look as if all were fine.
func silent(*Machine) []findings.Finding {
	return []findings.Finding{{
		About: "audit", Severity: findings.Unknown,
		What: "this part of the audit reports nothing, so it says nothing about this machine",
		Hint: "report this as a fault of jailctl, with the output of: jailctl version",
	}}
}

// OK is a finding that says what was looked at, and that nothing is wrong with it.
func OK(about, format string, args ...any) findings.Finding {
	return findings.Finding{About: about, What: fmt.Sprintf(format, args...)}
}

// Absent is a finding that says what is not on this machine, so that there is nothing to
// look at.
func Absent(about, format string, args ...any) findings.Finding {
	return findings.Finding{About: about, Severity: findings.Note, What: fmt.Sprintf(format, args...)}
}
