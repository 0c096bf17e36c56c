package findings

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	many := make([]string, mostEvidence+3)
	r := Run("pbx", []Check[string]{
		{Name: "well", Run: func(env string) []Finding { return []Finding{{About: env, What: "fine"}} }},
		{Name: "silent", Run: func(string) []Finding { return nil }},
		{Name: "bad", Run: func(string) []Finding {
			return []Finding{
				{Severity: Note, What: "n"}, {Severity: Unknown, What: "u"}, {Severity: Risky, Evidence: many},
				{Severity: Broken, Fix: []Step{Write("in FILE", "a => b"), Command("c d")}}, {Severity: Blind, Hint: "h", Fix: []Step{Command("x")}},
			}
		}},
	})
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprint(f.Check, " ", f.Severity, " ", f.OK))
	}
	if want := "bad broken false, bad blind false, bad risky false, bad unknown false, bad note true, well ok true"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
	if r.Worst() != Broken || r.Problems() != 3 || r.Unseen() != 1 {
		t.Errorf("got worst %v of %d problems, %d unseen", r.Worst(), r.Problems(), r.Unseen())
	}
	if got, want := r.Findings[0].Hint, "write a => b in FILE; then run: c d"; got != want {
		t.Errorf("got hint %q, want %q", got, want)
	}
	if r.Findings[1].Hint != "h" {
		t.Errorf("got hint %q, want its own", r.Findings[1].Hint)
	}
	if e := r.Findings[2].Evidence; len(e) != mostEvidence+1 || e[mostEvidence] != "and 3 more" {
		t.Errorf("got evidence %q", e)
	}
}

// TestNothing: an empty report is well, and its JSON has a list.
func TestNothing(t *testing.T) {
	r := Run(0, nil)
	text, err := json.Marshal(r)
	one, _ := json.Marshal(Run(0, []Check[int]{{Run: func(int) []Finding { return []Finding{{}} }}}))
	if strings.Contains(string(one), "null") {
		t.Errorf("got %s, want lists", one)
	}
	if err != nil || string(text) != `{"findings":[]}` || r.Worst() != OK || r.Problems() != 0 {
		t.Errorf("got %s, %v, %v", text, err, r.Worst())
	}
}

func TestSeverityText(t *testing.T) {
	for s := OK; s <= Broken; s++ {
		text, err := s.MarshalText()
		var back Severity
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("got %v of %q, %v", back, text, err)
		}
		if err != nil || len(text) > len("unknown") {
			t.Errorf("got %q, %v", text, err)
		}
	}
	var s Severity
	if err := s.UnmarshalText([]byte("fine")); err == nil {
		t.Error("got no error of a word that is no severity")
	}
}
