package doctor

import (
	"fmt"
	"regexp"
	"strings"

	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// entrance is a way into the dialplan without an account.
type entrance struct {
	driver, context string
	evidence        string
	fix             []findings.Step
}

// entrances are those of an Asterisk.
func (e *Env) entrances(folder string) (list []entrance) {
	if e.chanSIP(folder) {
		set, found := general(folder, "sip.conf", "allowguest")
		context, named := general(folder, "sip.conf", "context")
		one := entrance{driver: "chan_sip", context: "default", evidence: folder + "/sip.conf: allowguest is missing, and yes by default"}
		if named {
			one.context = context.Value
		}
		if found {
			one.evidence = setLine(set)
		}
		one.fix = []findings.Step{findings.Write("below [general] in "+folder+"/sip.conf", "allowguest=no"), findings.Command("asterisk -rx 'sip reload'")}
		if e.Found.GUI != "" && (!found || !strings.Contains(set.At.File, "_custom")) {
			one.fix = []findings.Step{findings.Write(guestsOf(e.Found.GUI))}
		}
		if !found || asterisk.IsTrue(set.Value) {
			list = append(list, one)
		}
	}
	sections, _ := asterisk.Sections(folder, "pjsip.conf", "type", "context")
	for _, s := range sections {
		kind, _ := s.Last("type")
		if s.Template || !strings.EqualFold(s.Name, "anonymous") || !strings.EqualFold(kind.Value, "endpoint") {
			continue
		}
		context, found := s.Last("context")
		if !found {
			context.Value = "default"
		}
		list = append(list, entrance{"PJSIP", context.Value, setLine(kind) + ", in [anonymous]", []findings.Step{
			findings.Write("remove the section [anonymous] from " + show.Word(kind.At.File, 200)), findings.Command("asterisk -rx 'pjsip reload'"),
		}})
		if e.Found.GUI != "" && !strings.Contains(kind.At.File, "_custom") { // it writes the file again
			list[len(list)-1].fix = []findings.Step{findings.Write(guestsOf(e.Found.GUI))}
		}
	}
	sections, _ = asterisk.Sections(folder, "iax.conf", "type", "context", "auth")
	for _, s := range sections {
		kind, _ := s.Last("type")
		if s.Template || !strings.EqualFold(kind.Value, "user") && !strings.EqualFold(kind.Value, "friend") || !e.openIAX(folder, s.Name) {
			continue
		}
		context, _ := s.Last("context")
		list = append(list, entrance{"IAX2", context.Value, setLine(kind) + ", in [" + show.Flat(s.Name, 60) + "], without a secret", []findings.Step{
			findings.Write("below ["+show.Flat(s.Name, 60)+"] in "+show.Word(kind.At.File, 200), "secret=A-LONG-RANDOM-SECRET"), findings.Command("asterisk -rx 'iax2 reload'"),
		}})
	}
	return list
}

// guestsOf names the settings of a web interface that let callers without an account in.
func guestsOf(gui string) string {
	if gui != "FreePBX" {
		return "forbid calls of callers without an account in the web interface of " + gui + ". " + gui + " writes pjsip.conf and sip.conf: do not edit these files"
	}
	return "open Settings > Asterisk SIP Settings in the web interface of " + gui + "; set Allow Anonymous Inbound SIP Calls: No, and Allow SIP Guests: No; then press Submit and Apply Config. " +
		gui + " writes pjsip.conf and sip.conf: do not edit these files"
}

// openIAX reports whether an account of IAX2 needs no secret. Only whether there is one is
// kept.
func (e *Env) openIAX(folder, name string) bool {
	sections, _ := asterisk.Sections(folder, "iax.conf", "secret", "inkeys", "dbsecret", "permit")
	for _, s := range sections {
		if s.Name == name && len(s.Settings) > 0 {
			return false
		}
	}
	return true
}

var dialForm = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])(?:Dial|Originate|Transfer)\s*\(`)

// outForm is a number of the caller in a dial string that goes over a trunk: TECH/NUMBER@TRUNK
// or TECH/TRUNK/NUMBER.
var outForm = regexp.MustCompile(`(?i)[A-Z0-9_]+/(?:[^,&/@]*\$\{[^@&,]*@|[^,&/]+/[^,&]*\$\{)`)

// guests says what callers without an account can reach.
func guests(e *Env) (list []findings.Finding) {
	for _, folder := range e.Folders {
		d := e.dialplan(folder)
		for _, in := range e.entrances(folder) {
			f := findings.Finding{
				About: "guests", Severity: findings.Note,
				What:     fmt.Sprintf("callers without an account reach [%s] of the dialplan over %s. This part of the dialplan makes no call to the outside", show.Flat(in.context, 80), in.driver),
				Evidence: []string{in.evidence}, Hint: "if you do not want such callers: " + sentenceOf(in.fix),
			}
			if out, found := d.callsOut(in.context); found {
				f.Severity, f.Hint, f.Fix = findings.Risky, "", in.fix
				f.What = fmt.Sprintf("callers without an account can call out: over %s they reach [%s], which dials a number that they choose", in.driver, show.Flat(in.context, 80))
				f.Evidence = append(f.Evidence, where(out.at)+": "+show.Flat(out.app, 100))
			}
			list = append(list, f)
		}
	}
	return list
}

func sentenceOf(fix []findings.Step) string {
	var parts []string
	for _, s := range fix {
		parts = append(parts, s.String())
	}
	return strings.Join(parts, "; then ")
}

var gotoForm = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])(?:Goto|GotoIf|Gosub|GosubIf|Macro|GotoIfTime)\s*\(`)

// callsOut finds a step, in a context or in those that it leads to, that dials a number of
// the caller's over a trunk.
func (d dialplan) callsOut(context string) (step, bool) {
	reached, next := map[string]bool{context: true}, []string{context}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		reach := append([]string{}, d.includes[name]...)
		for _, s := range d.steps {
			if s.context != name {
				continue
			}
			if at := dialForm.FindStringIndex(s.app); at != nil {
				text := argument(s.app[at[1]-1:], '(', ')')
				if outForm.MatchString(text) && d.text(text, s, seen{}).trust == caller || outForm.MatchString(text) && strings.Contains(text, "${EXTEN") {
					return s, true
				}
			}
			if at := gotoForm.FindStringIndex(s.app); at != nil {
				for _, p := range parts(argument(s.app[at[1]-1:], '(', ')')) {
					reach = append(reach, strings.Trim(p, "? :"))
				}
			}
		}
		for _, name := range reach {
			if !reached[name] {
				reached[name] = true
				next = append(next, name)
			}
		}
	}
	return step{}, false
}
