package e2e

import (
	"strings"
	"testing"
)

// TestHeardAlone: without the sensor the kernel knows who sent packets. Records of an
// address that sent no packet lead to no ban, an address that did is banned, and a restart
// forgets neither.
func TestHeardAlone(t *testing.T) {
	for _, enforcer := range []string{"ipset", "nftables"} {
		t.Run(enforcer, func(t *testing.T) {
			const victim4, victim6, guesser4, guesser6 = "198.51.100.77", "2001:db8:a1::77", "203.0.113.9", "2001:db8:a1::9"
			p := newPBX(t, "wire: {enabled: false}\nenforcer: "+enforcer+"\n")
			p.start()
			p.logged(`msg="pbxjail starts"`)
			p.stop() // what the kernel has seen from here on counts after the next start
			p.start()
			p.wantAnswers(true, guesser4, guesser6)
			for _, a := range []string{victim4, guesser4, victim6, guesser6} {
				p.attack(a, 5)
			}
			p.banned(guesser4)
			p.banned(guesser6)
			p.logged(`level=WARN msg="alarm for the admin" .*forged.*At that time, packets came from .*(` + guesser4 + `|` + guesser6 + `)`)
			if list := p.list(); len(list) != 2 {
				t.Errorf("got %v, want the two who sent something", list)
			}
			p.wantAnswers(true, victim4, victim6)
			p.stop()
		})
	}
}

// TestHeardIsSwitchedOff: nothing of it is left in the kernel then.
func TestHeardIsSwitchedOff(t *testing.T) {
	p := newPBX(t, "wire: {enabled: false}\n")
	there := func() bool {
		return strings.Contains(p.kernel("ipset", "list", "-n"), "pbxjail_sipu-4")
	}
	p.start()
	if !there() {
		t.Error("the kernel remembers no sender")
	}
	p.stop()
	if !there() {
		t.Error("a stop forgets who sent packets")
	}
	p.configure("\nheard: {enabled: false}")
	p.start()
	if there() {
		t.Error("switched off, the kernel goes on remembering")
	}
	p.stop()
}
