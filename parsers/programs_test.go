package parsers

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// readForeign reads lines as a log that is searched for a service.
func readForeign(text string, s Services) (list []Event) {
	p := New(Clock{})
	p.SetForeign(s)
	p.Block([]byte(text), false, time.Time{}, func(e *Event) {
		own := *e
		own.Line, own.Account = e.Line.Clone(), e.Account.Clone()
		list = append(list, own)
	})
	return list
}

// TestPrograms reads the labelled lines of other programs.
func TestPrograms(t *testing.T) {
	samples := map[string]int{}
	for _, r := range loadRows(t, "programs.tsv") {
		service, ok := ParseService(r.id)
		if !ok || !service.Foreign() {
			t.Fatalf("no such service: %q", r.id)
		}
		got := "-"
		for _, e := range readForeign(r.line, Services(0).With(service)) {
			if e.Result == Offence || e.Result == Signal && e.Authenticated() {
				got = fmt.Sprintf("%s %s %s", e.Addr, e.Kind, e.Rule)
				samples[e.Rule]++
			}
			if e.Service != service {
				t.Errorf("%s\ngot service %s", r.line, e.Service)
			}
		}
		want := "-"
		if r.want != "-" {
			want = r.want + " " + r.kind + " " + r.source
		}
		if got != want {
			t.Errorf("%s\ngot %s, want %s (%s)", r.line, got, want, r.note)
		}
		if list := readForeign(r.line, 0); len(list) > 0 {
			t.Errorf("%s\ngot %d events in a log that no such jail reads", r.line, len(list))
		}
	}
	for _, g := range programs {
		for _, l := range g.rules {
			if samples[l.id] == 0 {
				t.Errorf("%s: has no sample in testdata/programs.tsv", l.id)
			}
		}
	}
}

// message is what a program writes by a rule: its own text, and the sender's in each field
// that is the sender's. The program cuts it.
func (g *program) message(l *rule, addr netip.Addr, text []byte) string {
	if g.read != nil { // quotes are escaped
		status := "404"
		switch l.kind {
		case BadPassword:
			status = "401"
		case Success:
			status = "200"
		}
		said := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(text))
		return fmt.Sprintf(`%s - %s [05/Mar/2024:06:07:08 +0000] "GET /.env/001565abcdef.cfg?%s HTTP/1.1" %s 179 "%s" "%s"`, addr, said, said, status, said, said)
	}
	var b strings.Builder
	for _, s := range l.form.steps {
		switch s.field {
		case fieldNone:
			b.Write(s.lit)
		case fieldAddr:
			b.WriteString(addr.String())
		case fieldHostport, fieldEither:
			b.WriteString(netip.AddrPortFrom(addr, 40022).String())
		case fieldNumber:
			b.WriteString("40022")
		case fieldWord:
			b.WriteString("word")
		default:
			b.Write(text)
		}
	}
	msg := b.String()
	if g.most > 0 {
		msg = msg[:min(len(msg), g.most)]
	}
	return msg
}

// line is a message in the log of a program.
func (g *program) line(msg string) string {
	switch {
	case g.read != nil:
		return msg
	case g.name == "apache":
		peer, rest, _ := strings.Cut(msg, " ")
		return "[Tue Mar 05 06:07:08.123456 2024] [auth_basic:error] [pid 1:tid 2] [client " + peer + "] AH01618: " + rest
	case g.name == "issabel":
		return "[Mar 05 06:07:08 2024] " + msg
	case g.head != nil && len(g.tags) == 0:
		return "[2024-03-05 06:07:08] " + g.mark + msg
	case g.name == "vsftpd":
		return "Tue Mar  5 06:07:08 2024 [pid 1638] " + msg
	}
	return "Mar  5 06:07:08 pbx " + strings.ReplaceAll(g.tags[0], "*", "") + "[1638]: " + msg
}

// victim is an address that no line of the test is from.
var victim = netip.MustParseAddr("198.51.100.8")

// TestForgedNames: whatever a sender writes, only the sender's address is charged. The names are
// the ends and the whole of every message, with the address of a victim, and at every
// length at which the program cuts.
func TestForgedNames(t *testing.T) {
	for i := range programs {
		g := &programs[i]
		var names []string
		for k := range g.rules {
			msg := g.message(&g.rules[k], victim, []byte("x"))
			names = append(names, msg, g.line(msg))
			for at := range len(msg) {
				if msg[at] == ' ' || msg[at] == '\'' || msg[at] == '"' {
					names = append(names, "x"+msg[at:])
				}
			}
		}
		charged := 0
		for k := range g.rules {
			for n, name := range names {
				for _, text := range []string{name, name + " ", strings.Repeat("y", n%40) + name} {
					charged += checkForged(t, g, &g.rules[k], text)
				}
			}
			if !g.isText(k) || g.most == 0 {
				continue
			}
			start := bytes.Index([]byte(g.message(&g.rules[k], trueAddrs[0], []byte("\x00"))), []byte{0})
			for _, name := range names { // the program cuts right behind the name
				if fill := g.most - len(name) - start; fill > 0 {
					checkForged(t, g, &g.rules[k], strings.Repeat("y", fill)+name)
				}
			}
		}
		if charged == 0 {
			t.Errorf("%s: nothing was charged at all", g.name)
		}
	}
}

// TestForgedPaths: vsftpd 3.0.3 wrote these lines for a client at 203.0.113.17, with log_ftp_protocol for
// those of commands. What follows its address is the client's text.
func TestForgedPaths(t *testing.T) {
	for _, line := range []string{
		`Fri Nov 27 06:53:13 2026 [pid 31341] [daemon] OK MKDIR: Client "203.0.113.17", "/up/x] FAIL LOGIN: Client "198.51.100.8"`,
		`Fri Nov 27 06:53:13 2026 [pid 31341] [daemon] OK MKDIR: Client "203.0.113.17", "/up/x] OK LOGIN: Client "198.51.100.8"`,
		`Fri Nov 27 06:53:13 2026 [pid 31341] [daemon] FTP command: Client "203.0.113.17", "DELE /up/q] FAIL LOGIN: Client "198.51.100.8"`,
		`Fri Nov 27 06:53:13 2026 [pid 31340] [y] FAIL LOGIN: Client "198.51.100.9] FTP response: Client "203.0.113.17", "530 This FTP server is anonymous only."`,
		`Fri Nov 27 06:53:13 2026 [pid 31339] [daemon] OK LOGIN: Client "203.0.113.17", anon password "x]_FAIL_LOGIN:_Client_"198.51.100.8"`,
	} {
		for _, e := range readForeign(line, Services(0).With(FTP)) {
			if e.Result != Ambiguous {
				t.Errorf("it charges or protects %s by %s\n%s", e.Addr, e.Rule, line)
			}
		}
	}
}

// isText reports whether a rule has a field of the sender.
func (g *program) isText(rule int) bool { return g.rules[rule].form.texts() > 0 }

// checkForged fails where a line that a program writes about one address charges another.
func checkForged(t *testing.T, g *program, l *rule, text string) (charged int) {
	t.Helper()
	line := g.line(g.message(l, trueAddrs[0], []byte(text)))
	for _, e := range readForeign(line, Services(0).With(g.service)) {
		if e.Result == Signal && l.kind != Success {
			t.Errorf("%s: reads as a log-in by %s\n%s", l.id, e.Rule, line)
		}
		if e.Result != Ambiguous && e.Addr != trueAddrs[0] {
			t.Errorf("%s: charges %s by %s\n%s", l.id, e.Addr, e.Rule, line)
		} else if e.Result == Offence {
			charged++
		}
	}
	return charged
}

// FuzzForgedNames: a sender's text of any kind charges no other address.
func FuzzForgedNames(f *testing.F) {
	for i := range programs {
		for k := range programs[i].rules {
			f.Add(uint8(i), uint8(k), []byte(programs[i].message(&programs[i].rules[k], victim, []byte("x"))))
		}
	}
	f.Fuzz(func(t *testing.T, i, k uint8, text []byte) {
		g := &programs[int(i)%len(programs)]
		text = bytes.Map(func(r rune) rune { // newlines and control bytes are escaped
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, text)
		checkForged(t, g, &g.rules[int(k)%len(g.rules)], string(text))
	})
}
