package page

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/findings"
)

const hostile = "<script>alert(1)</script>\"'><img src=x onerror=y>\x1b[2J\u202e{{.}}"

func hostileReport() (*audit.Machine, []audit.Part, findings.Report) {
	m := &audit.Machine{Name: hostile, Now: audittest.Now}
	p := []audit.Part{{Name: "one", Asks: "is it safe?", Checks: []findings.Check[*audit.Machine]{{Name: "c", Run: func(*audit.Machine) []findings.Finding {
		return []findings.Finding{
			{Severity: findings.Broken, About: hostile, What: hostile, Evidence: []string{hostile}, Hint: hostile, References: []string{hostile, "CVE-2014-3566"},
				Fix: []findings.Step{findings.Command(hostile), findings.Write(hostile, hostile), {Where: hostile}}},
			{Severity: findings.Unknown, About: "a", What: "b"}, audit.OK("x", "well"),
		}
	}}}}}
	return m, p, audit.Examine(context.Background(), m, p)
}

func TestPageEscapes(t *testing.T) {
	var b strings.Builder
	m, p, r := hostileReport()
	if err := Write(&b, Of(m, p, r)); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, bad := range []string{"<script", "<img", "\x1b", "\u202e", "http://", "https://", "src=x onerror=y>"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if n := strings.Count(text, "&lt;script&gt;alert(1)"); n < 10 {
		t.Errorf("got the text %d times, want it escaped in each place", n)
	}
	if loads := regexp.MustCompile(`(?i)\b(?:src|href|action|url|@import)\s*[=(]`).FindString(strings.ReplaceAll(text, "src=x", "")); loads != "" {
		t.Errorf("the page loads something: %q", loads)
	}
	for _, want := range []string{"CVE-2014-3566", "2026-01-02 03:04:05 UTC", "<td>1</td><td>broken</td>", "<td>1</td><td>unknown</td>", "is it safe?", `<div class="finding broken">`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
}

func FuzzPage(f *testing.F) {
	f.Add(hostile)
	f.Add("</pre><a href=javascript:x>")
	plain := regexp.MustCompile(`</?[a-z]+`)
	empty := func(text string) string {
		var b strings.Builder
		r := findings.Report{Findings: []findings.Finding{{About: text, What: text, Hint: text, Evidence: []string{text}, References: []string{text}, Fix: []findings.Step{{Run: text}, {Where: text, Lines: []string{text}}, {Where: text}}}}}
		_ = Write(&b, Of(&audit.Machine{Name: text, Now: audittest.Now}, nil, r)) // a strings.Builder takes all
		return b.String()
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return
		}
		// The text changes no tag: there are as many as with a plain word.
		if got, want := len(plain.FindAllString(empty("x"+text), -1)), len(plain.FindAllString(empty("x"), -1)); got != want {
			t.Errorf("%q: got %d tags, want %d", text, got, want)
		}
	})
}
