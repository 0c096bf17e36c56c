package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func shipped(t testing.TB) *Agents {
	t.Helper()
	a, err := LoadAgents(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// listOf loads files, given as name and text in turn.
func listOf(t testing.TB, files ...string) (*Agents, string, error) {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a, err := LoadAgents(dir)
	return a, dir, err
}

func TestShippedAgents(t *testing.T) {
	var drop []string
	for _, a := range shipped(t).List() {
		if a.Why == "" {
			t.Errorf("%s: got no why, want where the name is from", a.Name)
		}
		if a.Level == AgentDrop {
			drop = append(drop, a.Name)
			if a.Match == AgentContains {
				t.Errorf("%s: a packet rule cannot tell contains in this header from another header", a.Name)
			}
		}
	}
	want := []string{
		"friendly-request", "friendly-scanner", "gazllove", "iWar", "owenee", "pplsip", "sip-scan", "siparmyknife", "sipcli", "sipvicious",
		"sundayaddr", "sundayddr", "svcrack", "svmap", "svwar", "VaxIPUserAgent", "VaxSIPUserAgent",
	}
	if !slices.Equal(drop, want) {
		t.Errorf("got drop %q, want %q and no honest name", drop, want)
	}
}

func TestMatchShipped(t *testing.T) {
	agents := shipped(t)
	for value, want := range map[string]string{
		"friendly-scanner":                  "friendly-scanner drop",
		"Friendly-Scanner":                  "friendly-scanner drop",
		" \tfriendly-scanner \r\n":          "friendly-scanner drop",
		"sipcli/v1.8":                       "sipcli drop",
		"SIPclient/2.0":                     "sipclient info", // the longest name decides
		"sipvicious":                        "sipvicious drop",
		"VaxSIPUserAgent/3.1":               "VaxSIPUserAgent drop",
		"sipv":                              "sipv score",
		"sipvoice":                          "",
		"Asterisk PBX 18.9":                 "Asterisk PBX info",
		"FPBX-16.0.40(18.9)":                "FPBX info",
		"PBX":                               "PBX score",
		"PBX of ours":                       "",
		"3CXPhoneSystem 16.0.4.493":         "",
		"Cisco-SIPGateway/IOS-15.x":         "Cisco-SIPGateway info",
		"cisco":                             "cisco score",
		"VOIP":                              "VOIP score",
		"VoIP Phone 3":                      "",
		"Yealink SIP-T46S 66.85":            "",
		"eyeBeam release 3015c stamp 27107": "eyeBeam release 3015c stamp 27107 score",
		"eyeBeam release 1102u stamp 52345": "eyeBeam info",
		"not a friendly-scanner":            "", // a prefix is no word inside
		"":                                  "",
		"   ":                               "",
		"\x00\xff":                          "",
	} {
		a, ok := agents.Match([]byte(value))
		if got := strings.TrimSpace(a.Name + " " + a.Level); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", value, got, ok, want)
		}
	}
}

const own = `agents:
  - {name: system, level: score, match: contains}
  - {name: phone, level: info, match: contains}
  - {name: Acme, level: info}
  - {name: acme dialer, level: score, match: exact}
  - {name: v2.1, level: score, match: contains}
`

func TestMatchOwn(t *testing.T) {
	agents, _, err := listOf(t, "own.yaml", own)
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"3CXPhoneSystem":                         "", // fusionpbx-install.sh PR 238
		"3CX Phone System 16":                    "system",
		"a system":                               "system",
		"systems":                                "",
		"ecosystem":                              "",
		"(system)":                               "system",
		"über\xcc\x88system":                     "", // a letter beyond ASCII is a letter
		"acme phone":                             "phone",
		"ACME DIALER":                            "acme dialer",
		"acme dialer 2":                          "Acme",
		"x/v2.1":                                 "v2.1",
		"x/v2.10":                                "",
		strings.Repeat("a ", 128) + "system":     "", // further in than is looked
		strings.Repeat("a ", 127) + "system":     "system",
		"acme" + strings.Repeat("\xf0", 1<<16):   "Acme",
		strings.Repeat(" ", 1000) + "acme":       "Acme",
		"system of phones, and a phone for acme": "system",
	} {
		if a, _ := agents.Match([]byte(value)); a.Name != want {
			t.Errorf("%.40q: got %q, want %q", value, a.Name, want)
		}
	}
	var none *Agents
	if _, ok := none.Match([]byte("friendly-scanner")); ok || none.List() != nil {
		t.Error("got a match in no list")
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	agents := shipped(t)
	value := []byte("eyeBeam release 1102u stamp 52345")
	if n := testing.AllocsPerRun(100, func() { agents.Match(value) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

// Later files win by name, whatever capitals; off takes away, and a later file may bring back.
func TestAgentFiles(t *testing.T) {
	agents, dir, err := listOf(t,
		"10-a.yaml", "agents:\n  - {name: SIPCLI, level: info}\n  - {name: svmap, level: off}\n  - {name: svwar, level: 'off'}\n",
		"20-b.yml", "agents: [{name: svwar, level: score, match: exact}]\n",
		"30-empty.yaml", "agents: []\n",
		".hidden.yaml", "x", "note.txt", "x", "20-b.yml~", "x",
	)
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]Agent{
		"sipcli/v1.8": {File: filepath.Join(dir, "10-a.yaml"), Line: 2, Name: "SIPCLI", Level: AgentInfo, Match: AgentPrefix},
		"svmap":       {},
		"svwar":       {File: filepath.Join(dir, "20-b.yml"), Line: 1, Name: "svwar", Level: AgentScore, Match: AgentExact},
		"svwar 2":     {},
	} {
		if got, _ := agents.Match([]byte(value)); got != want {
			t.Errorf("%s: got %+v, want %+v", value, got, want)
		}
	}
	if a, _ := agents.Match([]byte("svcrack")); a.Level != AgentDrop || a.File != "shipped/useragents.yaml" || a.Line == 0 {
		t.Errorf("got %+v, want the shipped entry", a)
	}
}

// One file with a fault makes the whole list invalid, and the faults of every file are reported.
func TestAgentFaults(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no name", "agents: [{level: drop}]", "1: agents[0].name: is missing"},
		{"no level", "agents:\n  - name: acme", "2: agents[0].level: \"\" is not known"},
		{"level", "agents: [{name: acme, level: block}]", "1: agents[0].level: \"block\" is not known"},
		{"match", "agents: [{name: acme, level: score, match: regex}]", "1: agents[0].match: \"regex\" is not known"},
		{"twice", "agents:\n  - {name: acme, level: score}\n  - {name: ACME, level: drop}\n", "3: agents[1].name: user agent \"ACME\" is in this file twice; the other entry is in line 2"},
		{"short", "agents: [{name: a 1, level: drop}]", "1: agents[0].name: \"a 1\" is too short: with level: drop it needs at least 4 characters, or it could block honest phones"},
		{"long", "agents: [{name: " + strings.Repeat("a", 65) + ", level: drop}]", "1: agents[0].name: is longer than 64 characters"},
		{"quote", "agents: [{name: 'a\"b\"cd', level: drop}]", "1: agents[0].name: \"a\\\"b\\\"cd\" has characters that a firewall rule cannot have"},
		{"pipe", "agents: [{name: abc|0d, level: drop}]", "1: agents[0].name: \"abc|0d\" has characters that a firewall rule cannot have"},
		{"line", "agents: [{name: \"abcd\\n-j ACCEPT\", level: drop}]", "1: agents[0].name: \"abcd\\n-j ACCEPT\" has characters that a firewall rule cannot have"},
		{"shell", "agents: [{name: $(id)x, level: drop}]", "1: agents[0].name: \"$(id)x\" has characters that a firewall rule cannot have"},
		{"blank behind", "agents: [{name: 'system ', level: drop}]", "1: agents[0].name: \"system \" has characters that a firewall rule cannot have"},
		{"letters", "agents: [{name: ácme, level: drop}]", "1: agents[0].name: \"\\u00e1cme\" has characters that a firewall rule cannot have"},
		{"key", "agents: [{nmae: acme}]", "1: agents[0]: unknown key \"nmae\""},
		{"other file", "packet_rules: {}", "1: unknown key \"packet_rules\""},
		{"empty", "", " is empty"},
	} {
		agents, dir, err := listOf(t, "x.yaml", c.text, "y.yaml", "agents: 3\n")
		problems, ok := err.(Problems)
		if !ok || agents != nil || len(problems) < 2 {
			t.Errorf("%s: got %v, %v, want the problems of both files and no list", c.name, agents, err)
			continue
		}
		checkPrintable(t, err)
		if got := strings.TrimPrefix(problems[0].Error(), filepath.Join(dir, "x.yaml")+":"); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadAgents(file); err == nil || err.Error() != file+": not a directory" {
		t.Errorf("got %v, want not a directory", err)
	}
	many := "agents:\n"
	for i := range maxAgents {
		many += fmt.Sprintf("  - {name: agent%d, level: info}\n", i)
	}
	if _, _, err := listOf(t, "many.yaml", many); err == nil || !strings.Contains(err.Error(), "more than 2000 user agents") {
		t.Errorf("got %.200v, want too many", err)
	}
}

func TestAgentFactors(t *testing.T) {
	m := defaultMain()
	for level, want := range map[string]float64{AgentDrop: 5, AgentScore: 2, AgentInfo: 1, AgentOff: 1, "": 1} {
		if got := m.AgentFactors.Of(level); got != want {
			t.Errorf("%s: got %v, want %v", level, got, want)
		}
	}
}

func BenchmarkAgentsMatch(b *testing.B) {
	agents := shipped(b)
	for name, value := range map[string]string{"phone": "Yealink SIP-T46S 66.85.0.5", "scanner": "friendly-scanner", "long": strings.Repeat("s", 4096)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				agents.Match([]byte(value))
			}
		})
	}
}

// naive is Match as its documentation says it, without the tables.
func naive(list []Agent, value string) (best Agent) {
	value = strings.ToLower(strings.TrimSpace(value))
	bestAt := 0
	for _, a := range list {
		name := strings.ToLower(a.Name)
		for at := range min(len(value), maxAgentValue) {
			rest := value[at:]
			ok := strings.HasPrefix(rest, name)
			switch a.Match {
			case AgentExact:
				ok = ok && at == 0 && rest == name
			case AgentPrefix:
				ok = ok && at == 0
			case AgentContains:
				ok = ok && !joined([]byte(value), at) && !joined([]byte(value), at+len(name))
			}
			if ok && (len(a.Name) > len(best.Name) || len(a.Name) == len(best.Name) && at < bestAt) {
				best, bestAt = a, at
			}
		}
	}
	return best
}

func FuzzAgentsMatch(f *testing.F) {
	agents, _, err := listOf(f, "own.yaml", own)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"friendly-scanner", "3CX Phone System", "sipclient", "x system v2.1", "\x00", strings.Repeat("sip ", 100)} {
		f.Add([]byte(s))
	}
	list := agents.List()
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, b := range value {
			if b >= 0x80 { // ToLower and TrimSpace have views of their own on those
				agents.Match(value)
				return
			}
		}
		got, ok := agents.Match(value)
		if want := naive(list, string(value)); got != want || ok != (want.Name != "") {
			t.Errorf("%q: got %+v, want %+v", value, got, want)
		}
	})
}

func FuzzAgentFile(f *testing.F) {
	f.Add(shippedAgents)
	f.Add([]byte(own))
	f.Fuzz(func(t *testing.T, data []byte) {
		byName := map[string]Agent{}
		if err := addAgents(byName, "x.yaml", data); err != nil {
			checkPrintable(t, err)
			return
		}
		for _, a := range newAgents(byName).List() {
			if !plainAgent(a.Name) || a.Name == "" || len(a.Name) > maxAgentName || a.Level == AgentOff || a.Match == "" {
				t.Errorf("got %+v", a)
			}
		}
	})
}

// The list knows all names of the article, each once.
func TestSeedAgentsAreListed(t *testing.T) {
	levels := map[string]string{}
	for _, a := range shipped(t).List() {
		levels[a.Name] = a.Level
	}
	names := SeedAgents()
	for _, name := range names {
		if levels[name] == "" {
			t.Errorf("%s: is not in the list", name)
		}
	}
	slices.Sort(names)
	if n := len(slices.Compact(names)); n != 21 {
		t.Errorf("got %d names, want 21", n)
	}
}
