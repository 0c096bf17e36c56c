package remote

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pbxjail/configs/hint"
)

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]string{ // "": an error
		"pbx":                           "-- pbx",
		"admin@pbx1.example.net":        "-- admin@pbx1.example.net",
		"admin@example.net@pbx":         "-- admin@example.net@pbx",
		"admin@pbx:2222":                "-p 2222 -- admin@pbx",
		"192.0.2.10:22":                 "-p 22 -- 192.0.2.10",
		"2001:db8::10":                  "-- 2001:db8::10",
		"root@[2001:db8::10]:2222":      "-p 2222 -- root@2001:db8::10",
		"fe80::1%eth0":                  "-- fe80::1%eth0",
		"_pbx-1.office":                 "-- _pbx-1.office",
		"":                              "",
		"-oProxyCommand=id":             "",
		"@pbx":                          "",
		"-l@pbx":                        "",
		"admin@":                        "",
		"admin@-pbx":                    "",
		"pbx:0":                         "",
		"pbx:65536":                     "",
		"pbx:-1":                        "",
		"pbx:":                          "",
		"[pbx]:22":                      "",
		"[2001:db8::10":                 "",
		"[2001:db8::10]22":              "",
		"fe80::1%eth0;id":               "",
		"pbx;id":                        "",
		"`id`":                          "",
		"$(id)@pbx":                     "",
		"pbx jailctl":                   "",
		"pbx\n":                         "",
		"p\xc3\xb6x":                    "",
		"ssh://pbx":                     "",
		"%h":                            "",
		strings.Repeat("a", mostName+1): "",
	} {
		target, err := ParseTarget(text)
		got := strings.Join(target.arguments(), " ")
		if err != nil {
			got = ""
			if hint.Of(err) == "" {
				t.Errorf("%q: no hint in %v", text, err)
			}
		}
		if got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// FuzzTarget: whatever a file of hosts has, no word of it is an option of ssh or has a sign
// that a shell obeys, and what is printed reads back as the same.
func FuzzTarget(f *testing.F) {
	f.Add("admin@pbx:22")
	f.Add("root@[2001:db8::10%eth0]:22")
	f.Fuzz(func(t *testing.T, text string) {
		target, err := ParseTarget(text)
		if err != nil {
			return
		}
		args := target.arguments()
		end := slices.Index(args, "--")
		if end != len(args)-2 || end != 0 && (end != 2 || args[0] != "-p") {
			t.Fatalf("%q: got %q", text, args)
		}
		if name := args[end+1]; name[0] == '-' || strings.Contains(name, "@-") || strings.ContainsAny(name, " \t\n\r\"'`$;&|<>(){}[]*?!#~=\\/^") {
			t.Errorf("%q: got %q", text, args)
		}
		if again, err := ParseTarget(target.String()); err != nil || again != target {
			t.Errorf("%q: %q reads as %+v, %v", text, target, again, err)
		}
	})
}

func TestHosts(t *testing.T) {
	list, err := Hosts(strings.NewReader("\ufeff# ours\n\nadmin@pbx1  # Leeds\n\tpbx2:2222\r\n"), "pbxs")
	if err != nil || len(list) != 2 || list[0].String() != "admin@pbx1" || list[1].String() != "pbx2:2222" {
		t.Errorf("got %v, %v", list, err)
	}
	for text, want := range map[string]string{
		"":                                  "pbxs has no host",
		"# none\n":                          "pbxs has no host",
		"pbx1\npbx2 pbx3\n":                 "pbxs:2: there is more than one word",
		"pbx1\n\n-x\n":                      "pbxs:3: ",
		"pbx1\npbx2\npbx1\n":                "pbxs:3: pbx1 is already in line 1",
		strings.Repeat("a", mostLine+1):     "a line of more than",
		strings.Repeat("pbx\n", 1) + "\x00": "pbxs:2: ",
	} {
		if _, err := Hosts(strings.NewReader(text), "pbxs"); err == nil || !strings.Contains(err.Error(), want) || hint.Of(err) == "" {
			t.Errorf("%.20q: got %v, want %q and a hint", text, err, want)
		}
	}
	var many strings.Builder
	for i := range mostHosts + 1 {
		many.WriteString("pbx" + strings.Repeat("a", i%200) + "." + strings.Repeat("b", i/200) + "x\n")
	}
	if _, err := Hosts(strings.NewReader(many.String()), "pbxs"); err == nil || !strings.Contains(err.Error(), "more than 1000 hosts") {
		t.Errorf("got %v for too many hosts", err)
	}
}

// The command line that the shell of the other PBX reads has nothing of an argument, and no
// option gives that PBX the agent, a port or the terminal of this machine.
func TestSSHArguments(t *testing.T) {
	target := Target{User: "admin", Host: "pbx", Port: 2222}
	got := strings.Join(SSH{Config: "f", Batch: true, Connect: 1e9}.Run(target), " ")
	for _, want := range []string{"-F f ", " -a ", " -x ", " -T ", "ClearAllForwardings=yes", "PermitLocalCommand=no", "BatchMode=yes", "ConnectTimeout=1 "} {
		if !strings.Contains(got+" ", want) {
			t.Errorf("got %q without %q", got, want)
		}
	}
	if !strings.HasSuffix(got, " -p 2222 -- admin@pbx jailctl remote") {
		t.Errorf("got %q", got)
	}
	if got := (SSH{Sudo: true}).Run(target); got[len(got)-1] != "sudo -n jailctl remote" || slices.Contains(got, "BatchMode=yes") {
		t.Errorf("got %q", got)
	}
}

func TestRequest(t *testing.T) {
	args := []string{"why", "it's \"$(id)\"; `id`", "a\nb", "\xff\x80", "", "--", "-x"}
	line, err := NewRequest(args, 132).Line()
	if err != nil || bytes.Count(line, []byte("\n")) != 1 {
		t.Fatalf("got %q, %v", line, err)
	}
	in := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(string(line)+"3\nabc")), 16)
	q, err := ReadRequest(in)
	if err != nil || !slices.Equal(q.Arguments(), args) || q.Columns != 132 {
		t.Errorf("got %q, %d, %v, want %q", q.Arguments(), q.Columns, err, args)
	}
	if rest, _ := io.ReadAll(in); string(rest) != "3\nabc" {
		t.Errorf("got %q after the request", rest)
	}
	for _, bad := range []string{"", "{}\n", "status\n", `{"version":2}` + "\n", `{"version":1,"args":["AA=="]}` + "\n", `{"version":1,"args":["?"]}` + "\n", `{"version":1}`} {
		if q, err := ReadRequest(bufio.NewReader(strings.NewReader(bad))); err == nil || hint.Of(err) == "" {
			t.Errorf("%q: got %+v, %v, want an error with a hint", bad, q, err)
		}
	}
	if _, err := ReadRequest(bufio.NewReader(zeros{})); !errors.Is(err, errTooLong) {
		t.Errorf("got %v for a line without end", err)
	}
	if _, err := NewRequest([]string{strings.Repeat("a", mostRequest)}, 0).Line(); err == nil {
		t.Error("a request that is too long is sent")
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// FuzzRequest: whatever comes, it is refused or it is what this jailctl would send for the
// same arguments, and what follows it stays.
func FuzzRequest(f *testing.F) {
	line, _ := NewRequest([]string{"ban", "\xff"}, 80).Line()
	f.Add(line)
	f.Add([]byte(`{"version":1,"args":[]}` + "\n0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		in := bufio.NewReader(bytes.NewReader(text))
		q, err := ReadRequest(in)
		if err != nil {
			return
		}
		for _, arg := range q.Arguments() {
			if strings.Contains(arg, "\x00") {
				t.Errorf("got %q", arg)
			}
		}
		line, err := NewRequest(q.Arguments(), q.Columns).Line()
		if err != nil {
			return // base64 is longer
		}
		again, err := ReadRequest(bufio.NewReader(bytes.NewReader(line)))
		if err != nil || !slices.Equal(again.Arguments(), q.Arguments()) || again.Columns != q.Columns {
			t.Errorf("got %+v, %v, want %+v", again, err, q)
		}
		rest, _ := io.ReadAll(in)
		if _, after, _ := bytes.Cut(text, []byte("\n")); !bytes.Equal(rest, after) {
			t.Errorf("got %q after the request, want %q", rest, after)
		}
	})
}

// received is what a verb gets of an input, and how the connection ended.
func received(sent []byte) (text string, verb, connection error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Input(bufio.NewReader(bytes.NewReader(sent)), w) }()
	got, verb := io.ReadAll(r)
	return string(got), verb, <-done
}

func TestInput(t *testing.T) {
	var sent bytes.Buffer
	long := strings.Repeat("line\n", mostPiece/3)
	if err := SendInput(&sent, strings.NewReader(long)); err != nil {
		t.Fatal(err)
	}
	if text, verb, connection := received(sent.Bytes()); text != long || verb != nil || !errors.Is(connection, ErrLeft) {
		t.Errorf("got %d bytes, %v, %v, want %d", len(text), verb, connection, len(long))
	}
	// The connection ends in the middle: the verb must not take that for the end.
	if text, verb, connection := received(sent.Bytes()[:sent.Len()/2]); !strings.HasPrefix(long, text) || !errors.Is(verb, ErrLeft) || !errors.Is(connection, ErrLeft) {
		t.Errorf("got %d bytes, %v, %v, want %v", len(text), verb, connection, ErrLeft)
	}
	for _, bad := range []string{"-1\n", "70000\n", "x\n", "123456789\n", "0\nmore"} {
		if _, verb, connection := received([]byte(bad)); connection == nil || errors.Is(connection, ErrLeft) || bad[0] != '0' && verb == nil {
			t.Errorf("%q: got %v, %v", bad, verb, connection)
		}
	}
	// A verb that reads nothing does not keep the end of the connection from being seen.
	r, w := io.Pipe()
	r.Close()
	if err := Input(bufio.NewReader(bytes.NewReader(sent.Bytes())), w); !errors.Is(err, ErrLeft) {
		t.Errorf("got %v", err)
	}
	if err := SendInput(&sent, iotest.ErrReader(errors.New("no disk"))); err == nil {
		t.Error("an input that cannot be read counts as sent")
	}
}

// FuzzInput: the verb gets what was sent, whatever it is and however it comes.
func FuzzInput(f *testing.F) {
	f.Add([]byte("0\n"), true)
	f.Add([]byte("y\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, raw bool) {
		if raw { // foreign bytes: it ends, and never with success
			if _, _, connection := received(text); connection == nil {
				t.Error("the end of a connection is no error")
			}
			return
		}
		var sent bytes.Buffer
		if err := SendInput(&sent, iotest.HalfReader(bytes.NewReader(text))); err != nil {
			t.Fatal(err)
		}
		if got, verb, _ := received(sent.Bytes()); got != string(text) || verb != nil {
			t.Errorf("got %q, %v, want %q", got, verb, text)
		}
	})
}

func TestClean(t *testing.T) {
	const evil = "a\x1b]0;x\x07\tb\r\r\nö\u202e\x80\x9b1m\U0001f600\n"
	for _, asJSON := range []bool{false, true} {
		want := "a\\x1b]0;x\\a\tb\\r\n\\u00f6\\u202e\\ufffd\\ufffd1m\\U0001f600\n"
		if asJSON {
			want = "a\\u001b]0;x\\u0007\tb  \n\\u00f6\\u202e\\ufffd\\ufffd1m\\ud83d\\ude00\n"
		}
		var out bytes.Buffer
		c := NewClean(&out, asJSON)
		if _, err := io.Copy(c, iotest.OneByteReader(strings.NewReader(evil))); err != nil || c.Flush() != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	}
}

// FuzzClean: however the bytes come, the same comes out, and nothing that a terminal obeys;
// and JSON means the same as before.
func FuzzClean(f *testing.F) {
	f.Add([]byte("{\"a\": \"\xc3\xb6\\u001b\"}\r\n"), 3, true)
	f.Add([]byte("\x1b[2J\xf0\x9f\x98\x80\xf0\x9f"), 5, false)
	f.Fuzz(func(t *testing.T, text []byte, at int, asJSON bool) {
		clean := func(parts ...[]byte) string {
			var out bytes.Buffer
			c := NewClean(&out, asJSON)
			for _, p := range parts {
				c.Write(p)
			}
			c.Flush()
			return out.String()
		}
		whole := clean(text)
		at = min(max(at, 0), len(text))
		if parts := clean(text[:at], text[at:]); parts != whole {
			t.Errorf("got %q in two parts, want %q", parts, whole)
		}
		for _, b := range []byte(whole) {
			if (b < ' ' || b > '~') && b != '\n' && b != '\t' {
				t.Fatalf("got %q", whole)
			}
		}
		if asJSON && json.Valid(text) {
			var before, after any
			if json.Unmarshal(text, &before) == nil {
				one, _ := json.Marshal(before)
				if err := json.Unmarshal([]byte(whole), &after); err != nil {
					t.Fatalf("%q became %q: %v", text, whole, err)
				}
				if two, _ := json.Marshal(after); !bytes.Equal(one, two) {
					t.Errorf("%q became %q", text, whole)
				}
			}
		}
	})
}

func TestGate(t *testing.T) {
	for _, tt := range []struct{ sent, out, before string }{
		{Greeting() + "answer\n", "answer\n", ""},
		{"Welcome!\n" + Greeting() + "answer\n" + Greeting(), "answer\n" + Greeting(), "Welcome!\n"},
		{greeting + "7\nnewer", "newer", ""},
		{"x" + Greeting() + "no", "", "x" + Greeting() + "no"},
		{greeting + "x\nno", "", greeting + "x\nno"},
		{strings.TrimSuffix(Greeting(), "\n"), "", strings.TrimSuffix(Greeting(), "\n")},
	} {
		for _, in := range []io.Reader{strings.NewReader(tt.sent), iotest.OneByteReader(strings.NewReader(tt.sent))} {
			var out bytes.Buffer
			opened := 0
			g := NewGate(&out, func() { opened++ })
			if _, err := io.Copy(g, in); err != nil {
				t.Fatal(err)
			}
			if out.String() != tt.out || g.Before() != tt.before || g.Greeted() != (opened == 1) || g.Greeted() != (tt.out != "") {
				t.Errorf("%q: got %q, before it %q, opened %d times", tt.sent, out.String(), g.Before(), opened)
			}
		}
	}
	var out bytes.Buffer
	g := NewGate(&out, func() {})
	io.Copy(g, io.LimitReader(zeros{}, 10*mostBefore))
	if len(g.Before()) > 2*mostBefore || g.Greeted() {
		t.Errorf("got %d bytes before the greeting", len(g.Before()))
	}
}

func TestHead(t *testing.T) {
	h := &Head{Most: 4}
	io.WriteString(h, "abc")
	if h.Cut() || h.Text() != "abc" {
		t.Errorf("got %q, %v", h.Text(), h.Cut())
	}
	if n, err := io.WriteString(h, "def"); n != 3 || err != nil || h.Text() != "abcd" || !h.Cut() {
		t.Errorf("got %q, %v, %d, %v", h.Text(), h.Cut(), n, err)
	}
}

func TestEnding(t *testing.T) {
	target := Target{User: "admin", Host: "pbx", Port: 2222}
	for _, tt := range []struct {
		end      Ending
		want, do string // "": no error
	}{
		{Ending{Exit: 0, Greeted: true}, "", ""},
		{Ending{Exit: 4, Greeted: true, Said: "Permission denied (publickey)"}, "", ""},
		{Ending{Exit: -1}, "ssh was killed", "run the command again"},
		{Ending{Exit: 255, Greeted: true}, "the connection was lost", "run the command again"},
		{Ending{Exit: -1, Greeted: true}, "the connection was lost", "run the command again"},
		{Ending{Exit: 255, Said: "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.\r\n"}, "the host key is not the one that ssh knows", "ssh -p 2222 admin@pbx prints"},
		{Ending{Exit: 255, Said: "No ED25519 host key is known for pbx\r\nHost key verification failed.\r\n"}, "ssh does not know its host key", "compare the fingerprint: ssh -p 2222 admin@pbx"},
		{Ending{Exit: 255, Said: "admin@pbx: Permission denied (publickey).\r\n"}, "does not accept the key", "ssh-copy-id -p 2222 admin@pbx"},
		{Ending{Exit: 255, Said: "ssh: connect to host pbx port 2222: Connection timed out\r\n"}, "does not answer", "firewall"},
		{Ending{Exit: 255, Said: "strange \x1b[2J\n"}, `ssh failed: "strange \x1b[2J"`, "ssh -v -p 2222"},
		{Ending{Exit: 127, Said: "bash: line 1: jailctl: command not found\n"}, "there is no jailctl on it", "install pbxjail"},
		{Ending{Exit: 2, Said: "jailctl: unknown verb \"remote\"\nhint: to see all verbs: jailctl --help\n"}, "too old for this", "install this release of pbxjail on admin@pbx:2222"},
		{Ending{Exit: 1, Said: "sudo: a password is required\n"}, "sudo asks for a password", "NOPASSWD: /usr/bin/jailctl remote"},
		{Ending{Exit: 127, Said: "bash: line 1: sudo: command not found\n"}, "no sudo on it", "without --sudo"},
		{Ending{Exit: 0, Before: "This account is not available.\n"}, `did not start there (exit status 0): "This account`, "ssh -p 2222 admin@pbx jailctl version"},
	} {
		err := tt.end.Err(target)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%+v: got %v", tt.end, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "admin@pbx:2222: ") || !strings.Contains(err.Error(), tt.want) || !strings.Contains(hint.Of(err), tt.do) {
			t.Errorf("%+v: got %v, hint %q, want %q, %q", tt.end, err, hint.Of(err), tt.want, tt.do)
		}
	}
}

func TestSummary(t *testing.T) {
	for _, tt := range []struct {
		exit            int
		out, said, want string
	}{
		{0, "guarding: no problems\npbxjail 1\n", "", "guarding: no problems"},
		{1, "note     wire: off\nbroken   firewall: no rule\n   hint: x\nrisky    a: b\n", "jailctl: 2 problems\n", "broken firewall: no rule (and 1 more)"},
		{0, "ok       firewall: there\nok  b: c\n", "", "ok firewall: there"},
		{1, `{"findings":[{"severity":"risky","about":"bash","what":"old"},{"severity":"broken","about":"ari","what":"open"}]}`, "jailctl: 2 problems\n", "broken ari: open (and 1 more)"},
		{0, `{"jailctl": "1"}`, "", ""},
		{1, "", "note\njailctl: no daemon answers\nhint: start it\n", "no daemon answers"},
		{1, "half\n", "killed\n", "killed"},
		{1, "", "", ""},
		{0, "ADDRESS  JAIL\n203.0.113.7  a\n203.0.113.9  b\n", "", "203.0.113.9  b"},
		{0, "ADDRESS  JAIL\n", "", "no rows"},
		{0, "\n\n", "", ""},
		{0, strings.Repeat("a", mostOfTest), "", strings.Repeat("a", mostSummary) + "..."},
		{1, "unknown  ports: not looked at\nnote     a: b\n", "", "unknown ports: not looked at"},
	} {
		if got := Summary(tt.exit, tt.out, tt.said); got != tt.want {
			t.Errorf("%d, %q, %q: got %q, want %q", tt.exit, tt.out, tt.said, got, tt.want)
		}
	}
}

// A PBX that somebody took over cannot make much of this machine's memory with a small answer.
func TestSummaryBounds(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for out, want := range map[string]string{
		nested(mostDepth):     "",
		nested(mostDepth + 1): tooLong,
		`{"findings":[` + strings.Repeat("{},", mostDecoded/3) + `{}]}`: tooLong,
		`["` + strings.Repeat(`[\"`, mostDepth+1) + `"]`:                "", // brackets in a string
	} {
		if got := Summary(0, out, ""); got != want {
			t.Errorf("%.20q of %d bytes: got %q, want %q", out, len(out), got, want)
		}
		if got := IsJSON(out); got == tooDeep(out) {
			t.Errorf("%.20q: IsJSON is %v", out, got)
		}
	}
	text := `{"findings":[` + strings.Repeat("{},", mostDecoded/3-10) + "{}]}"
	if Summary(0, text, "") == tooLong {
		t.Error("an answer of the permitted length is refused")
	}
}

// Whatever the configuration of ssh says, it gives a PBX no Kerberos ticket.
func TestNoTicketForThePBX(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte("Host *\n\tGSSAPIDelegateCredentials yes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ssh", append(append([]string{"-G"}, SSH{Config: config}.base()...), "pbx")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "\ngssapidelegatecredentials no\n") {
		t.Errorf("got %s", out)
	}
}

// mostOfTest is longer than what is kept.
const mostOfTest = 1 << 20

func TestWorse(t *testing.T) {
	const unreached = 5
	order := []int{0, 4, 3, 1, 2, unreached}
	for i, a := range order {
		for j, b := range order {
			if got, want := Worse(a, b, unreached), order[max(i, j)]; got != want {
				t.Errorf("%d and %d: got %d, want %d", a, b, got, want)
			}
		}
	}
	if got := Worse(137, 1, unreached); got != 137 {
		t.Errorf("got %d", got)
	}
}

func TestParseService(t *testing.T) {
	for text, want := range map[string]string{ // "": an error
		"443": "127.0.0.1:443", "192.168.1.20:80": "192.168.1.20:80", "phone-1.lan:8080": "phone-1.lan:8080", "[2001:db8::1]:443": "[2001:db8::1]:443",
		"": "", "0": "", "65536": "", "http": "", ":80": "", "a:": "", "2001:db8::1": "", "-x:80": "", "a b:80": "", "a:80:b:90": "", "a/b:80": "", "[::1]": "",
	} {
		s, err := ParseService(text)
		if got := s.String(); err == nil && got != want || err != nil && (want != "" || hint.Of(err) == "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestReadShown(t *testing.T) {
	const text = "user admin\nhostname pbx1.example.net\nport 2222\nproxycommand none\nproxyjump jump1,jump2\ncontrolpath /run/user/0/a b\nidentityfile ~/.ssh/id\n"
	want := Resolved{"admin", "pbx1.example.net", 2222, "jump1,jump2", "/run/user/0/a b"}
	if got := ReadShown(text); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := ReadShown("hostname pbx\ncontrolpath ~/.ssh/%C\n\n"); got != (Resolved{Host: "pbx"}) {
		t.Errorf("got %+v", got)
	}
	if got := ReadShown("hostname pbx\ncontrolpath none\n\n"); got != (Resolved{Host: "pbx"}) {
		t.Errorf("got %+v", got)
	}
}

// The port is one of this machine alone, and no configuration adds another one.
func TestForwarding(t *testing.T) {
	target := Target{User: "admin", Host: "pbx"}
	f := Forwarding{Local: 8443, To: Service{"127.0.0.1", 443}}
	for got, want := range map[string]string{
		strings.Join(f.Control("forward", "/s", target), " "):                                "-F /dev/null -S /s -O forward -L 127.0.0.1:8443:127.0.0.1:443 -- pbx",
		strings.Join(Forwarding{Local: 1, Socks: true}.Control("cancel", "/s", target), " "): "-F /dev/null -S /s -O cancel -D 127.0.0.1:1 -- pbx",
		strings.Join(f.Control("check", "/s", target), " "):                                  "-F /dev/null -S /s -O check -- pbx",
		f.Address(): "https://127.0.0.1:8443/",
		Forwarding{Local: 2, To: Service{"127.0.0.1", 8088}}.Address():                             "http://127.0.0.1:2/",
		Forwarding{Local: 2, To: Service{"127.0.0.1", 5038}}.Address():                             "127.0.0.1:2",
		Forwarding{Local: 2, To: Service{"127.0.0.1", 443}, Socks: true}.Address():                 "socks5://127.0.0.1:2",
		f.To.Refused(target, "channel 1: open failed: connect failed: Connection refused").Error(): "admin@pbx: nothing listens at 127.0.0.1:443 there",
		f.To.Refused(target, "").Error():                                                           "admin@pbx: nothing answers at 127.0.0.1:443 there",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if args := (SSH{}).Master(target, "/s"); !slices.Contains(args, "ClearAllForwardings=yes") || !slices.Contains(args, "-a") || args[len(args)-1] != "admin@pbx" {
		t.Errorf("got %q", args)
	}
}

func TestNames(t *testing.T) {
	config := "# Host no\nHost pbx1 pbx2 *.example.net !pbx3\n HostName 192.0.2.10\nhost=pbx4\nMatch host pbx5\nHost \"pbx 6\"\nHost -x\n"
	known := "pbx1,192.0.2.10 ssh-ed25519 AAAA\n[pbx7]:2222 ssh-ed25519 AAAA\n|1|abc|def ssh-ed25519 AAAA\n@cert-authority *.net ssh-rsa AAAA\n\n"
	want := []string{"192.0.2.10", "pbx1", "pbx2", "pbx4", "pbx7:2222"}
	if got := Names(strings.NewReader(config), strings.NewReader(known)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
