// Package findings is the engine of doctor, and of every verb that looks for faults: what a
// finding is, how bad it is, and how a list of checks is run over an environment. jailctl
// calls it. It must never look at a machine by itself: a check gets all that it needs from
// its environment, so that a test can plant a fault.
package findings

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says how bad a finding is. The zero value is OK. A greater one is worse.
type Severity uint8

const (
	OK      Severity = iota // it was looked at, and nothing is wrong
	Note                    // worth to know; nothing is wrong
	Unknown                 // it could not be looked at, so it can be anything
	Risky                   // an attacker can use it, or a ban can go wrong
	Blind                   // attacks can happen that pbxjail does not see
	Broken                  // a part does not do its work, or an attacker is let in
)

var names = [...]string{OK: "ok", Note: "note", Unknown: "unknown", Risky: "risky", Blind: "blind", Broken: "broken"}

// String is the word for people and for JSON.
func (s Severity) String() string { return names[s] }

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(names[s]), nil }

// UnmarshalText reads the word.
func (s *Severity) UnmarshalText(text []byte) error {
	i := slices.Index(names[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no severity: %s", text, strings.Join(names[:], ", "))
	}
	*s = Severity(i)
	return nil
}

// Finding is one thing that was looked at. The zero value is well and says nothing. Its texts
// may come from files of the machine: a printer must escape them.
type Finding struct {
	Part     string   `json:"part,omitempty"` // of jailctl audit; "" in doctor
	Check    string   `json:"check"`          // the name of the check; Run sets it
	About    string   `json:"about"`          // the part of the machine, such as "log /var/log/asterisk/full"
	Severity Severity `json:"severity"`
	OK       bool     `json:"ok"`       // nothing is wrong: ok, or a note; Run sets it
	What     string   `json:"what"`     // what is so
	Evidence []string `json:"evidence"` // "FILE:LINE: what is there", or a value
	Hint     string   `json:"hint"`     // what to do, for people
	Fix      []Step   `json:"fix"`      // the same for the hand: commands and lines, in order

	// References are where to read more: "CVE-2014-3566 (POODLE)", "GDPR article 32".
	References []string `json:"references"`
}

// HintSaysMore reports whether the hint has something that the steps of Fix do not say.
func (f Finding) HintSaysMore() bool {
	return f.Hint != "" && !slices.ContainsFunc(f.Fix, func(s Step) bool { return strings.HasPrefix(f.Hint, s.String()) })
}

// Step is a part of a repair: lines to write, a command to run, or, where there is nothing
// but Where, something to do. No line or command may be broken into two lines.
type Step struct {
	Where string   `json:"where,omitempty"` // where to write Lines: "below [logfiles] in FILE"
	Lines []string `json:"lines,omitempty"`
	Run   string   `json:"run,omitempty"`
}

// Write is the step to write lines somewhere.
func Write(where string, lines ...string) Step { return Step{Where: where, Lines: lines} }

// Command is the step to run a command.
func Command(line string) Step { return Step{Run: line} }

// String is the step within a sentence.
func (s Step) String() string {
	if s.Run != "" {
		return "run: " + s.Run
	}
	if len(s.Lines) == 0 {
		return s.Where
	}
	return "write " + strings.Join(s.Lines, " and ") + " " + s.Where
}

// Check asks one question about an environment of type E.
type Check[E any] struct {
	Name string // stable: programs know a finding by it
	Asks string // the question, for people
	Run  func(E) []Finding
}

// mostEvidence is how much evidence one finding shows: a dialplan may have a fault in each
// line.
const mostEvidence = 8

// Report is what all checks found, the worst first.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Run runs the checks over an environment. Findings of the same severity keep the order of
// the checks.
func Run[E any](env E, checks []Check[E]) (r Report) {
	r.Findings = []Finding{}
	for _, c := range checks {
		for _, f := range c.Run(env) {
			f.Check, f.OK = c.Name, f.Severity <= Note
			if n := len(f.Evidence) - mostEvidence; n > 0 {
				f.Evidence = append(slices.Clone(f.Evidence[:mostEvidence]), fmt.Sprintf("and %d more", n))
			}
			if f.Hint == "" {
				f.Hint = sentence(f.Fix)
			}
			f.Evidence, f.Fix = append([]string{}, f.Evidence...), append([]Step{}, f.Fix...) // JSON has lists, not null
			f.References = append([]string{}, f.References...)
			r.Findings = append(r.Findings, f)
		}
	}
	r.Sort()
	return r
}

// Sort puts the worst findings first. Findings of the same severity keep their order.
func (r Report) Sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
}

func sentence(fix []Step) string {
	var parts []string
	for _, s := range fix {
		parts = append(parts, s.String())
	}
	return strings.Join(parts, "; then ")
}

// Worst is the severity of the worst finding; OK when there is none.
func (r Report) Worst() (worst Severity) {
	for _, f := range r.Findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// Problems is how many findings are worse than unknown.
func (r Report) Problems() (n int) {
	for _, f := range r.Findings {
		if f.Severity > Unknown {
			n++
		}
	}
	return n
}

// Unseen is how many findings say that something could not be looked at.
func (r Report) Unseen() (n int) {
	for _, f := range r.Findings {
		if f.Severity == Unknown {
			n++
		}
	}
	return n
}
