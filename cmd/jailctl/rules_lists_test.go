package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pbxjail/configs"
)

// seedMain is the rule set of the article that this program began with.
const seedMain = `asterisk: /nowhere
packet_rules: {agents: seed, ports: [5060-5261]}
feeds:
  - {name: ponytelecom, file: shipped/ponytelecom.txt, use: ban}
  - {name: vitox, file: shipped/vitox.txt, use: ban, protocol: udp}
  - {name: freepbx-2019, file: shipped/freepbx-2019.txt, use: ban, protocol: udp}
`

func writeMain(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pbxjail.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// All 26 ranges and all 21 agents of the article come out of rules, in FreePBX's form too:
// one rule a range, and one for an agent and a protocol.
func TestRulesOfTheSeed(t *testing.T) {
	config := writeMain(t, seedMain)
	for _, format := range []string{"freepbx", "iptables-restore"} {
		got, stderr, code := jailctl(t, "rules", "--format", format, "--config", config)
		if code != 0 {
			t.Fatal(stderr)
		}
		ranges := map[string]int{}
		for line := range strings.Lines(got) {
			words := strings.Fields(line)
			if len(words) > 3 && words[2] == "-s" && strings.HasSuffix(line, "-j DROP\n") {
				ranges[words[3]]++
			}
		}
		for net, lists := range map[string]string{
			"37.49.224.0/24": "vitox", "37.49.225.0/24": "freepbx-2019", "37.49.227.0/24": "freepbx-2019", "37.49.228.0/24": "freepbx-2019",
			"37.49.229.0/24": "freepbx-2019", "37.49.230.0/24": "vitox", "37.49.231.0/24": "vitox", "37.120.128.0/19": "freepbx-2019",
			"51.15.0.0/16": "ponytelecom", "62.4.0.0/19": "ponytelecom", "62.210.0.0/16": "ponytelecom", "77.247.108.0/24": "freepbx-2019",
			"77.247.109.0/24": "vitox", "77.247.110.0/24": "vitox", "77.247.111.0/24": "freepbx-2019", "151.115.0.0/16": "ponytelecom",
			"163.172.0.0/16": "ponytelecom", "185.53.88.0/24": "vitox", "185.53.89.0/24": "vitox", "185.53.90.0/24": "freepbx-2019",
			"185.53.91.0/24": "freepbx-2019", "195.154.0.0/16": "ponytelecom", "212.47.224.0/19": "ponytelecom", "212.83.128.0/19": "ponytelecom",
			"212.83.160.0/19": "ponytelecom", "212.129.0.0/18": "ponytelecom",
		} {
			proto, other := `-s `+net+` -p udp -m comment --comment "list `+lists+`" -j DROP`, `-s `+net+` -m comment --comment "list `
			if lists == "ponytelecom" {
				proto, other = `-s `+net+` -m comment --comment "list ponytelecom" -j DROP`, "no other"
			}
			if ranges[net] == 0 || !strings.Contains(got, proto) || strings.Contains(got, other) || !strings.Contains(got, "-s "+net+" ") || !strings.Contains(got, `"list `+lists+`"`) {
				t.Errorf("%s: %s of %s: got %d rules", format, net, lists, ranges[net])
			}
			delete(ranges, net)
		}
		if len(ranges) > 0 {
			t.Errorf("%s: got %v besides", format, ranges)
		}
		for _, agent := range configs.SeedAgents() {
			if n := strings.Count(got, `--comment "agent `+agent+`"`) + strings.Count(got, "--comment agent "+agent+" "); n != 2 {
				t.Errorf("%s: agent %s: got %d rules, want udp and tcp", format, agent, n)
			}
		}
		if n := strings.Count(got, `"agent `); n != 2*21 {
			t.Errorf("%s: got %d rules for agents, want 42", format, n)
		}
	}
}

// A feed that only weighs, and one that is fetched, are named and not printed. A protected
// address is cut out of a range, and neighbours are not merged.
func TestRulesOfFeeds(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(list, []byte("203.0.113.0/25\n203.0.113.128/25\n198.51.100.0/31\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	config := writeMain(t, `asterisk: /nowhere
ignoreip: [198.51.100.1]
packet_rules: {agents: false}
feeds:
  - {name: vitox, file: shipped/vitox.txt}
  - {name: fetched, url: 'https://lists.example.net/sip.txt', use: ban}
  - {name: off, file: shipped/ranges.txt, use: ban, enabled: false}
  - {name: own, file: '`+list+`', use: both, ports: [5060, 10000-20000/udp]}
`)
	got, stderr, code := jailctl(t, "rules", "--format", "freepbx", "--config", config)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{
		"# not printed: feed vitox only gives more points to attempts; to drop its addresses, write use: ban for this feed into the main file\n",
		"# not printed: the list of feed fetched changes often; the daemon fetches it, and drops its addresses itself\n",
		"-s 203.0.113.0/25 ", "-s 203.0.113.128/25 ", "-s 198.51.100.0/32 ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in\n%s", want, got)
		}
	}
	for _, want := range []string{"-p udp -m udp --dport 5060 ", "-p tcp -m tcp --dport 5060 ", "-p udp -m udp --dport 10000:20000 "} {
		if n := strings.Count(got, want); n != 3 {
			t.Errorf("got %d rules with %s, want one for each range in\n%s", n, want, got)
		}
	}
	if n := strings.Count(got, "\n-A "); n != 9 {
		t.Errorf("got %d rules, want 9 in\n%s", n, got)
	}
	for _, bad := range []string{"/nowhere/list.txt", filepath.Dir(list)} {
		config := writeMain(t, "feeds: [{name: own, use: ban, file: '"+bad+"'}]\n")
		if got, stderr, code := jailctl(t, "rules", "--format", "nft", "--config", config); code == 0 || got != "" || !strings.Contains(stderr, "feed own is refused: ") || !strings.Contains(stderr, "hint: ") {
			t.Errorf("%s: got %d, %q, %q, want a refusal", bad, code, got, stderr)
		}
	}
}
