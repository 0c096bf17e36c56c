package packets

import (
	"flag"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pbxjail/configs/hint"
)

var update = flag.Bool("update", false, "write what is got into the golden files: read the diff before you commit it")

func prefixes(list ...string) (out []netip.Prefix) {
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// full has a part of every kind.
var full = Plan{
	Ports: []Ports{{5060, 5060}, {5070, 5080}},
	Drop: []Scanner{
		{Agent: Agent{Name: "friendly-scanner"}},
		{Agent: Agent{Name: "sipcli"}, But: []Agent{{Name: "sipclient"}}, Words: []string{"our phone"}},
		{Agent: Agent{Name: "eyeBeam release 3015c stamp 27107", Exact: true}},
	},
	Allow: []string{"Yealink", "snom"},
	FQDN:  []string{"pbx.example.net"},
	IAX:   prefixes("203.0.113.0/24", "2001:db8:1::/48"),
	Spare: prefixes("198.51.100.7/32", "2001:db8::7/128", "198.51.100.7/32"),
}

// agentsOnly is what most operators use.
var agentsOnly = Plan{Ports: []Ports{{5060, 5061}}, Drop: []Scanner{{Agent: Agent{Name: "friendly-scanner"}}, {Agent: Agent{Name: "sipcli"}}}}

type sheetCase struct {
	name, format string
	sheet        Sheet
}

// lists are all of one, udp of another, and ports of a third. Two name one network.
var lists = []List{
	{Name: "all", Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/25"), netip.MustParsePrefix("2001:db8:1::/48")}},
	{Name: "udp-only", Prefixes: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/25"), netip.MustParsePrefix("198.51.100.128/25")}, Only: []Only{{Proto: "udp"}}},
	{Name: "ports", Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Only: []Only{{"udp", Ports{5060, 5061}}, {"tcp", Ports{5060, 5060}}}},
	{Name: "twice", Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/25")}},
}

func sheets() (list []sheetCase) {
	for _, format := range Formats {
		for _, family := range []int{4, 6} {
			for _, c := range []sheetCase{
				{"full", format, Sheet{Plan: full, Chain: "pbxjail-sip", Hook: "raw", Notes: []string{"a note\nof two lines"}}},
				{"lists", format, Sheet{Plan: agentsOnly, Lists: lists, Chain: "pbxjail-sip", Hook: "raw"}},
				{"agents", format, Sheet{Plan: agentsOnly, Chain: "f2b-pbxjail-sip", Hook: "filter"}},
			} {
				c.sheet.Family = family
				c.name += "-" + format
				if format == "iptables-restore" || format == "freepbx" {
					c.name += map[int]string{4: "-4", 6: "-6"}[family]
				} else if family == 6 {
					continue
				}
				list = append(list, c)
			}
		}
	}
	return list
}

func TestFormats(t *testing.T) {
	for _, c := range sheets() {
		got, err := c.sheet.Format(c.format)
		if err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + c.name + ".golden"
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("got\n%s\nwant what %s has: run with -update and read the diff", got, file)
		}
	}
}

// Every part of a plan that nft cannot do is named in a comment.
func TestNftSaysWhatItCannot(t *testing.T) {
	got, err := Sheet{Plan: full, Chain: "pbxjail-sip", Hook: "raw", Family: 4}.Format("nft")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"agent friendly-scanner", "agent sipcli", "agent eyeBeam release 3015c stamp 27107", "other than Yealink, snom"} {
		if !regexp.MustCompile(`(?m)^# not possible in nft.*` + regexp.QuoteMeta(want) + `$`).MatchString(got) {
			t.Errorf("got no comment on %q in\n%s", want, got)
		}
	}
}

func TestCompileOrder(t *testing.T) {
	rules, err := Compile(full)
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range []int{4, 6} {
		dropped := false
		spared, port := 0, false
		for _, r := range rules {
			if r.Family != family {
				continue
			}
			dropped = dropped || r.Drop
			if r.From.IsValid() && r.About == "protected "+r.From.String() {
				if spared++; dropped {
					t.Errorf("family %d: %s comes after something was dropped", family, r)
				}
			}
			if len(r.Texts) > 0 && (r.Proto == "" || len(r.Ports) == 0) {
				t.Errorf("family %d: %s looks into more than SIP", family, r)
			}
			for _, text := range r.Texts {
				if text.From < 28 || text.To <= text.From+len(text.Bytes) || len(text.Bytes) > 128 {
					t.Errorf("family %d: %s looks for %q from %d to %d", family, r, text.Bytes, text.From, text.To)
				}
			}
			port = port || r.Proto == "tcp" && r.Drop
		}
		if spared != 1 || !port {
			t.Errorf("family %d: got %d protected, tcp %v, want the one of it, once, and both protocols", family, spared, port)
		}
	}
	if rules, err := Compile(Plan{Ports: full.Ports, Spare: full.Spare}); err != nil || rules != nil {
		t.Errorf("got %v, %v for a plan that drops nothing, want no rules", rules, err)
	}
}

// One rule for each agent, range of ports and protocol.
func TestFreePBXLines(t *testing.T) {
	got, err := Sheet{Plan: Plan{Ports: full.Ports, Drop: full.Drop}, Chain: "x", Hook: "raw", Family: 4}.Format("freepbx")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(got) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 3*2*2 {
		t.Errorf("got %d lines, want 12:\n%s", len(lines), got)
	}
	for _, s := range full.Drop {
		for _, proto := range []string{"udp", "tcp"} {
			for _, ports := range []string{"5060", "5070:5080"} {
				n := 0
				for _, line := range lines {
					if strings.HasPrefix(line, "-A fpbxreject -p "+proto+" -m "+proto+" --dport "+ports+" ") && strings.Contains(line, "--comment \"agent "+s.Name+"\"") {
						n++
					}
				}
				if n != 1 {
					t.Errorf("%s %s %s: got %d lines, want 1", s.Name, proto, ports, n)
				}
			}
		}
	}
}

// FreePBX puts backslashes into a line before a shell reads it: what iptables gets
// must be what was meant.
func TestFreePBXLinesSurviveItsShell(t *testing.T) {
	for _, family := range []int{4, 6} {
		plan := full
		plan.NewFlows = true
		sheet := Sheet{Plan: full, Chain: "x", Hook: "raw", Family: family}
		text, err := sheet.Format("freepbx")
		if err != nil {
			t.Fatal(err)
		}
		want := plan.freepbx(family)
		n := 0
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				continue
			}
			args := shellWords(t, escapeShellCmd(line))
			wantArgs := append([]string{"-A", "fpbxreject"}, want[n].Args(want[n].About)...)
			for i := range wantArgs {
				if i > 0 && wantArgs[i-1] == "--hex-string" {
					wantArgs[i] = unreadable(wantArgs[i])
				}
			}
			if !slices.Equal(args, wantArgs) {
				t.Errorf("got %q\nwant %q", args, wantArgs)
			}
			n++
		}
		if n != len(want) {
			t.Errorf("got %d lines, want %d", n, len(want))
		}
	}
}

// unreadable is opaque of what readable wrote.
func unreadable(pattern string) string {
	var b strings.Builder
	for i, part := range strings.Split(pattern, "|") {
		for j := range len(part) {
			if i%2 == 0 {
				b.WriteString(opaque(part[j : j+1])[1:3])
			} else {
				b.WriteByte(part[j])
			}
		}
	}
	return "|" + b.String() + "|"
}

// escapeShellCmd is PHP's escapeshellcmd, for lines whose quotes are paired.
func escapeShellCmd(line string) string {
	var b strings.Builder
	for _, c := range []byte(line) {
		if strings.IndexByte("#&;`|*?~<>^()[]{}$\\\n\xff", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// shellWords splits a line as sh does (POSIX 2.2), where nothing is expanded.
func shellWords(t *testing.T, line string) (words []string) {
	var word strings.Builder
	in, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			in, quoted = true, !quoted
		case c == '\\' && i+1 < len(line) && (!quoted || strings.IndexByte("$`\"\\", line[i+1]) >= 0):
			i++
			in = true
			word.WriteByte(line[i])
		case !quoted && c == ' ':
			if in {
				words = append(words, word.String())
			}
			in = false
			word.Reset()
		case !quoted && strings.IndexByte("|&;<>()$`'", c) >= 0:
			t.Fatalf("a bare %q in %s", c, line)
		default:
			in = true
			word.WriteByte(c)
		}
	}
	if quoted {
		t.Fatalf("quotes are not paired in %s", line)
	}
	if in {
		words = append(words, word.String())
	}
	return words
}

// A shell reads the lines for it as they are meant.
func TestCommandsSurviveAShell(t *testing.T) {
	text, err := Sheet{Plan: full, Chain: "pbxjail-sip", Hook: "raw", Family: 4}.Format("iptables")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Compile(full)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if words[0] == "#" || words[5] != "-A" || words[6] != "pbxjail-sip" {
			continue
		}
		if got := shellWords(t, strings.TrimSpace(line))[7:]; !slices.Equal(got, rules[n].Args(rules[n].About)) {
			t.Errorf("got %q\nwant %q", got, rules[n].Args(rules[n].About))
		}
		n++
	}
	if n != len(rules) {
		t.Errorf("got %d rules, want %d", n, len(rules))
	}
}

func TestRefused(t *testing.T) {
	ports := []Ports{{5060, 5060}}
	agent := func(name string) []Scanner { return []Scanner{{Agent: Agent{Name: name}}} }
	for _, c := range []struct {
		name string
		plan Plan
		want string
	}{
		{"no ports", Plan{Drop: agent("abcd")}, "the packet rules have no SIP ports"},
		{"IAX2 port", Plan{Ports: []Ports{{4000, 5000}}, Drop: agent("abcd")}, "ports 4000:5000 cannot be SIP ports. SIP ports are 1 to 65535, without 4569, the port of IAX2"},
		{"port 0", Plan{Ports: []Ports{{0, 5}}}, "ports 0:5 cannot"},
		{"backwards", Plan{Ports: []Ports{{6, 5}}}, "ports 6:5 cannot"},
		{"many ports", Plan{Ports: slices.Repeat([]Ports{{5060, 5061}}, 8)}, "have 16 ports (a range counts twice), and the limit is"},
		{"quote", Plan{Ports: ports, Drop: agent(`a"b`)}, `user agent "a\"b" cannot be used in a firewall rule`},
		{"pipe", Plan{Ports: ports, Drop: agent("a|b")}, "cannot be used in a firewall rule"},
		{"line", Plan{Ports: ports, Drop: agent("a\nb")}, "cannot be used in a firewall rule"},
		{"dollar", Plan{Ports: ports, Drop: agent("$(id)")}, "cannot be used in a firewall rule"},
		{"empty", Plan{Ports: ports, Drop: agent("")}, "cannot be used in a firewall rule"},
		{"blank", Plan{Ports: ports, Drop: agent("system ")}, "cannot be used in a firewall rule"},
		{"honest", Plan{Ports: ports, Drop: []Scanner{{Agent: Agent{Name: "abcd"}, But: []Agent{{Name: "abcd`"}}}}}, "cannot be used in a firewall rule"},
		{"word", Plan{Ports: ports, Drop: []Scanner{{Agent: Agent{Name: "abcd"}, Words: []string{`\`}}}}, "cannot be used in a firewall rule"},
		{"allow", Plan{Ports: ports, Allow: []string{"'"}}, "cannot be used in a firewall rule"},
		{"host", Plan{Ports: ports, FQDN: []string{"a b"}}, `"a b" is not a host name`},
		{"network", Plan{IAX: []netip.Prefix{netip.MustParsePrefix("198.51.100.1/24")}}, "198.51.100.1/24 is not a valid network for a firewall rule"},
		{"mapped", Plan{IAX: []netip.Prefix{netip.MustParsePrefix("::ffff:198.51.100.1/128")}}, "is not a valid network for a firewall rule"},
		{"no network", Plan{IAX: make([]netip.Prefix, 1)}, "is not a valid network for a firewall rule"},
		{"many", Plan{Ports: ports, Drop: slices.Repeat(agent("abcd"), 257)}, "have 257 user agents to drop, and the limit is"},
	} {
		rules, err := Compile(c.plan)
		if err == nil || !strings.Contains(err.Error(), c.want) || rules != nil {
			t.Errorf("%s: got %v, %v, want %s", c.name, rules, err, c.want)
		} else if hint.Of(err) == "" {
			t.Errorf("%s: got no hint", c.name)
		}
	}
	for _, s := range []Sheet{
		{Plan: full, Chain: "A", Hook: "raw", Family: 4}, {Plan: full, Chain: "a", Hook: "nat", Family: 4}, {Plan: full, Chain: "a", Hook: "raw", Family: 5},
		{Plan: Plan{Allow: []string{"a"}}, Chain: "a", Hook: "raw", Family: 4},
	} {
		if got, err := s.Format("iptables"); err == nil {
			t.Errorf("got %q for %+v, want an error", got, s)
		}
	}
	if _, err := (Sheet{Plan: full, Chain: "a", Hook: "raw", Family: 4}).Format("pf"); err == nil || !strings.Contains(err.Error(), `"pf" is not known`) {
		t.Errorf("got %v, want an unknown format", err)
	}
}

// Any text that Compile accepts means the same to a shell and to FreePBX.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"friendly-scanner", "a b", "IM-client/OMA1.0", `x"`, "a|b", "-j", "--", "!", "@=,+:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		plan := Plan{Ports: []Ports{{5060, 5060}}, Drop: []Scanner{{Agent: Agent{Name: name}}}, Allow: []string{name}}
		rules, err := Compile(plan)
		if err != nil {
			return
		}
		for _, format := range Formats {
			text, err := Sheet{Plan: plan, Chain: "c", Hook: "raw", Family: 4}.Format(format)
			if err != nil {
				t.Fatal(err)
			}
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && (r < ' ' || r > '~') }); i >= 0 {
				t.Errorf("%s: got byte %q", format, text[i])
			}
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); format == "freepbx" && !strings.HasPrefix(line, "#") {
					if got := shellWords(t, escapeShellCmd(line)); got[0] != "-A" || got[len(got)-2] != "-j" || !slices.Contains(got, "agent "+name) && !strings.Contains(line, "of another agent") {
						t.Errorf("got %q of %s", got, line)
					}
				}
			}
		}
		for _, r := range rules {
			for _, text := range r.Texts {
				if got := unreadable(readable(text.Bytes)); got != opaque(text.Bytes) {
					t.Errorf("got %s, want %s", got, opaque(text.Bytes))
				}
			}
		}
	})
}
