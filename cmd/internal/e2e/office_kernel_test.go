package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestOldPasswordClosesSIPAlone: an office sets up a new phone with a wrong password. It has
// the allowance of an address that logs in, then SIP is closed for it, and nothing else.
func TestOldPasswordClosesSIPAlone(t *testing.T) {
	const v4, v6 = "203.0.113.50", "2001:db8:ff1::50"
	for _, enforcer := range []string{"ipset", "nftables", "iptables"} {
		t.Run(enforcer, func(t *testing.T) {
			p := newWirePBX(t, "enforcer: "+enforcer)
			p.must(os.Remove(p.path("jails/phones.yaml")))
			p.sip.Challenge(map[string]string{"101": "right", "102": "new"})
			p.listen(22)
			p.listen(443)
			p.start()
			p.eventually("the capture", func() bool { return p.wire().Complete != "" })
			for _, addr := range []string{v4, v6} {
				if tries := p.wearOut(addr); tries <= 5 {
					t.Errorf("%s: banned after %d tries, want more than maxretry", addr, tries)
				}
				if b := p.banned(addr); b.Ports != "sip" {
					t.Errorf("got %+v, want the ports of SIP", b)
				}
				wantMatch(t, p.ctl("why", addr), `15 points within 10m, maxretry 15 \(3 times maxretry of the jail, because accounts log\s+in from this address\)`)
				p.wantAnswers(false, addr)
				for _, port := range []uint16{22, 443} {
					p.eventually(fmt.Sprintf("a connection of %s to port %d", addr, port), func() bool { return p.connects(addr, port) })
				}
				p.ctl("unban", addr)
				p.wantAnswers(true, addr)
			}
		})
	}
}

// wearOut has a good phone log in from an address, and another one try a wrong password
// there until the address is banned, and returns how often it tried.
func (p *pbx) wearOut(addr string) (tries int) {
	p.Helper()
	good, bad := p.sender(addr), p.sender(addr)
	if got := p.register(good, "101", "right"); got != 200 {
		p.Fatalf("%s: the good phone got %d, want 200", addr, got)
	}
	bad.Patience /= 4
	p.eventually("the ban of "+addr, func() bool {
		p.register(bad, "102", "old")
		tries++
		_, banned := p.list()[addr]
		return banned
	})
	return tries
}

// TestNewOwnAddress: an address that this machine takes over, as keepalived does, is ours
// before the first line about it.
func TestNewOwnAddress(t *testing.T) {
	const bad = "203.0.113.9"
	p := newPBX(t)
	p.start()
	var own []string
	for i := range 12 {
		addr := fmt.Sprintf("198.51.100.%d", 200+i)
		if i%2 == 1 {
			addr = fmt.Sprintf("2001:db8:caf:%d::1", i) // a line of its own
		}
		p.kernel("ip", "addr", "add", addr, "dev", "lo")
		p.attack(addr, 3)
		own = append(own, addr)
	}
	p.attack(bad, 3)
	p.banned(bad) // its lines come last
	if list := p.list(); len(list) != 1 {
		t.Errorf("got bans %v, want one", list)
	}
	for _, addr := range own {
		p.logged(`msg="not banned: the address is protected" prefix=` + addr + `/\d+ jail=phones protection="an address of this machine"`)
		if strings.Contains(p.said(), "msg=ban prefix="+addr+"/") {
			t.Errorf("%s was banned for a moment", addr)
		}
	}
}

// TestAllowBeatsRulesAndFeeds: an allowed address gets answers, whatever a feed and the
// packet rules say of it, and is dropped again when it is no longer allowed.
func TestAllowBeatsRulesAndFeeds(t *testing.T) {
	const v4, v6, beside4, beside6 = "198.51.100.9", "2001:db8:a1::9", "198.51.100.10", "2001:db8:a1::10"
	for _, enforcer := range []string{"ipset", "nftables"} {
		t.Run(enforcer, func(t *testing.T) {
			p := newPBX(t, "enforcer: "+enforcer, "packet_rules: {enabled: true}")
			p.write("list", "198.51.100.0/24\n2001:db8:a1::/64\n")
			p.configure(fmt.Sprintf("feeds: [{name: bad, file: %s, use: ban}]", p.path("list")))
			p.start()
			dropped := []string{v4, v6, beside4, beside6}
			p.eventually("the feed in the kernel", func() bool { return !p.answered(v4) && !p.answered(v6) })
			p.wantAnswers(false, dropped...)
			p.ctl("allow", v4)
			p.ctl("allow", v6, "--for", "8h")
			for _, addr := range []string{v4, v6} {
				p.eventually("an answer to "+addr, func() bool { return p.answered(addr) })
				p.eventually("an answer to the scanner's agent at "+addr, func() bool { return p.answers(addr, "friendly-scanner") })
			}
			p.wantAnswers(false, beside4, beside6)
			p.stop()
			p.start()
			p.wantAnswers(true, v4, v6)
			p.wantAnswers(false, beside4, beside6)
			p.ctl("disallow", v4)
			p.ctl("disallow", v6)
			p.eventually("the feed again", func() bool { return !p.answered(v4) && !p.answered(v6) })
			if p.answers("203.0.113.9", "friendly-scanner") || !p.answers("203.0.113.9", "Yealink") {
				t.Error("the packet rules do not hold beside")
			}
		})
	}
}

// TestAllowedNameIsCarvedOut: a name that is allowed is let out of a wide ban as soon as it
// has an address there, and its own ban is lifted.
func TestAllowedNameIsCarvedOut(t *testing.T) {
	const inside, alone, beside = "198.51.100.20", "203.0.113.20", "198.51.100.21"
	p := newPBX(t)
	p.write("hosts", "127.0.0.1 localhost\n")
	p.must(p.net.PBX.Mount(p.path("hosts"), "/etc/hosts"))
	p.start()
	p.ctl("ban", "198.51.100.0/24")
	p.ctl("ban", alone)
	p.ctl("allow", "office.example.net")
	wantMatch(t, p.ctl("allowed"), `^office.example.net +not known yet`)
	p.wantAnswers(false, inside, alone)
	p.write("hosts", "127.0.0.1 localhost\n"+inside+" office.example.net\n"+alone+" office.example.net\n")
	p.eventually("an answer to the name's addresses", func() bool { return p.answered(inside) && p.answered(alone) })
	p.wantAnswers(false, beside)
	p.logged(`msg="an allowed host name has a new address, and pbxjail lifted the bans of this address" name=office.example.net prefix=` + inside + `/32 lifted=0 carved=1`)
	if _, banned := p.list()[alone]; banned {
		t.Error("its own ban is not lifted")
	}
}
