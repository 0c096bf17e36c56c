package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// step is one priority of the dialplan.
type step struct {
	context, exten string
	app            string // "System(echo ${EXTEN})"
	lead           string // what its line begins with: "same => n,"
	at             asterisk.Place
}

// dialplan is what extensions.conf says, with what it includes. Contexts in a database are
// not in it.
type dialplan struct {
	steps    []step
	includes map[string][]string     // contexts by the context that includes them
	sets     map[string][]assignment // by name of the variable, in upper case
	subs     map[string][]subroutine // calls of a context as a subroutine; "": of one that is not known
}

// assignment is a value that some step gives to a variable.
type assignment struct {
	value string
	from  step
}

var (
	prioForm = regexp.MustCompile(`^\s*(?:hint|n|s|\d+)?(?:\([^)]*\))?(?:\+\d+)?\s*$`)
)

// readDialplan takes the priorities out of the sections.
func readDialplan(sections []asterisk.Section) dialplan {
	d := dialplan{includes: map[string][]string{}, sets: map[string][]assignment{}, subs: map[string][]subroutine{}}
	for _, s := range sections {
		exten := ""
		for _, set := range s.Settings {
			key := strings.ToLower(set.Key)
			switch {
			case strings.EqualFold(s.Name, "globals"):
				name := strings.ToUpper(set.Key)
				d.sets[name] = append(d.sets[name], assignment{set.Value, step{context: s.Name, at: set.At}})
			case key == "include":
				name, _, _ := strings.Cut(set.Value, ",")
				d.includes[s.Name] = append(d.includes[s.Name], name)
			case key == "exten":
				name, rest, _ := strings.Cut(set.Value, ",")
				exten, _, _ = strings.Cut(strings.TrimSpace(name), "/")
				d.add(step{context: s.Name, exten: exten, at: set.At, lead: "exten => " + strings.TrimSpace(name) + ","}, rest)
			case key == "same":
				d.add(step{context: s.Name, exten: exten, at: set.At, lead: "same => "}, set.Value)
			}
		}
	}
	return d
}

// add takes one priority: "n(label),App(args)".
func (d *dialplan) add(s step, rest string) {
	priority, app, found := strings.Cut(rest, ",")
	if !found || !prioForm.MatchString(priority) {
		return
	}
	s.app, s.lead = strings.TrimSpace(app), s.lead+strings.TrimSpace(priority)+","
	d.do(s)
}

// do takes a step, with what it sets and calls.
func (d *dialplan) do(s step) {
	d.steps = append(d.steps, s)
	d.assign(s)
	d.call(s)
}

// luaLines are the lines of extensions.lua (pbx_lua), as steps without an extension.
func luaLines(root fs.FS, folder string) (steps []step) {
	file := path.Join(folder, "extensions.lua")
	text, _ := readFile(root, file)
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "--")
		steps = append(steps, step{app: strings.TrimSpace(line), at: asterisk.Place{File: file, Line: i + 1}})
	}
	return steps
}

// argument is the text between the bracket at the beginning and the one that closes it; all
// of it where none does.
func argument(text string, open, shut byte) string {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return text[1:i]
			}
		}
	}
	return text[min(1, len(text)):]
}

// parts splits at commas that are in no bracket.
func parts(text string) (list []string) {
	depth, from := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{', '[':
			depth++
		case ')', '}', ']':
			depth--
		case ',':
			if depth <= 0 {
				list = append(list, text[from:i])
				from = i + 1
			}
		}
	}
	return append(list, text[from:])
}

// expressions are the ${...} of a text that are in no other one.
func expressions(text string) (list []string) {
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			return list
		}
		inner := argument(text[i+1:], '{', '}')
		list = append(list, inner)
		text = text[min(len(text), i+2+len(inner)):]
	}
}

// where is a place for people.
func where(at asterisk.Place) string { return fmt.Sprintf("%s:%d", show.Word(at.File, 200), at.Line) }
