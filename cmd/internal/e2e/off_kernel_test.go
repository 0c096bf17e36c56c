package e2e

import (
	"strings"
	"testing"
)

// ours is what is of pbxjail in the PBX's kernel, whatever made it.
func (p *pbx) ours() string {
	p.Helper()
	var found []string
	for _, tool := range [][]string{{"iptables-save"}, {"ip6tables-save"}, {"ipset", "save"}, {"nft", "list", "ruleset"}} {
		for line := range strings.Lines(p.kernel(tool[0], tool[1:]...)) {
			if strings.Contains(line, "pbxjail") {
				found = append(found, strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(found, "\n")
}

// TestOff: off leaves nothing of ours in the kernel, over a restart too, and on brings the
// bans back with the time they have left.
func TestOff(t *testing.T) {
	for _, enforcer := range []string{"ipset", "nftables", "iptables"} {
		t.Run(enforcer, func(t *testing.T) {
			const first, second = "203.0.113.9", "203.0.113.10"
			p := newPBX(t, "enforcer: "+enforcer, "heard: {enabled: true}\nwire: {enabled: false}", "packet_rules: {enabled: true, ports: [5060]}")
			p.start()
			p.attack(first, 3)
			p.banned(first)
			p.wantAnswers(false, first)
			p.ctl("off")
			p.wantAnswers(true, first)
			if got := p.ours(); got != "" {
				t.Errorf("off: got in the kernel\n%s", got)
			}
			if s := p.status(); s.Enforcing || len(s.Problems) > 0 {
				t.Errorf("off: got enforcing %t, problems %v", s.Enforcing, s.Problems)
			}
			p.attack(second, 3)
			p.eventually("it is observed", func() bool { _, ok := p.list()[second]; return ok })
			p.stop()
			p.start()
			if got := p.ours(); got != "" {
				t.Errorf("off, started again: got in the kernel\n%s", got)
			}
			p.ctl("on")
			p.eventually("the ban is back", func() bool { return !p.answered(first) })
			p.wantAnswers(true, second)
			if _, there := p.list()[second]; there {
				t.Errorf("on: got a ban that was only observed")
			}
			p.stop()
			p.start()
			p.wantAnswers(false, first)
			p.wantAnswers(true, second)
		})
	}
}

// TestObserveDropsNothing: who observes after a run that enforced takes away what that run
// left; the bans come back when it enforces again.
func TestObserveDropsNothing(t *testing.T) {
	for _, enforcer := range []string{"ipset", "nftables", "iptables"} {
		t.Run(enforcer, func(t *testing.T) {
			const first, second = "203.0.113.9", "203.0.113.10"
			p := newPBX(t, "enforcer: "+enforcer)
			p.start()
			p.attack(first, 3)
			p.banned(first)
			p.stop()
			if p.ours() == "" {
				t.Fatal("a stop kept no ban")
			}
			p.startAs(p.command("--observe"))
			p.wantAnswers(true, first)
			if got := p.ours(); got != "" {
				t.Errorf("observing: got in the kernel\n%s", got)
			}
			p.attack(second, 3)
			p.eventually("it is observed", func() bool { _, ok := p.list()[second]; return ok })
			p.stop()
			p.start()
			p.eventually("the ban is back", func() bool { return !p.answered(first) })
			p.wantAnswers(true, second)
		})
	}
}

// TestFlush: pbxjail --flush removes what is ours where no daemon runs.
func TestFlush(t *testing.T) {
	const addr = "203.0.113.9"
	p := newPBX(t)
	p.start()
	p.attack(addr, 3)
	p.banned(addr)
	p.stop() // the ledger has the ban now
	cmd := p.command("--flush")
	d, err := launch(cmd, p.path("flush.log"), p.net.PBX.Start)
	p.must(err)
	<-d.ended
	if got := p.ours(); got != "" || d.exit != nil {
		t.Errorf("got %v, and in the kernel\n%s", d.exit, got)
	}
	p.wantAnswers(true, addr)
	p.start()
	p.eventually("the ban is back", func() bool { return !p.answered(addr) })
}
