package e2e

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/lab"
)

//go:embed testdata/sipp-options.xml
var sippOptions string

// rules is what we read of `jailctl rules --json`: packets by what a rule is about.
func (p *pbx) rules() map[string]uint64 {
	p.Helper()
	var answer struct {
		Rules []struct {
			About   string `json:"about"`
			Packets uint64 `json:"packets"`
		} `json:"rules"`
	}
	p.must(json.Unmarshal([]byte(p.ctl("rules", "--json")), &answer))
	counts := map[string]uint64{}
	for _, r := range answer.Rules {
		counts[r.About] += r.Packets
	}
	return counts
}

// answers sends a request of an agent and reports whether the PBX answered.
func (p *pbx) answers(from, agent string) bool {
	p.Helper()
	s, err := p.net.NewSender(p.Context(), "udp", netip.MustParseAddr(from), lab.Port)
	p.must(err)
	defer s.Close()
	s.Patience = 300 * time.Millisecond
	r := s.Request("OPTIONS", "100", "200")
	r.Agent = agent
	for range 5 { // a lost packet is no rule
		if response, err := s.Do(r); err == nil && response.Status == 200 {
			return true
		}
	}
	return false
}

// TestPacketRules: a scanner of the list gets no answer, all others do, the counters show
// it, and the rules come and go with the main file.
func TestPacketRules(t *testing.T) {
	const v4, v6, trusted = "203.0.113.9", "2001:db8:a1::9", "203.0.113.77"
	p := newPBX(t, "ignoreip: ["+trusted+"]")
	p.configure("useragents: " + p.path("agents"))
	p.must(os.Mkdir(p.path("agents"), 0o755))
	plain, err := os.ReadFile(p.path("pbxjail.yaml"))
	p.must(err)
	p.start()
	if !p.answers(v4, "friendly-scanner") {
		t.Error("packet rules are off, and a scanner gets no answer")
	}
	wantMatch(t, p.ctl("rules"), `^packet rules are off`)

	p.configure("packet_rules: {enabled: true}")
	p.ctl("reload")
	for _, from := range []string{v4, v6} {
		if p.answers(from, "friendly-scanner") || p.answers(from, "sipcli/v1.8") {
			t.Errorf("a scanner at %s is answered", from)
		}
		if !p.answers(from, "Yealink SIP-T46S 66.85.0.5") || !p.answers(from, "SIPclient 2") {
			t.Errorf("a phone at %s is not answered", from)
		}
	}
	if !p.answers(trusted, "friendly-scanner") {
		t.Error("a protected address is not answered")
	}
	if got := p.rules(); got["agent friendly-scanner"] < 10 || got["agent sipcli"] < 10 || got["protected "+trusted+"/32"] == 0 || got["agent svmap"] != 0 {
		t.Errorf("got counts %v", got)
	}
	wantMatch(t, p.ctl("rules"), `^agent friendly-scanner +udp +5060 +[1-9]\d+ +[1-9]\d+$`)
	wantMatch(t, p.kernel("iptables", "-t", "raw", "-S", "PREROUTING"), `^-A PREROUTING -j pbxjail\n-A PREROUTING -j pbxjail-sip$`)

	// A flush by another program is repaired.
	p.kernel("iptables", "-t", "raw", "-F")
	p.kernel("iptables", "-t", "raw", "-X")
	p.eventually("the rules again", func() bool {
		out, err := p.net.PBX.Output(exec.Command("iptables", "-t", "raw", "-S"))
		return err == nil && strings.Contains(string(out), "-A PREROUTING -j pbxjail-sip") && strings.Contains(string(out), "agent svwar")
	})

	// A bad list is refused, and the rules stay.
	p.write("agents/own.yaml", "agents: [{name: acme, level: dorp}]\n")
	wantMatch(t, p.refused("reload"), `own\.yaml:1: agents\[0\]\.level: "dorp" is not known\nhint: write one of`)
	if p.answers(v4, "friendly-scanner") {
		t.Error("after a refused reload a scanner is answered")
	}
	p.write("agents/own.yaml", "agents: [{name: acme, level: drop}, {name: friendly-scanner, level: off}]\n")
	p.ctl("reload")
	if p.answers(v4, "acme/1") || !p.answers(v4, "friendly-scanner") {
		t.Error("the admin's own list does not hold")
	}

	// They outlive the daemon, as bans do; the next one removes them if they are disabled.
	p.stop()
	if p.answers(v4, "acme/1") {
		t.Error("with the daemon the rules went")
	}
	p.must(os.WriteFile(p.path("pbxjail.yaml"), plain, 0o644))
	p.start()
	if got := p.kernel("iptables", "-t", "raw", "-S") + p.kernel("ip6tables", "-t", "raw", "-S"); strings.Contains(got, "pbxjail-sip") {
		t.Errorf("got rules that are off:\n%s", got)
	}
}

// TestPacketRulesWouldCut: a rule set that cuts an IAX2 peer of ours is refused at a
// reload, and the daemon goes on as it was; force takes it.
func TestPacketRulesWouldCut(t *testing.T) {
	p := newPBX(t)
	p.must(os.Mkdir(p.path("pbxconf"), 0o755))
	p.write("pbxconf/iax.conf", "[office]\ntype=friend\nhost=203.0.113.50\n")
	p.configure("asterisk: " + p.path("pbxconf"))
	p.start()
	before, err := os.ReadFile(p.path("pbxjail.yaml"))
	p.must(err)
	p.configure("packet_rules: {enabled: true, iax_from: [198.51.100.0/24]}")
	wantMatch(t, p.refused("reload"), `the rules would block your own phones or peers: 203\.0\.113\.50/32 is not in iax_from \(.*iax\.conf:3 host\)\nhint: .*force: true`)
	wantMatch(t, p.ctl("rules"), `^packet rules are off`)

	p.must(os.WriteFile(p.path("pbxjail.yaml"), before, 0o644))
	p.configure("packet_rules: {enabled: true, force: true, iax_from: [198.51.100.0/24]}")
	p.ctl("reload")
	rules := p.kernel("iptables", "-t", "raw", "-S", "pbxjail-sip")
	spared, cut := strings.Index(rules, "-s 203.0.113.50/32"), strings.Index(rules, "IAX2 from elsewhere")
	if spared < 0 || cut < spared {
		t.Errorf("got %d, %d, want the peer let through before others are cut:\n%s", spared, cut, rules)
	}

	// At start it is reported, and the bans still work.
	p.stop()
	p.must(os.Remove(p.path("daemon.log")), os.WriteFile(p.path("pbxjail.yaml"), before, 0o644))
	p.configure("packet_rules: {enabled: true, iax_from: [198.51.100.0/24]}")
	p.start()
	s := p.status()
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].What, "would block your own phones or peers: 203.0.113.50/32") || s.Problems[0].Hint == "" || !s.Enforcing {
		t.Errorf("got %+v, want the refusal among the problems", s)
	}
	p.attack("203.0.113.9", 3)
	p.banned("203.0.113.9")
}

// TestAPhoneThatLoggedInIsNotCut: what its agent is no log says.
func TestAPhoneThatLoggedInIsNotCut(t *testing.T) {
	p := newPBX(t)
	p.start()
	login := fmt.Sprintf(`[%s] SECURITY[1640] res_security_log.c: SecurityEvent="SuccessfulAuth",EventTV="%s",Severity="Informational",Service="PJSIP",EventVersion="1",AccountID="101",SessionID="c1",LocalAddress="IPV4/UDP/192.0.2.10/5060",RemoteAddress="IPV4/UDP/203.0.113.60/5060",UsingPassword="1"`+"\n",
		time.Now().Format(time.DateTime), time.Now().Format("2006-01-02T15:04:05.000-0700"))
	p.write("asterisk/security", login)
	p.configure("packet_rules: {enabled: true, allow_agents: [snom]}")
	p.eventually("a refusal that names the phone", func() bool {
		_, err := p.try("reload")
		return err != nil && strings.Contains(err.Error(), "203.0.113.60 logged in over SIP")
	})
}

// TestPacketRulesAgainstTools: the packets of the scanners themselves.
func TestPacketRulesAgainstTools(t *testing.T) {
	if os.Getenv("PBXJAIL_KERNEL") == "1" {
		for _, tool := range []string{"svmap", "sipp"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Fatalf("%s is wanted: apt-get install sipvicious sip-tester", tool)
			}
		}
	}
	p := newPBX(t)
	p.start()
	svmap := func(args ...string) string {
		t.Helper()
		from := netip.MustParseAddr("203.0.113.30")
		p.must(p.net.SendFrom(from))
		return p.tool("svmap", append(args, "-x", from.String(), "-p", "5060", lab.PBX4.String())...)
	}
	if got := svmap(); !strings.Contains(got, lab.PBX4.String()+":5060") {
		t.Fatalf("svmap does not find a PBX that is open to it:\n%s", got)
	}
	p.configure("packet_rules: {enabled: true, ports: [5060, 5070-5071]}")
	p.ctl("reload")
	if got := svmap(); strings.Contains(got, lab.PBX4.String()+":5060") {
		t.Errorf("svmap found the PBX:\n%s", got)
	}
	if got := p.rules()["agent friendly-scanner"]; got == 0 {
		t.Error("no packet of svmap was counted")
	}
	counted := p.rules()["agent sipcli"]
	sipp := func(agent string, want bool) {
		t.Helper()
		script := filepath.Join(p.dir, "sipp.xml")
		p.must(os.WriteFile(script, []byte(strings.ReplaceAll(sippOptions, "AGENT", agent)), 0o644))
		const from = "203.0.113.31"
		out := p.tool("sipp", fmt.Sprintf("%s:%d", lab.PBX4, lab.Port), "-sf", script, "-i", from, "-p", "5070", "-m", "2", "-r", "10", "-nostdin", "-timeout", "4s", "-timeout_error")
		if got := strings.Contains(out, "TOOL ENDED WELL"); got != want {
			t.Errorf("sipp as %s: got answered %v, want %v:\n%s", agent, got, want, out)
		}
	}
	sipp("Grandstream GXP2170", true)
	sipp("sipcli/v1.8", false)
	if got := p.rules()["agent sipcli"]; got <= counted {
		t.Errorf("got %d packets of sipcli counted, want more than %d", got, counted)
	}
	sipp("eyeBeam release 1102u", true)
}

// tool runs a program of the world for at most ten seconds, and says how it ended.
func (p *pbx) tool(name string, args ...string) string {
	p.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), "HOME="+p.dir, "TERM=dumb")
	out := filepath.Join(p.dir, name+".out")
	file, err := os.Create(out)
	p.must(err)
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	p.must(p.net.World.Start(cmd))
	kill := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
	defer kill.Stop()
	ended := cmd.Wait()
	text, err := os.ReadFile(out)
	p.must(err)
	if ended == nil {
		return string(text) + "\nTOOL ENDED WELL"
	}
	return string(text) + "\n" + ended.Error()
}
