package doctor

import (
	"fmt"
	"regexp"
	"strings"

	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// What starts a program without a shell: asterisk:res/res_agi.c, apps/app_externalivr.c. Its
// arguments reach it as they are.
var (
	programForm     = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])((?:E|Dead|Async)?AGI|ExternalIVR)\s*\(`)
	environmentForm = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])Set\s*\(\s*ENV\(`)
)

// programs finds texts of callers that choose a program, or reach one as an argument, or its
// environment.
func programs(e *Env) (list []findings.Finding) {
	for _, folder := range e.Folders {
		d := e.dialplan(folder)
		var given []string
		for _, s := range d.steps {
			for _, at := range programForm.FindAllStringSubmatchIndex(s.app, -1) {
				name, args := s.app[at[2]:at[3]], parts(argument(s.app[at[1]-1:], '(', ')'))
				if w := d.text(args[0], s, seen{}); w.trust == caller && !strings.Contains(args[0], "://") {
					list = append(list, findings.Finding{
						About: "dialplan", Severity: findings.Broken,
						What: fmt.Sprintf("a caller can choose which program runs on this machine: %s() in the dialplan takes its name from text of the caller", name),
						Evidence: []string{fmt.Sprintf("%s: %s()%s", where(s.at), name, inContext(s)),
							"text of the caller in the name: " + shown(w.from), "example: a caller who writes ../../../usr/bin/id into this text makes this machine run the command id"},
						Hint: "write the name of the program as a constant; to choose one of several: GotoIf() for each",
					})
				} else if w := d.text(strings.Join(args, ","), s, seen{}); w.trust == caller {
					given = append(given, fmt.Sprintf("%s: %s(%s)%s: %s", where(s.at), name, show.Flat(args[0], 60), inContext(s), shown(w.from)))
				}
			}
			if at := environmentForm.FindStringIndex(s.app); at != nil {
				list = append(list, d.environment(s, s.app[at[1]-1:])...)
			}
		}
		if len(given) > 0 {
			list = append(list, findings.Finding{
				About: "dialplan", Severity: findings.Note,
				What:     fmt.Sprintf("the dialplan gives text of callers to programs of AGI as an argument (%s). No shell reads it, but such a program must not give it to one", show.Count(len(given), "place")),
				Evidence: given[:min(len(given), 5)],
				Hint:     "look into each program for system(), exec(), backticks and SQL; or filter the text first: ${FILTER(0-9A-Za-z,${NAME})}",
			})
		}
	}
	return list
}

// environment judges Set(ENV(NAME)=VALUE), from the bracket of ENV on.
func (d dialplan) environment(s step, rest string) []findings.Finding {
	name := argument(rest, '(', ')')
	value := argument("("+rest[min(len(rest), len(name)+2):], '(', ')')
	w := d.text(name+value, s, seen{})
	if w.trust != caller {
		return nil
	}
	f := findings.Finding{
		About: "dialplan", Severity: findings.Risky,
		What: "the dialplan writes text of a caller into the environment of Asterisk, which each program that Asterisk starts inherits. " +
			"An old bash runs commands in it (Shellshock), and a script may give it to a shell",
		Evidence: []string{fmt.Sprintf("%s: Set(ENV(%s)=...)%s", where(s.at), show.Flat(name, 60), inContext(s)), "text of the caller in it: " + shown(w.from)},
		Hint:     "filter the text first: ${FILTER(0-9A-Za-z,${NAME})}",
	}
	if d.text(name, s, seen{}).trust == caller {
		f.Severity = findings.Broken
		f.What = "a caller can choose a variable in the environment of Asterisk, such as LD_PRELOAD or BASH_ENV, and so which code its programs run"
	}
	return []findings.Finding{f}
}

// shown are the first of some expressions, short enough to print.
func shown(from []string) string {
	var list []string
	for _, text := range from[:min(len(from), 6)] {
		list = append(list, show.Flat(text, 80))
	}
	return strings.Join(list, ", ")
}
