package packetrules

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pbxjail/actions/packets"
	"pbxjail/configs"
)

func mainFile(t *testing.T, text string) *configs.Main {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pbxjail.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := configs.LoadMain(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func agents(t *testing.T, text string) *configs.Agents {
	t.Helper()
	dir := t.TempDir()
	if text != "" {
		if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a, err := configs.LoadAgents(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var (
	office = netip.MustParsePrefix("198.51.100.0/24")
	far    = netip.MustParsePrefix("203.0.113.9/32")
)

func TestPlan(t *testing.T) {
	m := mainFile(t, "hook: filter\npacket_rules:\n  ports: [5060, 5070-5080]\n  allow_agents: [Yealink]\n  fqdn: [pbx.example.net.]\n  iax_from: [198.51.100.0/24]\n  agents: false\n")
	got, notes, err := Plan(m, agents(t, ""), Known{Protected: []netip.Prefix{netip.MustParsePrefix("2001:db8::1/64")}})
	want := packets.Plan{
		Ports: []packets.Ports{{First: 5060, Last: 5060}, {First: 5070, Last: 5080}}, Allow: []string{"Yealink"}, FQDN: []string{"pbx.example.net"},
		IAX: []netip.Prefix{office}, Spare: []netip.Prefix{netip.MustParsePrefix("2001:db8::/64")}, NewFlows: true,
	}
	if err != nil || len(notes) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %q, %v, want %+v", got, notes, err, want)
	}
	if _, err := packets.Compile(got); err != nil {
		t.Errorf("compile: %v", err)
	}
}

// The shipped list compiles, and drops what Match calls drop.
func TestShippedListCompiles(t *testing.T) {
	list := agents(t, "")
	plan, notes, err := Plan(mainFile(t, "observe: true\n"), list, Known{})
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	if _, err := packets.Compile(plan); err != nil {
		t.Fatal(err)
	}
	dropped := map[string]bool{}
	for _, s := range plan.Drop {
		dropped[s.Name] = true
	}
	for _, a := range list.List() {
		if dropped[a.Name] != (a.Level == configs.AgentDrop) {
			t.Errorf("%s of level %s: got dropped %v", a.Name, a.Level, dropped[a.Name])
		}
	}
}

// seed drops all 21 names and what begins with them, but for longer honest names and for
// what the operator says otherwise; no other name of the shipped list.
func TestSeedAgents(t *testing.T) {
	seed := mainFile(t, "packet_rules: {agents: seed}\n")
	plan, notes, err := Plan(seed, agents(t, ""), Known{})
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	dropped := map[string]packets.Scanner{}
	for _, s := range plan.Drop {
		dropped[s.Name] = s
	}
	for _, name := range configs.SeedAgents() {
		if s, ok := dropped[name]; !ok || s.Exact {
			t.Errorf("%s: got %+v, want it dropped with all that begins so", name, s)
		}
	}
	if len(dropped) != 21 || len(plan.Drop) != 21 {
		t.Errorf("got %d agents, want the 21", len(plan.Drop))
	}
	if but := dropped["sipcli"].But; len(but) != 1 || but[0].Name != "sipclient" {
		t.Errorf("got sipcli but %+v, want but sipclient, which is honest", but)
	}
	if but := dropped["Test"].But; len(but) > 0 {
		t.Errorf("got Test but %+v, want all that begins so", but)
	}
	plan, _, err = Plan(seed, agents(t, "agents: [{name: CSipSimple, level: info}, {name: Test, level: off}, {name: acme, level: drop, match: exact}]"), Known{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range plan.Drop {
		names[s.Name] = s.Exact
	}
	if _, there := names["CSipSimple"]; there || len(names) != 20 || !names["acme"] {
		t.Errorf("got %v, want the operator's own word for CSipSimple, Test and acme", names)
	}
	if plan, _, _ := Plan(mainFile(t, "packet_rules: {agents: false}\n"), agents(t, ""), Known{}); len(plan.Drop) > 0 {
		t.Errorf("false: got %v", plan.Drop)
	}
}

func TestLongerHonestNames(t *testing.T) {
	plan, notes, err := Plan(mainFile(t, "observe: true\n"), agents(t, `agents:
  - {name: acme, level: drop}
  - {name: ACME Phone, level: info}
  - {name: acme fax, level: score, match: exact}
  - {name: acmebot, level: drop}
  - {name: softphone, level: info, match: contains}
  - {name: ace, level: info, match: contains}
  - {name: badword, level: drop, match: contains}
  - {name: zzzz, level: drop, match: exact}
`), Known{})
	if err != nil {
		t.Fatal(err)
	}
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "no rule for user agent badword: ") {
		t.Errorf("got notes %q, want one on badword", notes)
	}
	for _, s := range plan.Drop {
		var want packets.Scanner
		switch s.Name {
		case "acme":
			want = packets.Scanner{Agent: packets.Agent{Name: "acme"}, But: []packets.Agent{{Name: "acme fax", Exact: true}, {Name: "ACME Phone"}}, Words: []string{"softphone"}}
		case "acmebot":
			want = packets.Scanner{Agent: packets.Agent{Name: "acmebot"}, Words: []string{"softphone"}}
		case "zzzz":
			want = packets.Scanner{Agent: packets.Agent{Name: "zzzz", Exact: true}}
		case "badword":
			t.Error("got badword in a rule")
			continue
		default:
			continue
		}
		if !reflect.DeepEqual(s, want) {
			t.Errorf("got %+v, want %+v", s, want)
		}
	}
}

func TestCut(t *testing.T) {
	peer := Known{Peers: []Peer{{far, "peer far, iax.conf:3 host"}}}
	sip := Known{LoggedIn: []netip.Addr{far.Addr()}}
	spared := Known{Protected: []netip.Prefix{far}, LoggedIn: sip.LoggedIn}
	var many Known
	for i := range 25 {
		many.LoggedIn = append(many.LoggedIn, netip.MustParseAddr(fmt.Sprintf("203.0.113.%d", i)))
	}
	for _, c := range []struct {
		name, rules string
		known       Known
		want        string // "" is taken
	}{
		{"agents block no address", "agents: true", sip, ""},
		{"IAX2 peer outside", "iax_from: [198.51.100.0/24]", peer, "203.0.113.9/32 is not in iax_from (peer far, iax.conf:3 host)"},
		{"IAX2 peer outside, though protected", "iax_from: [198.51.100.0/24]", Known{Protected: []netip.Prefix{far}, Peers: peer.Peers}, "203.0.113.9/32 is not in iax_from"},
		{"IAX2 peer inside", "iax_from: [203.0.113.0/24]", peer, ""},
		{"IAX2 peer wider than its network", "iax_from: [203.0.113.0/25]", Known{Peers: []Peer{{netip.MustParsePrefix("203.0.113.0/24"), "x"}}}, "203.0.113.0/24 is not in iax_from"},
		{"IAX2 peer, forced", "iax_from: [198.51.100.0/24]\n  force: true", peer, ""},
		{"IAX2 peer, no rule for it", "fqdn: [pbx.example.net]", peer, ""},
		{"SIP phone and IAX2 rule", "iax_from: [198.51.100.0/24]", sip, ""},
		{"SIP phone and allowed agents", "allow_agents: [snom]", sip, "203.0.113.9 logged in over SIP, and may have a user agent or a domain that the rules drop"},
		{"SIP phone and domains", "fqdn: [pbx.example.net]", sip, "203.0.113.9 logged in over SIP"},
		{"SIP phone, protected", "allow_agents: [snom]", spared, ""},
		{"SIP phone, forced", "allow_agents: [snom]\n  force: true", sip, ""},
		{"many", "allow_agents: [snom]", many, "; and 5 more"},
	} {
		plan, _, err := Plan(mainFile(t, "packet_rules:\n  "+c.rules+"\n"), agents(t, ""), c.known)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: got %v", c.name, err)
			}
			continue
		}
		cut, ok := errors.AsType[*Cut](err)
		if !ok || !strings.Contains(err.Error(), c.want) || cut.Hint() == "" || !reflect.DeepEqual(plan, packets.Plan{}) {
			t.Errorf("%s: got %v, want a refusal with %s", c.name, err, c.want)
		}
	}
}
