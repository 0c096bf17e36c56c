package e2e

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"pbxjail/cmd/internal/lab"
)

// listen makes the PBX listen for TCP, as sshd and a web server do.
func (p *pbx) listen(port uint16) {
	p.Helper()
	p.must(p.net.PBX.Do(func() error {
		for network, addr := range map[string]netip.Addr{"tcp4": lab.PBX4, "tcp6": lab.PBX6} {
			l, err := net.ListenTCP(network, net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, port)))
			if err != nil {
				return err
			}
			p.Cleanup(func() { l.Close() })
		}
		return nil
	}))
}

// connects reports whether an address reaches a port of the PBX over TCP.
func (p *pbx) connects(addr string, port uint16) bool {
	ctx, cancel := context.WithTimeout(p.Context(), 500*time.Millisecond)
	defer cancel()
	conn, err := p.net.Dial(ctx, "tcp", netip.MustParseAddr(addr), port)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// wantPorts checks which of SIP and SSH is open for addresses.
func (p *pbx) wantPorts(when string, sip, ssh bool, addrs ...string) {
	p.Helper()
	p.wantAnswers(sip, addrs...)
	for _, addr := range addrs {
		if ssh {
			p.eventually(when+": a connection of "+addr+" to port 22", func() bool { return p.connects(addr, 22) })
		} else if p.connects(addr, 22) {
			p.Errorf("%s: %s reaches port 22", when, addr)
		}
	}
}

// TestBanClosesWhatWasAttacked: one phone with an old password keeps SSH open for its
// admin, also after a restart.
func TestBanClosesWhatWasAttacked(t *testing.T) {
	const v4, v6, byHand = "203.0.113.9", "2001:db8:a1::9", "203.0.113.10"
	for _, enforcer := range []string{"ipset", "nftables", "iptables"} {
		t.Run(enforcer, func(t *testing.T) {
			p := newPBX(t, "enforcer: "+enforcer)
			p.write("jails/phones.yaml", fmt.Sprintf("logs: [%s/security]\nmatch: [{event: bad-password}]\nmaxretry: 3\n", p.logs()))
			p.listen(22)
			p.start()
			p.wantPorts("before", true, true, v4, v6, byHand)
			p.attack(v4, 3)
			p.attack(v6, 3)
			for _, addr := range []string{v4, v6} {
				if b := p.banned(addr); b.Ports != "sip" {
					t.Errorf("got %+v, want the ports of SIP", b)
				}
			}
			p.wantPorts("banned", false, true, v4, v6)
			wantMatch(t, p.ctl("list", "--wide"), `^ADDRESS .* PORTS\b.*(.*\n)203\.0\.113\.9 .* sip\b`)
			wantMatch(t, p.ctl("why", v4), `^  closes: +only the ports of sip; packets to other ports pass$`)

			p.ctl("ban", byHand, "--ports", "22/tcp")
			p.wantPorts("banned by hand for port 22", true, false, byHand)
			p.history(byHand, 1)
			p.history(v6, 1)
			p.stop()
			p.start()
			p.wantPorts("after a restart", false, true, v4, v6)
			p.wantPorts("by hand, after a restart", true, false, byHand)
			if b := p.banned(byHand); b.Ports != "22/tcp" {
				t.Errorf("got %+v, want port 22", b)
			}
			p.ctl("ban", byHand)
			p.wantPorts("banned by hand for all", false, false, byHand)
			p.ctl("unban", byHand)
			p.wantPorts("after the unban", true, true, byHand)
			wantMatch(t, p.refused("ban", byHand, "--ports", "ssh"), `ports: .*ssh.*\nhint: .*--ports sip`)
		})
	}
}
