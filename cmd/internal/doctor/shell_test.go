package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	lines "pbxjail/cmd/internal/dialplan"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
)

// in is a dialplan with these lines in a context that any number reaches.
func in(lines ...string) string {
	return "[globals]\nSPOOL=/var/spool\nTRUNK=PJSIP/up\n[in]\nexten => _X.,1,NoOp(begin)\n" + strings.Join(lines, "\n") + "\n"
}

// TestShells: each text of a caller that reaches a shell is found with its line, and
// nothing that is safe.
func TestShells(t *testing.T) {
	const recipe = `echo "[${STRFTIME(${EPOCH},,%b %d %H:%M:%S)}] SECURITY[] Unknown Call from ${CALLERIDNUM} to ${FROM_DID} IPdetails ${uri}" >> /var/log/asterisk/sipsec.log`
	for _, c := range []struct {
		name, text string
		want       string // "severity line", several; "" nothing
	}{
		{"the recipe", "[ext]\nexten => _X.,1,Set(__FROM_DID=${EXTEN})\n same => n,Goto(catchall,s,1)\n[catchall]\nexten => s,1,Noop(Dead)\nexten => s,n,Set(uri=${SIPCHANINFO(uri)})\nexten => s,n,System(" + recipe + ")\nexten => s,n,Hangup()\n", "broken 7"},
		{"its form for PJSIP", in(" same => n,System(echo ${CALLERID(num)} UA ${PJSIP_HEADER(read,User-Agent)} >> /tmp/x)"), "broken 6"},
		{"TrySystem", in(" same => n,TrySystem(logger ${CALLERID(name)})"), "broken 6"},
		{"blanks and case", in(" same => n(log),system ( logger ${EXTEN} )"), "broken 6"},
		{"ExecIf", in(` same => n,ExecIf($["${X}" = "1"]?System(logger ${EXTEN}):NoOp())`), "broken 6"},
		{"Exec", in(" same => n,TryExec(System(logger ${EXTEN}))"), "broken 6"},
		{"commas of 1.4", in(" same => n,System,logger ${EXTEN}"), "broken 6"},
		{"SHELL", in(" same => n,Set(x=${SHELL(host ${CALLERID(num)})})"), "broken 6"},
		{"SHELL in a condition", in(` same => n,GotoIf($["${SHELL(grep ${EXTEN} /list)}" = ""]?a)`), "broken 6"},
		{"MixMonitor", in(" same => n,MixMonitor(a.wav,b,lame ${SPOOL}/a.wav ${CALLERID(num)}.mp3)"), "broken 6"},
		{"through variables", in(" same => n,Set(a=${CALLERID(num)})", " same => n,Set(b=x${a})", " same => n,System(logger ${b})"), "broken 8"},
		{"a part of a number", in(" same => n,System(logger ${EXTEN:1})"), "broken 6"},
		{"filtered too little", in(" same => n,System(logger ${FILTER(0-9A-z,${EXTEN})})"), "broken 6"},
		{"filtered to signs", in(" same => n,System(logger ${FILTER( -~,${EXTEN})})"), "broken 6"},
		{"quoted is not safe", in(" same => n,System(logger ${QUOTE(${EXTEN})})"), "broken 6"},
		{"a channel of a guest", in(" same => n,System(logger ${CHANNEL})"), "broken 6"},
		{"a header in a cut", in(" same => n,System(logger ${CUT(CALLERID(num),@,1)})"), "broken 6"},
		{"in a circle", in(" same => n,Set(a=${b}${b}${b})", " same => n,Set(b=${a}${a}${CALLERID(num)})", " same => n,System(logger ${a})"), "broken 8"},
		{"in a circle of our own", in(" same => n,Set(a=${b}${b}${b})", " same => n,Set(b=${a}${a}1)", " same => n,System(logger ${a})"), ""},
		{"set twice", in(" same => n,Set(a=1)", " same => n,Set(a=${EXTEN})", " same => n,System(logger ${a})"), "broken 8"},
		{"two of them", in(" same => n,System(a ${EXTEN})", " same => n,System(b)", " same => n,System(c ${EXTEN})"), "broken 6, broken 8"},
		{"a global variable", in(" same => n,Set(GLOBAL(last)=${CALLERID(num)})", " same => n,System(logger ${last})"), "broken 7"},
		{"a local variable", in(" same => n,Set(LOCAL(a)=${EXTEN})", " same => n,System(logger ${a})", " same => n,System(logger ${LOCAL(a)})"), "broken 7, broken 8"},
		{"MSet", in(" same => n,MSet(a=1,b=${EXTEN})", " same => n,System(logger ${a})", " same => n,System(logger ${b})"), "broken 8"},
		{"set within ExecIf", in(` same => n,ExecIf($["${X}" = ""]?Set(a=${CALLERID(name)}))`, " same => n,System(logger ${a})"), "broken 7"},
		{"an argument of a macro", "[in]\nexten => _X.,1,Macro(log,x,${CALLERID(num)})\n[macro-log]\nexten => s,1,System(logger ${ARG1})\nexten => s,2,System(logger ${ARG2})\n", "broken 5"},
		{"an argument of Gosub", "[in]\nexten => _X.,1,Gosub(log,s,1(${EXTEN},x))\n[log]\nexten => s,1,System(logger ${ARG2})\n same => n,System(logger ${ARG1})\n", "broken 5"},
		{"an argument of GosubIf", "[in]\nexten => _X.,1,GosubIf($[1]?log,s,1(${EXTEN}):log,s,1(2))\n[log]\nexten => s,1,System(logger ${ARG1})\n", "broken 4"},
		{"an argument that is passed on", "[in]\nexten => _X.,1,Gosub(a,s,1(${EXTEN}))\n[a]\nexten => s,1,Gosub(b,s,1(${ARG1}))\n[b]\nexten => s,1,System(logger ${ARG1})\n", "broken 6"},
		{"the environment", in(" same => n,Set(ENV(NUMBER)=${EXTEN})", " same => n,System(logger ${ENV(NUMBER)})"), "broken 7"},
		{"who knows", in(" same => n,System(logger ${SOMETHING})"), "risky 6"},
		{"a name that is made", in(" same => n,System(logger ${${EXTEN}})"), "risky 6"},
		{"a database", in(" same => n,System(logger ${ODBC_X(1)})"), "risky 6"},

		{"an argument that is a constant", "[in]\nexten => _X.,1,Gosub(log,s,1(up))\nexten => _X.,n,Macro(log,down)\n[log]\nexten => s,1,System(logger ${ARG1})\n[macro-log]\nexten => s,1,System(logger ${ARG1})\n", ""},
		{"an argument that is filtered", "[in]\nexten => _X.,1,Gosub(log,s,1(${FILTER(0-9,${EXTEN})}))\n[log]\nexten => s,1,System(logger ${ARG1})\n", ""},
		{"the environment of Asterisk", in(" same => n,System(logger ${ENV(HOME)})"), ""},
		{"what was typed", in(" same => n,Read(digits,beep)", " same => n,System(logger ${digits})"), ""},
		{"a global variable of ours", in(" same => n,Set(GLOBAL(mode)=night)", " same => n,System(logger ${mode} ${GLOBAL(mode)})"), ""},
		{"constant", in(" same => n,System(/usr/local/bin/backup --all)"), ""},
		{"our own variables", in(" same => n,System(echo ${EPOCH} ${UNIQUEID} ${SPOOL} ${STRFTIME(${EPOCH},,%F)} ${RAND(1,9)})"), ""},
		{"the packet's address", in(" same => n,System(echo ${CHANNEL(pjsip,remote_addr)} ${CHANNEL(recvip)})"), ""},
		{"filtered", in(" same => n,System(echo ${FILTER(0-9A-Za-z+*#_\\x2d,${EXTEN}):0:40})"), ""},
		{"filtered before", in(" same => n,Set(n=${FILTER(0-9,${EXTEN})})", " same => n,System(echo ${n} ${n:1})"), ""},
		{"encoded", in(" same => n,System(echo ${BASE64_ENCODE(${EXTEN})} ${LEN(${EXTEN})} ${MD5(${EXTEN})})"), ""},
		{"digits alone", "[in]\nexten => _2XX,1,System(notify ${EXTEN})\nexten => _[2-4]NXX,1,System(notify ${EXTEN})\nexten => 600,1,System(notify ${EXTEN})\n", ""},
		{"a class of signs", "[in]\nexten => _[ -~]X,1,System(notify ${EXTEN})\n", "broken 2"},
		{"a comment", in("; same => n,System(logger ${EXTEN})", " same => n,NoOp() ; System(${EXTEN})"), ""},
		{"no shell", in(" same => n,Log(WARNING,${EXTEN})", " same => n,Verbose(1,System of ${EXTEN})", " same => n,AGI(x.agi,${EXTEN})", " same => n,MixMonitor(${EXTEN}.wav,b)", " same => n,FileSystem(${EXTEN})"), ""},
		{"the safe form", in(` same => n,Set(FILE(/var/log/asterisk/sipsec.log,,,al,u)=[${STRFTIME(${EPOCH},,%b %d %H:%M:%S)}] SECURITY[] Unknown Call from ${CALLERID(num)} to ${EXTEN})`), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := env(t, map[string]string{"extensions.conf": c.text})
			if got := shellFindings(t, e); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// shellFindings are "severity line" of each finding.
func shellFindings(t *testing.T, e *Env) string {
	t.Helper()
	var got []string
	for _, f := range findings.Run(e, []findings.Check[*Env]{{Name: "x", Run: shells}}).Findings {
		_, line, _ := strings.Cut(strings.TrimPrefix(f.Evidence[0], e.Folders[0]), ":")
		line, _, _ = strings.Cut(line, ":")
		got = append(got, fmt.Sprint(f.Severity, " ", line))
		if f.Hint == "" || len(f.Evidence) < 2 {
			t.Errorf("got %+v, want a hint and evidence", f)
		}
	}
	return strings.Join(got, ", ")
}

// TestRecipeIsRepaired: the lines that doctor gives in place of the recipe are found safe.
func TestRecipeIsRepaired(t *testing.T) {
	for name, line := range map[string]string{
		"pjsip":    ` same => n,System(echo "SECURITY[] Unknown Call from ${CALLERID(num)} to ${FROM_DID} IPdetails sip:a@${CHANNEL(pjsip,remote_addr)} UA ${PJSIP_HEADER(read,User-Agent)}" >> /srv/log/own.log)`,
		"chan_sip": ` same => n,System(echo "SECURITY[] Unknown Call from ${CALLERIDNUM} to ${EXTEN} IPdetails ${uri}" >> /srv/log/own.log)`,
		"a number": `exten => s,2,System(echo "Unknown Call ${EXTEN} ${CALLERID(num)}" >> /srv/log/own.log)`,
	} {
		e := env(t, map[string]string{"extensions.conf": in(line)})
		f := shells(e)
		if len(f) != 1 || len(f[0].Fix) != 2 || len(f[0].Fix[0].Lines) < 4 {
			t.Fatalf("%s: got %+v, want lines in place of it", name, f)
		}
		lines := f[0].Fix[0].Lines
		if all := strings.Join(lines, "\n"); !strings.Contains(all, "FILE(/srv/log/own.log,") || strings.Contains(all, "CHANNEL(pjsip") != (name == "pjsip") {
			t.Errorf("%s: got %s", name, all)
		}
		if again := shellFindings(t, env(t, map[string]string{"extensions.conf": in(lines...)})); again != "" {
			t.Errorf("%s: got %q of the repaired one", name, again)
		}
	}
}

// TestIncludedAndOther: the recipe in an included file, in AEL and in Lua.
func TestIncludedAndOther(t *testing.T) {
	e := env(t, map[string]string{"extensions.conf": "#include custom.conf\n", "custom.conf": "[in]\nexten => _X.,1,System(logger ${EXTEN})\n"})
	if f := shells(e); len(f) != 1 || !strings.Contains(f[0].Evidence[0], "custom.conf:2: ") {
		t.Errorf("got %+v", f)
	}
	e = &Env{Folders: []string{"/a"}, Root: fstest.MapFS{
		"a/extensions.ael": {Data: []byte("context in {\n _X. => {\n // System(${EXTEN});\n System(logger ${CALLERID(num)});\n System(backup);\n }\n}\n")},
		"a/extensions.lua": {Data: []byte("app.System(\"backup\")\n-- app.System('x' .. n)\napp.System('logger ' .. ext)\n")},
	}}
	if got := shellFindings(t, &Env{Folders: []string{"/a"}, Root: e.Root}); got != "broken 4, risky 3" {
		t.Errorf("got %q", got)
	}
}

// TestAEL: extensions.ael is read as Asterisk reads it.
func TestAEL(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{"a number of digits", "context in {\n _2XX => System(notify ${EXTEN});\n 600 => {\n  System(notify ${EXTEN});\n }\n}\n", ""},
		{"any number", "context in {\n _X. => System(notify ${EXTEN});\n}\n", "broken 2"},
		{"a variable", "context in {\n s => {\n  who=${CALLERID(num)};\n  System(logger ${who});\n }\n}\n", "broken 4"},
		{"a variable that is filtered", "context in {\n s => {\n  Set(who=${FILTER(0-9,${CALLERID(num)})});\n  System(logger ${who});\n }\n}\n", ""},
		{"a macro", "macro log(a,b) {\n System(logger ${b});\n}\ncontext in {\n s => {\n  &log(1,${CALLERID(name)});\n }\n}\n", "broken 2"},
		{"a macro with constants", "macro log(a,b) {\n System(logger ${b});\n}\ncontext in {\n s => &log(1,2);\n}\n", ""},
		{"in an if", "context in {\n s => {\n  if (\"${X}\" = \"1\") {\n   System(logger\n    ${CALLERID(num)});\n  }\n }\n}\n", "broken 4"},
		{"in a condition", "context in {\n s => {\n  if (\"${SHELL(grep ${CALLERID(num)} /list)}\" = \"\") {\n   NoOp();\n  }\n }\n}\n", "broken 3"},
		{"comments", "context in { // System(${CALLERID(num)});\n s => { /* System(\n${CALLERID(num)}); */ System(backup); }\n}\n", ""},
		{"globals", "globals {\n DIR=/tmp;\n}\ncontext in {\n s => System(ls ${DIR});\n}\n", ""},
		{"a label", "context in {\n s => {\nlog:\n  System(logger ${CALLERID(num)});\n }\n}\n", "broken 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &Env{Folders: []string{"/a"}, Root: fstest.MapFS{"a/extensions.ael": {Data: []byte(c.text)}}}
			if got := shellFindings(t, e); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestPrintedIsSafe: nothing is found in what jailctl dialplan and calls --dialplan print.
func TestPrintedIsSafe(t *testing.T) {
	all := []lines.Driver{lines.PJSIP, lines.ChanSIP, lines.IAX2}
	for _, drivers := range [][]lines.Driver{all[:1], all[1:2], all[2:], all} {
		for _, format := range lines.Formats {
			text := lines.Unknown(drivers, lines.Format(format))
			e := env(t, map[string]string{"extensions.conf": text + lines.Bar([]string{"0"}, []string{"112"})})
			if format == string(lines.AEL) {
				e = &Env{Folders: []string{"/a"}, Root: fstest.MapFS{"a/extensions.ael": {Data: []byte(text)}}}
			}
			if f := append(shells(e), programs(e)...); len(f) > 0 {
				t.Errorf("%v, %s: got %+v", drivers, format, f)
			}
			if d := e.dialplan(e.Folders[0]); len(d.steps) < 8 {
				t.Errorf("%v, %s: got %d steps: it was not read", drivers, format, len(d.steps))
			}
		}
	}
}

// TestPrograms: texts of callers that choose a program, or reach one.
func TestPrograms(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"its name", " same => n,AGI(agi-${EXTEN}.sh)", "broken"},
		{"an argument", " same => n,AGI(look.agi,${CALLERID(num)})", "note"},
		{"an argument of EAGI", " same => n,EAGI(look.agi,x,${EXTEN})", "note"},
		{"ExternalIVR", " same => n,ExternalIVR(/usr/bin/ivr,${CALLERID(name)})", "note"},
		{"an address", " same => n,AGI(agi://127.0.0.1/look?n=${EXTEN})", "note"},
		{"the environment", " same => n,Set(ENV(NUMBER)=${EXTEN})", "risky"},
		{"a name in the environment", " same => n,Set(ENV(${CALLERID(name)})=1)", "broken"},
		{"a constant", " same => n,AGI(look.agi,x)", ""},
		{"filtered", " same => n,AGI(look.agi,${FILTER(0-9,${EXTEN})})", ""},
		{"a constant in the environment", " same => n,Set(ENV(TZ)=UTC)", ""},
		{"filtered in the environment", " same => n,Set(ENV(N)=${FILTER(0-9,${EXTEN})})", ""},
		{"another application", " same => n,Playback(agi,${EXTEN})", ""},
	} {
		got := ""
		for _, f := range programs(env(t, map[string]string{"extensions.conf": in(c.line)})) {
			got += fmt.Sprint(f.Severity)
			if f.Hint == "" || len(f.Evidence) == 0 {
				t.Errorf("%s: got %+v, want a hint and evidence", c.name, f)
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestExample: a finding says what a caller could do, and where to get a safe dialplan.
func TestExample(t *testing.T) {
	for _, c := range []struct{ line, example string }{
		{" same => n,System(logger ${EXTEN})", "a caller who dials $(id)"},
		{" same => n,System(logger '${CALLERID(num)}')", "a caller with the number ';id;'"},
		{" same => n,System(logger \"${CALLERID(name)}\")", "a caller with the name $(id)"},
		{" same => n,System(logger ${PJSIP_HEADER(read,User-Agent)})", "$(id) in a header"},
	} {
		f := shells(env(t, map[string]string{"extensions.conf": in(c.line)}))
		if len(f) != 1 || !strings.Contains(strings.Join(f[0].Evidence, "\n"), c.example) {
			t.Errorf("%s: got %+v, want %q", c.line, f, c.example)
		}
	}
	f := shells(env(t, map[string]string{"extensions.conf": in(" same => n,System(echo \"Unknown Call ${EXTEN}\" >> /srv/sipsec.log)")}))
	if len(f) != 1 || !strings.Contains(f[0].Hint, "jailctl dialplan --driver chan_sip") {
		t.Errorf("got %+v, want the command that prints a safe dialplan", f)
	}
}

// FuzzDialplan: any text is read without a fault, and what is shown is short.
func FuzzDialplan(f *testing.F) {
	f.Add("same", "n,System(echo ${CALLERID(num)})", "_X.")
	f.Add("exten", "s,1,Set(a=${${a}})", "s")
	f.Add("same", "n,Set(a=${a}${a}${a}${a}${a}${a}${a}${a}System(${a}))", "s")
	f.Add("exten", "_[a-,n,System(${FILTER(\\x2,${CUT(a,", "")
	f.Fuzz(func(t *testing.T, key, value, exten string) {
		d := readDialplan([]asterisk.Section{{Name: "in", Settings: []asterisk.Setting{{Key: "exten", Value: exten + ",1,NoOp()"}, {Key: key, Value: value}, {Key: "same", Value: value}}}})
		for _, s := range append(d.steps, step{app: value}) {
			for _, call := range shellCalls(s.app) {
				w := d.text(call.text, s, seen{})
				one := shellFinding(call, s, w, true)
				if w.trust == safe {
					if len(w.from) > 0 {
						t.Errorf("safe, and not: %q", w.from)
					}
				} else if len(w.from) == 0 || len(strings.Join(one.Evidence, "")) > 2000 {
					t.Errorf("got %+v", one)
				}
			}
		}
		fixed(exten)
		d.callsOut("in")
		d.readAEL(value, "x.ael")
		d.readAEL("context in {\n"+exten+" => {\n"+value+";\n}\n}", "x.ael")
	})
}

// TestSampleOfAsterisk: the dialplan that Debian ships has no such call. It is read where
// the lab has built its Asterisks.
func TestSampleOfAsterisk(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	roots, _ := filepath.Glob(filepath.Join(cache, "pbxlab", "asterisk-[0-9]*", "etc", "asterisk"))
	if len(roots) == 0 {
		t.Skip("the lab has built no Asterisk here")
	}
	for _, folder := range roots {
		e := &Env{Folders: []string{folder}, Root: os.DirFS("/")}
		if f := append(shells(e), programs(e)...); len(f) > 0 {
			t.Errorf("%s: got %+v", folder, f)
		}
		for _, f := range guests(e) {
			if f.Severity > findings.Note {
				t.Errorf("%s: got %+v", folder, f)
			}
		}
	}
}
