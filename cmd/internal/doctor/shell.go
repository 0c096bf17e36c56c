package doctor

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// What gives a text to a shell: asterisk:apps/app_system.c, apps/app_mixmonitor.c (its third
// argument), funcs/func_shell.c.
var (
	systemForm  = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_.])(?:app\.)?(TrySystem|System)\s*\(`)
	shellForm   = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])(SHELL)\(`)
	mixForm     = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])(MixMonitor)\s*\(`)
	execForm    = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])(?:Try)?Exec(?:If)?\s*\([^()]*?(TrySystem|System),`) // the form of Asterisk 1.4
	luaForm     = regexp.MustCompile(`(?i)\b(?:app\.|channel\.)(TrySystem|System|SHELL)\b`)
	oldCommaApp = regexp.MustCompile(`(?i)^(TrySystem|System)[,|](.+)$`)
)

// shellCall is a text that the dialplan gives to a shell.
type shellCall struct {
	name, text string
}

// shellCalls are those of one step.
func shellCalls(app string) (calls []shellCall) {
	for _, form := range []*regexp.Regexp{systemForm, shellForm, mixForm} {
		for _, at := range form.FindAllStringSubmatchIndex(app, -1) {
			call := shellCall{app[at[2]:at[3]], argument(app[at[1]-1:], '(', ')')}
			if form == mixForm {
				p := parts(call.text)
				if len(p) < 3 {
					continue
				}
				call.text = strings.Join(p[2:], ",")
			}
			calls = append(calls, call)
		}
	}
	if m := execForm.FindStringSubmatchIndex(app); m != nil {
		calls = append(calls, shellCall{app[m[2]:m[3]], app[m[1]:]})
	}
	if m := oldCommaApp.FindStringSubmatch(app); m != nil {
		calls = append(calls, shellCall{m[1], m[2]})
	}
	return calls
}

// shells finds texts of callers that reach a shell.
func shells(e *Env) (list []findings.Finding) {
	for _, folder := range e.Folders {
		d := e.dialplan(folder)
		for _, s := range append(d.steps, luaLines(e.Root, folder)...) {
			for _, call := range shellCalls(s.app) {
				w := d.text(call.text, s, seen{})
				if s.at.File != "" && strings.HasSuffix(s.at.File, ".lua") {
					w = luaText(s.app)
				}
				if w.trust != safe {
					pjsip := !e.chanSIP(folder) || strings.Contains(strings.ToUpper(call.text+strings.Join(w.from, " ")), "PJSIP")
					list = append(list, shellFinding(call, s, w, pjsip))
				}
			}
		}
	}
	return list
}

// luaText judges a line of extensions.lua: what is joined to a command may be a caller's.
func luaText(line string) written {
	if luaForm.MatchString(line) && strings.Contains(line, "..") {
		return written{unknown, []string{"a text that is joined with .."}}
	}
	return written{}
}

func shellFinding(call shellCall, s step, w written, pjsip bool) findings.Finding {
	var from []string
	for _, text := range w.from {
		from = append(from, show.Flat(text, 80))
	}
	f := findings.Finding{
		About: "dialplan", Severity: findings.Broken,
		What: fmt.Sprintf("a caller can run commands on this machine: %s() in the dialplan gives text of the caller to a shell", call.name),
		Evidence: []string{
			fmt.Sprintf("%s: %s()%s", where(s.at), call.name, inContext(s)),
			"text of the caller in it: " + strings.Join(from[:min(len(from), 6)], ", "),
		},
	}
	if w.trust == unknown {
		f.Severity = findings.Risky
		f.What = fmt.Sprintf("%s() in the dialplan gives text to a shell. If that text comes from a caller, the caller can run commands", call.name)
		f.Evidence[1] = "text of unknown origin in it: " + strings.Join(from[:min(len(from), 6)], ", ")
	}
	f.Evidence = append(f.Evidence, example(call.text, w.from))
	ael := strings.HasSuffix(s.at.File, ".ael")
	f.Hint = "filter each such text: ${FILTER(0-9A-Za-z,${NAME})}; or write the line without a shell, with Log(), Verbose() or Set(FILE(...)=...)"
	if strings.Contains(call.text, "sipsec") || strings.Contains(call.text, "Unknown Call") {
		f.What += ". It is the well-known recipe that logs unknown calls"
		f.Hint = "replace this line, or the whole context: " + printed(pjsip, ael) + " prints one that logs unknown calls safely"
		if !ael {
			f.Fix = []findings.Step{
				findings.Write("in place of "+where(s.at), safeRecipe(s, call.text, pjsip)...),
				findings.Command("asterisk -rx 'dialplan reload'"),
			}
		}
	}
	return f
}

// printed is the command that prints a safe dialplan.
func printed(pjsip, ael bool) string {
	command := "jailctl dialplan --driver chan_sip"
	if pjsip {
		command = "jailctl dialplan --driver pjsip"
	}
	if ael {
		command += " --format ael"
	}
	return command
}

// example is a harmless call that shows what the shell would do: id(1) prints who runs it.
func example(text string, from []string) string {
	who, what := "a caller who writes %s into this text", "$(id)"
	for _, form := range from {
		form = strings.ToUpper(form)
		switch {
		case strings.Contains(form, "CALLERID(NAME)"), strings.Contains(form, "CALLERIDNAME"):
			who = "a caller with the name %s"
		case strings.Contains(form, "CALLERID"):
			who = "a caller with the number %s"
		case strings.Contains(form, "HEADER"), strings.Contains(form, "USERAGENT"), strings.Contains(form, "URI"):
			who = "a caller with %s in a header of its call"
		case strings.Contains(form, "EXTEN"), strings.Contains(form, "DID"), strings.Contains(form, "DNID"):
			who = "a caller who dials %s"
		default:
			continue
		}
		break
	}
	if at := strings.Index(text, "${"); at >= 0 && strings.Count(text[:at], "'")%2 == 1 {
		what = "';id;'" // $(...) does nothing between apostrophes
	}
	return "example: " + fmt.Sprintf(who, what) + " makes this machine run the command id"
}

func inContext(s step) string {
	if s.context == "" {
		return ""
	}
	return fmt.Sprintf(" in [%s], extension %s", show.Flat(s.context, 80), show.Flat(s.exten, 80))
}

var logFileForm = regexp.MustCompile(`>>\s*(/[A-Za-z0-9_./-]+)`)

// safeRecipe is the same line, written by Asterisk itself: no shell, each text of the caller
// filtered and cut short, and the address of the packet in place of the Contact header.
func safeRecipe(s step, old string, pjsip bool) []string {
	lead, next := s.lead, "same => n,"
	if !strings.HasPrefix(lead, "same") && !strings.HasPrefix(lead, "exten") {
		lead = next
	}
	if extension, _, found := strings.Cut(lead, ","); found && strings.HasPrefix(lead, "exten") {
		next = extension + ",n,"
	}
	file, number := "/var/log/asterisk/sipsec.log", "EXTEN"
	if m := logFileForm.FindStringSubmatch(old); m != nil {
		file = m[1]
	}
	if strings.Contains(old, "${FROM_DID}") {
		number = "FROM_DID"
	}
	const text = `0-9A-Za-z+*#_\x2d`
	lines := []string{ // cut where they are written: within ${FILTER(...):0:40} a bracket of the caller ends FILTER
		lead + `Set(from=${FILTER(` + text + `,${CALLERID(num)})})`,
		next + `Set(to=${FILTER(` + text + `,${` + number + `})})`,
	}
	if pjsip {
		lines = append(lines, next+`Set(addr=${FILTER(0-9a-fA-F.:[],${CHANNEL(pjsip,remote_addr)}):0:60})`)
	} else {
		lines = append(lines, next+`Set(addr=${FILTER(0-9a-fA-F.:,${CHANNEL(recvip)}):0:45})`,
			next+`ExecIf($["${CUT(addr,:,2)}" != ""]?Set(addr=[${addr}]))`)
	}
	return append(lines, next+`Set(FILE(`+file+`,,,al,u)=[${STRFTIME(${EPOCH},,%b %d %H:%M:%S)}] SECURITY[] Unknown Call from ${from:0:40} to ${to:0:40} IPdetails sip:${from:0:40}@${addr})`)
}

// dialplan reads the dialplan of a folder.
func (e *Env) dialplan(folder string) dialplan {
	sections, _ := asterisk.Dialplan(folder) // what cannot be read is a finding of another check
	d := readDialplan(sections)
	file := path.Join(folder, "extensions.ael")
	text, _ := readFile(e.Root, file)
	d.readAEL(text, file)
	return d
}
