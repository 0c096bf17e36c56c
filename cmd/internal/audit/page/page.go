// Package page writes the report of jailctl audit as a page for a browser, to print on paper
// or to keep. jailctl calls it. The page is one file: it has no script, and loads nothing. It
// must never write a text of the machine without escaping it.
package page

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

//go:embed page.html
var source string

// Report is what the page shows.
type Report struct {
	Host   string // it may hold any byte
	Made   string // when
	Looked []Part
	Worse  []Count // how many findings there are of each severity, the worst first
	List   []findings.Finding
}

// Part is a part of the audit, with what it looked at.
type Part struct{ Name, Asks string }

// Count is how many findings there are of a severity.
type Count struct {
	Severity, Means string
	N               int
}

// means are the words of severities, for a reader who has only the page.
var means = map[findings.Severity]string{
	findings.Broken:  "an attacker gets in now, or was here",
	findings.Blind:   "attacks can happen that pbxjail does not see",
	findings.Risky:   "a weak place that an attacker can use",
	findings.Unknown: "it could not be looked at, so it can be anything",
	findings.Note:    "good to know; nothing is wrong",
	findings.OK:      "it was looked at, and nothing is wrong",
}

// Of is the page of a report about a machine.
func Of(m *audit.Machine, parts []audit.Part, r findings.Report) Report {
	p := Report{Host: cmp.Or(show.Flat(m.Name, 120), show.Flat(nameless(m), 120)), Made: show.Stamp(m.Now), List: plain(r.Findings)}
	for _, part := range parts {
		p.Looked = append(p.Looked, Part{part.Name, part.Asks})
	}
	for s := findings.Broken; ; s-- {
		n := 0
		for _, f := range r.Findings {
			if f.Severity == s {
				n++
			}
		}
		if n > 0 {
			p.Worse = append(p.Worse, Count{s.String(), means[s], n})
		}
		if s == findings.OK {
			return p
		}
	}
}

// nameless is what a machine without a host name is called.
func nameless(m *audit.Machine) string {
	if m.IsThis() {
		return "this machine"
	}
	return "the machine in " + m.Root
}

// plain are the findings with all their texts as a terminal would show them: a control
// byte, or a sign that turns the direction of writing, misleads the reader of a page too.
func plain(list []findings.Finding) []findings.Finding {
	safe := func(texts []string) (out []string) {
		for _, t := range texts {
			out = append(out, show.Terminal(t))
		}
		return out
	}
	out := make([]findings.Finding, 0, len(list))
	for _, f := range list {
		f.About, f.What, f.Hint = show.Terminal(f.About), show.Terminal(f.What), show.Terminal(f.Hint)
		f.Evidence, f.References = safe(f.Evidence), safe(f.References)
		var fix []findings.Step
		for _, s := range f.Fix {
			fix = append(fix, findings.Step{Where: show.Terminal(s.Where), Lines: safe(s.Lines), Run: show.Terminal(s.Run)})
		}
		f.Fix = fix
		out = append(out, f)
	}
	return out
}

// Write writes the page.
func Write(w io.Writer, r Report) error {
	t, err := template.New("page").Parse(source)
	if err == nil {
		err = t.Execute(w, r)
	}
	if err != nil {
		return fmt.Errorf("cannot write the page: %w", err)
	}
	return nil
}
