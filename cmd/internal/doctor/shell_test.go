package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

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
		{"who knows", in(" same => n,System(logger ${SOMETHING})"), "risky 6"},
		{"a name that is made", in(" same => n,System(logger ${${EXTEN}})"), "risky 6"},
		{"a database", in(" same => n,System(logger ${ODBC_X(1)})"), "risky 6"},

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
		if f := shells(e); len(f) > 0 {
			t.Errorf("%s: got %+v", folder, f)
		}
		for _, f := range guests(e) {
			if f.Severity > findings.Note {
				t.Errorf("%s: got %+v", folder, f)
			}
		}
	}
}
