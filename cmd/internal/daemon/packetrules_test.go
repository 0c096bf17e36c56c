package daemon

import (
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pbxjail/actions"
	"pbxjail/actions/packets"
	"pbxjail/cmd/internal/packetrules"
	"pbxjail/configs"
)

// packetMemory is a kernel for packet rules that remembers what it was given.
type packetMemory struct {
	rules   []packets.Rule
	sets    int
	repairs int
	fail    error
}

func (k *packetMemory) Chain() string { return "pbxjail-sip" }

func (k *packetMemory) Set(rules []packets.Rule) ([]string, error) {
	k.sets++
	if k.fail != nil {
		return nil, k.fail
	}
	k.rules = slices.Clone(rules)
	return []string{"IPv6: no string match"}, nil
}

func (k *packetMemory) Repair() ([]string, error) {
	k.repairs++
	return nil, k.fail
}

func (k *packetMemory) Counters() (list []actions.Counted, err error) {
	for _, r := range k.rules {
		list = append(list, actions.Counted{Rule: r, Packets: 7, Bytes: 700})
	}
	return list, k.fail
}

// settingsOf reads a main file.
func settingsOf(t *testing.T, lines ...string) *configs.Main {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "pbxjail.yaml")
	writeFile(t, path, "useragents: "+filepath.Join(dir, "none")+"\n"+strings.Join(lines, "\n")+"\n")
	main, err := configs.LoadMain(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return main
}

func TestPacketRules(t *testing.T) {
	kernel := &packetMemory{}
	known := packetrules.Known{LoggedIn: []netip.Addr{netip.MustParseAddr("198.51.100.7")}}
	p := &packetRules{log: quiet(), hook: "raw", spared: func(*configs.Main) packetrules.Known { return known }}
	off, on := settingsOf(t), settingsOf(t, "packet_rules: {enabled: true}")

	p.open(kernel, off)
	if kernel.sets != 1 || len(kernel.rules) != 0 {
		t.Errorf("got %d rules by %d calls, want those of an earlier run taken out", len(kernel.rules), kernel.sets)
	}
	if p.repair(); kernel.repairs != 0 {
		t.Error("iptables is started although there are no rules")
	}
	p.apply(on)
	if len(kernel.rules) == 0 {
		t.Fatal("got no rules")
	}
	if p.repair(); kernel.repairs != 1 {
		t.Errorf("got %d repairs, want 1", kernel.repairs)
	}
	if list := p.problems(); len(list) == 0 || !strings.Contains(list[len(list)-1].What, "IPv6") {
		t.Errorf("got %v, want what cannot be had", list)
	}
	counted, err := p.counted()
	if err != nil || counted.Chain != "pbxjail-sip" || len(counted.Rules) != len(kernel.rules) || counted.Rules[0].Packets != 7 {
		t.Errorf("got %+v, %v, want every rule with its counters", counted, err)
	}

	// A list that cuts our own phones is refused, and the rules stay as they were.
	before := len(kernel.rules)
	cut := settingsOf(t, "packet_rules: {enabled: true, allow_agents: [Acme]}")
	if _, err := p.plan(cut); err == nil {
		t.Fatal("a plan that cuts a phone that logged in is taken")
	}
	p.apply(cut)
	if len(kernel.rules) != before || !strings.Contains(p.problems()[0].What, "198.51.100.7") {
		t.Errorf("got %d rules and %v, want those before and who would be cut", len(kernel.rules), p.problems())
	}
	p.renew(cut) // it was accepted before the phone logged in: a later change of the guard keeps it
	if len(kernel.rules) == before || p.refused != nil {
		t.Errorf("got %d rules, refused: %v", len(kernel.rules), p.refused)
	}

	// What the kernel refuses is a problem until it takes it.
	kernel.fail = errors.New("iptables: table is locked")
	p.repair()
	if list := p.problems(); !strings.Contains(list[0].What, "table is locked") {
		t.Errorf("got %v", list)
	}
	if _, err := p.counted(); err == nil {
		t.Error("counters that cannot be read are no error")
	}
	kernel.fail = nil
	if p.repair(); p.problem != nil {
		t.Errorf("got %v when all is well again", p.problem)
	}
	p.apply(off)
	if counted, err := p.counted(); err != nil || counted.Enabled || len(kernel.rules) != 0 {
		t.Errorf("got %+v, %v and %d rules after they are switched off", counted, err, len(kernel.rules))
	}
}

func TestPacketRulesWhileObserving(t *testing.T) {
	p := &packetRules{log: quiet(), hook: "raw", spared: func(*configs.Main) packetrules.Known { return packetrules.Known{} }}
	on := settingsOf(t, "packet_rules: {enabled: true}")
	p.open(nil, on)
	p.apply(on)
	p.repair()
	if counted, err := p.counted(); err != nil || counted.Enabled || len(p.problems()) != 0 {
		t.Errorf("got %+v, %v, %v, want nothing", counted, err, p.problems())
	}
}
