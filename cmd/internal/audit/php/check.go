package php

import (
	"regexp"
	"slices"
	"strings"
)

// comparing are functions whose name says that they compare what they get with something.
// Functions that only ask whether a file is there are none of them.
var comparing = regexp.MustCompile(`^(?:in_array|array_key_exists|key_exists|array_search|preg_match|fnmatch|strpos|stripos|strncmp|strcmp|str_starts_with|str_ends_with|ctype_\w+)$|valid|check|allow|permit|whitelist`)

// check remembers what a page compares with something: it then may be no longer free what a
// browser sends. It says nothing of whether the comparison is a good one.
func (s *scan) check(list []Token, i int) {
	t := list[i]
	next := i+1 < len(list) && list[i+1].Is(Sign, "(")
	switch {
	case t.Kind == Word && next && (t.Text == "isset" || t.Text == "empty"):
		args, _ := s.arguments(list, i+1)
		for _, arg := range args {
			s.indexes(arg)
		}
	case t.Kind == Word && next && (t.Text == "switch" || comparing.MatchString(t.Text)) && !(i > 0 && list[i-1].Is(Word, "function")):
		args, _ := s.arguments(list, i+1)
		for _, arg := range args {
			if at := slices.IndexFunc(arg, func(t Token) bool { return t.Kind == Variable }); at >= 0 {
				s.compared(arg[at:])
			}
		}
	}
}

// indexes looks at isset($list[$file]): only what is in the list passes. $_POST[$name] is no
// list of the page.
func (s *scan) indexes(list []Token) {
	if len(list) == 0 || isForeign(list[0].Text) {
		return
	}
	for i := 1; i+1 < len(list); i++ {
		if list[i].Is(Sign, "[") && list[i+1].Kind == Variable && !isForeign(list[i-1].Text) {
			s.compared(list[i+1:])
		}
	}
}

func (s *scan) compared(list []Token) {
	for _, key := range []string{keyOf(list), s.values[list[0].Text].from} {
		if key != "" && len(s.checked) < maxTokens {
			s.checked[key] = true
		}
	}
}

// isChecked reports whether the page compared an expression, or what it comes from, before.
func (s *scan) isChecked(list []Token, v value) bool {
	for len(list) > 0 && list[0].Kind == Sign {
		list = list[1:]
	}
	return len(list) > 0 && (s.checked[keyOf(list)] || s.checked[v.from])
}

// keyOf names a variable, or a part of what a browser sends: "$_POST|path".
func keyOf(list []Token) string {
	if list[0].Kind != Variable {
		return ""
	}
	if isForeign(list[0].Text) && len(list) > 3 && list[1].Is(Sign, "[") && list[3].Is(Sign, "]") {
		return list[0].Text + "|" + list[2].Text
	}
	return list[0].Text
}

// appliesForeign reports whether a browser names the function that another function calls,
// or whether that function runs commands and a browser sends what it gets. What a browser
// sends to any other function is ordinary: array_filter($_GET).
func (s *scan) appliesForeign(name string, args [][]Token) bool {
	at, found := applies[name]
	if !found || at >= len(args) {
		return false
	}
	callee := s.lead(args[at], 0)
	if callee.foreign {
		return true
	}
	if named := strings.ToLower(callee.text); !slices.Contains(runs, named) && !slices.Contains(executes, named) {
		return false
	}
	return slices.ContainsFunc(args, func(arg []Token) bool { return s.lead(arg, 0).foreign })
}

// puzzled looks at a program that the page puts together from its own text and from what a
// browser sends: eval('$x = ' . $_POST['x'] . ';').
func (s *scan) puzzled(t Token, list []Token, v value) {
	if v.foreign || s.afterTag(list).foreign {
		return
	}
	for i, one := range list {
		sent := one.Kind == Variable && (isForeign(one.Text) || s.values[one.Text].foreign) && (i == 0 || list[i-1].Is(Sign, "."))
		if sent || one.Kind == Text && !one.Plain && inText.MatchString(one.Text) {
			s.seeWay(t.Line, false, Joins, "the page runs PHP that it puts together from its own text and from what a browser sends")
			return
		}
	}
}
