package fail2ban

import (
	"regexp"
	"strings"
	"testing"
)

// TestWithoutLookahead: a run that begins with a word is not found, another one is.
func TestWithoutLookahead(t *testing.T) {
	for _, c := range []struct {
		theirs string
		yes    []string
		no     []string
	}{
		{`^(?!evasive)\S+:`, []string{"a:", "evasion:", "e-:", "auth_basic:"}, []string{"evasive:", "evasive20:", ":", "eva sive:"}},
		{`^(?!error|info|ex)[\w-]+ x`, []string{"in-x x", "debug x", "errand x", "inf_ x"}, []string{"error x", "info x", "errors x", "ex x", "exit x", "=a x"}},
		{`^(?!a)\w+$`, []string{"b", "ba"}, []string{"a", "ab", "b-"}},
	} {
		ours := withoutLookahead(c.theirs)
		if strings.Contains(ours, "(?!") {
			t.Fatalf("%s stays %s", c.theirs, ours)
		}
		re := regexp.MustCompile(ours)
		for _, text := range c.yes {
			if !re.MatchString(text) {
				t.Errorf("%s does not find %q", ours, text)
			}
		}
		for _, text := range c.no {
			if re.MatchString(text) {
				t.Errorf("%s finds %q", ours, text)
			}
		}
	}
	for _, stays := range []string{`(?!x y)\S+`, `(?!x)a+`, `(?!x)\S*`, `(?!a=)\w+`, `(?i)(?!x)\S+`, `(?!x\b)\S+`} {
		if got := withoutLookahead(stays); got != stays {
			t.Errorf("%s becomes %s", stays, got)
		}
	}
}
