package doctor

import (
	"regexp"
	"strings"
)

// subroutine is a call of a context with arguments.
type subroutine struct {
	args []string // ARG1 and so on
	from step
}

var (
	setForm      = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])(M?Set|SetVar|SetGlobalVar|Read)\s*\(`)
	subForm      = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])(Macro|MacroIf|Gosub|GosubIf)\s*\(`)
	nameForm     = regexp.MustCompile(`^[A-Z0-9_]+$`)
	argForm      = regexp.MustCompile(`^ARG([1-9][0-9]?)$`)
	sharedScopes = []string{"GLOBAL", "LOCAL", "SHARED"}
)

// assign notes which variables a step sets, wherever Set() is in it: within ExecIf() too.
func (d *dialplan) assign(s step) {
	for _, at := range setForm.FindAllStringSubmatchIndex(s.app, -1) {
		args := argument(s.app[at[1]-1:], '(', ')')
		switch strings.ToUpper(s.app[at[2]:at[3]]) {
		case "READ": // what a caller types are digits, * and #: asterisk:apps/app_read.c
			d.set(parts(args)[0], "", s)
		case "MSET":
			for _, one := range parts(args) {
				d.setOne(one, s)
			}
		default:
			d.setOne(args, s)
		}
	}
}

func (d *dialplan) setOne(text string, s step) {
	if name, value, found := strings.Cut(text, "="); found {
		d.set(name, value, s)
	}
}

// set notes a value of a variable. GLOBAL(X), LOCAL(X) and SHARED(X) are variables of this
// name too; ENV(X) is one of the environment.
func (d *dialplan) set(name, value string, s step) {
	name = strings.ToUpper(strings.TrimSpace(name))
	for _, scope := range sharedScopes {
		if inner, found := strings.CutPrefix(name, scope+"("); found {
			inner, _, _ = strings.Cut(strings.TrimSuffix(inner, ")"), ",")
			name = inner
		}
	}
	inner, environment := strings.CutPrefix(name, "ENV(")
	if environment {
		name = strings.TrimSuffix(inner, ")")
	}
	name = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(name), "_"), "_")
	if !nameForm.MatchString(name) {
		return // its name is made while a call runs
	}
	if environment {
		name = "ENV(" + name + ")"
	}
	d.sets[name] = append(d.sets[name], assignment{value, s})
}

// call notes which context a step calls as a subroutine, and with what.
func (d *dialplan) call(s step) {
	for _, at := range subForm.FindAllStringSubmatchIndex(s.app, -1) {
		name, args := strings.ToUpper(s.app[at[2]:at[3]]), argument(s.app[at[1]-1:], '(', ')')
		targets := []string{args}
		if strings.HasSuffix(name, "IF") {
			_, then, _ := strings.Cut(args, "?")
			targets = splitAt(then, ':')
		}
		for _, target := range targets {
			p := parts(target)
			if strings.HasPrefix(name, "MACRO") {
				d.sub("macro-"+strings.TrimSpace(p[0]), p[1:], s)
				continue
			}
			last := p[len(p)-1]
			open := strings.IndexByte(last, '(')
			if open < 0 {
				continue
			}
			context := s.context
			if len(p) == 3 {
				context = strings.TrimSpace(p[0])
			}
			d.sub(context, parts(argument(last[open:], '(', ')')), s)
		}
	}
}

func (d *dialplan) sub(context string, args []string, s step) {
	if strings.Contains(context, "$") {
		context = ""
	}
	d.subs[context] = append(d.subs[context], subroutine{args, s})
}

// arg judges an argument of the subroutine that a step is in.
func (d dialplan) arg(n int, e string, at step, once seen) (w written) {
	calls := append(append([]subroutine{}, d.subs[at.context]...), d.subs[""]...)
	if len(calls) == 0 {
		return written{unknown, []string{"${" + e + "}"}}
	}
	for _, c := range calls {
		if n <= len(c.args) {
			w.add(d.text(c.args[n-1], c.from, once))
		}
	}
	if w.trust == safe {
		return written{}
	}
	return written{w.trust, append([]string{"${" + e + "}"}, w.from...)}
}

// splitAt splits at a character that is in no bracket.
func splitAt(text string, sep byte) (list []string) {
	depth, from := 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '(' || c == '{' || c == '[':
			depth++
		case c == ')' || c == '}' || c == ']':
			depth--
		case c == sep && depth <= 0:
			list = append(list, text[from:i])
			from = i + 1
		}
	}
	return append(list, text[from:])
}
