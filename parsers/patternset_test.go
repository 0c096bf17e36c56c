package parsers

import (
	"bytes"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"time"
)

// filler are patterns that make a set large enough for a pass of its own.
func filler(t testing.TB, n int) (list []*Pattern) {
	t.Helper()
	for i := range n {
		text := fmt.Sprintf("^NOTICE app_%d.c: refused number %d from <ADDR>$", i, i)
		if i%3 == 1 {
			text = fmt.Sprintf("^[A-Z]+ .*refused code %d of <ADDR>", i)
		} else if i%3 == 2 {
			text = fmt.Sprintf(`^WARNING app_shared\.c: .* (late|early) word%d .*<ADDR>`, i)
		}
		p, err := NewPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// checkSet holds a set against its patterns, tried one after the other.
func checkSet(t *testing.T, list []*Pattern, text []byte) {
	t.Helper()
	s := newPatternSet(list)
	var want []int32
	begins := false
	for i, p := range list {
		begins = begins || bytes.HasPrefix(text, p.prefix)
		if p.greedy.Match(text) {
			want = append(want, int32(i))
		}
	}
	if got := s.begins(text); got != begins {
		t.Fatalf("begins(%q) is %v, and the patterns say %v", text, got, begins)
	}
	for range 2 { // the second time nothing is left of the first
		got := s.candidates(text, false)
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("candidates %v are not in order, or twice", got)
		}
		for _, i := range want {
			if !slices.Contains(got, i) {
				t.Fatalf("pattern %q matches %q, and is no candidate", list[i], text)
			}
		}
	}
}

func TestPatternSet(t *testing.T) {
	list := filler(t, 60)
	for _, c := range []struct {
		text string
		want []int32
	}{
		{"NOTICE app_3.c: refused number 3 from 203.0.113.9", []int32{3}},
		{"NOTICE app_33.c: refused number 33 from 203.0.113.9", []int32{33}},
		{"NOTICE x.c: refused code 4 of 203.0.113.9", []int32{4}},
		{"WARNING app_shared.c: a late word5 for 203.0.113.9", []int32{5}},
		{"VERBOSE pbx.c: Executing nothing", nil},
		{"", nil},
	} {
		checkSet(t, list, []byte(c.text))
		s := newPatternSet(list)
		if got := s.candidates([]byte(c.text), false); !slices.Equal(got, c.want) {
			t.Errorf("candidates for %q: got %v, want %v", c.text, got, c.want)
		}
	}
}

func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		expr string
		want string
	}{
		{`abc.*def`, "[[abc] [def]]"},
		{`a(?:bcd|efg)h`, "[[a] [bcd efg] [h]]"},
		{`(?:abc|x*)`, "[]"},
		{`(?i)abc`, "[]"},
		{`(abc)+(def)*(ghi)?(jkl){2,}(mno){0,3}`, "[[abc] [jkl]]"},
		{"a\uFFFDb", "[]"},
		{strings.Repeat("x", 40), "[[" + strings.Repeat("x", maxNeed) + "]]"},
	} {
		tree, err := syntax.Parse(c.expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(needsOf(tree)); got != c.want {
			t.Errorf("%q needs %s, want %s", c.expr, got, c.want)
		}
	}
}

// TestManyPatternsSameEvents reads the same log with a set and with each pattern tried.
func TestManyPatternsSameEvents(t *testing.T) {
	list := filler(t, 40)
	for _, text := range []string{"^OTHER x.c: refused code 7 of <ADDR>", "^CUSTOM x.c: refused code 9 of <ADDR>"} {
		p, err := NewPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	// A line of another program begins a doubt: each line has a parser of its own.
	events := func(whole bool, line string) (all []string, own int) {
		p := New(Clock{}, list...)
		if whole { // nothing is left out
			p.patterns.always = p.patterns.all
		}
		p.Block([]byte("[2026-05-01 08:00:00] "+line+"\n"), false, time.Time{}, func(e *Event) {
			text := ""
			if e.Pattern != nil {
				text = e.Pattern.String()
				own++
			}
			all = append(all, fmt.Sprint(e.Result, e.Kind, e.Addr, e.Rule, text))
		})
		return all, own
	}
	sum := 0
	for i := range 42 {
		for _, line := range []string{
			fmt.Sprintf("NOTICE[7] app_%d.c: refused number %d from 203.0.113.%d", i, i, i+1),
			fmt.Sprintf("CUSTOM[7] x.c: refused code %d of 203.0.113.%d", i, i+1),
			fmt.Sprintf("WARNING[7] app_shared.c: a late word%d for 203.0.113.%d", i, i+1),
		} {
			got, own := events(false, line)
			want, _ := events(true, line)
			if !slices.Equal(got, want) {
				t.Errorf("%q: a set makes %v, the patterns one by one make %v", line, got, want)
			}
			sum += own
		}
	}
	if sum != 42 { // 40 of the filler, and two
		t.Errorf("%d lines match an own pattern, want 42", sum)
	}
}

// FuzzPatternSet: no pattern that matches a text is left out.
func FuzzPatternSet(f *testing.F) {
	for _, pattern := range []string{
		"^NOTICE app.c: from <ADDR>", "^(?:one|two) <ADDR>", "^(?i)Refused <HOST>", "^.*word (a|b|) <ADDR>:<PORT>$", "^[a-z]{3,5}xyz+ <ADDR>", "^\xc3\xa4\uFFFD <ADDR>",
		"^a?bc*d+(?:efg){0,2}(?:hij){1,2} <ADDR>", "^x|y <ADDR>",
	} {
		f.Add(pattern, "^NOTICE .*he(r|rs)she <ADDR>", []byte("NOTICE app.c: from 203.0.113.9 ushers word b 203.0.113.9:5"))
	}
	rest := filler(f, 20)
	f.Fuzz(func(t *testing.T, one, two string, text []byte) {
		if len(one)+len(two) > 400 || len(text) > 2000 {
			t.Skip("long")
		}
		list := slices.Clone(rest)
		for _, s := range []string{one, two} {
			if p, err := NewPattern(s); err == nil {
				list = append(list, p)
			}
		}
		checkSet(t, list, text)
		checkSet(t, list[len(list)-3:], text)
	})
}

// BenchmarkGrowthPatterns reads lines of a full log with many own patterns, none of which
// matches.
func BenchmarkGrowthPatterns(b *testing.B) {
	log := genFull(5000)
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := New(Clock{}, filler(b, n)...)
			lines := 0
			for b.Loop() {
				lines += p.Block(log, false, time.Time{}, func(*Event) {})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(lines), "ns/each")
		})
	}
}
