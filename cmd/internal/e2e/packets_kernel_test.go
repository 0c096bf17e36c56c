package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pbxjail/cmd/internal/lab"
)

// TestRecordedAttack is the main job: the shipped jails, logs where Asterisk has
// them, a recorded attack, and packets.
func TestRecordedAttack(t *testing.T) {
	p := newPBX(t)
	p.must(os.RemoveAll(p.path("jails"))) // so that the shipped ones hold
	lines, actors, err := lab.Attack()
	p.must(err)
	for _, line := range lines {
		p.write(filepath.Join("asterisk", line.File), "")
	}
	p.must(p.net.PBX.Mount(p.logs(), "/var/log/asterisk"))
	p.start()
	var bad, honest []string
	for _, a := range actors {
		if a.Ban {
			bad = append(bad, a.Addr.String())
		} else {
			honest = append(honest, a.Addr.String())
		}
	}
	p.wantAnswers(true, append(bad, honest...)...)

	player := lab.NewPlayer(p.logs())
	defer player.Close()
	p.must(player.Play(t.Context(), lines, lab.Pace{}))
	for _, addr := range bad {
		p.banned(addr)
	}
	list := p.list()
	// The probes speak SIP: who attacked something else may still do so.
	callers := slices.DeleteFunc(slices.Clone(bad), func(addr string) bool { return list[addr].Ports != "sip" })
	if len(callers) == 0 || len(callers) == len(bad) {
		t.Fatalf("got %d of %d bans that close the ports of SIP, want some and not all", len(callers), len(bad))
	}
	p.wantAnswers(false, callers...)
	p.wantAnswers(true, honest...)

	list, sets := p.list(), p.kernel("ipset", "list")
	for _, addr := range callers {
		if list[addr].Packets == 0 {
			t.Errorf("%s: no dropped packet was counted", addr)
		}
		wantMatch(t, sets, fmt.Sprintf(`^%s timeout \d+ packets [1-9]\d* bytes \d+`, addr))
	}
	for _, addr := range honest {
		if b, ok := list[addr]; ok {
			t.Errorf("got %+v, want no ban of the honest %s", b, addr)
		}
	}
	p.ctl("unban", "--all")
	p.wantAnswers(true, bad...)
}

// TestUnbanLetsThroughAtOnce in both families, under each way of enforcing.
func TestUnbanLetsThroughAtOnce(t *testing.T) {
	for _, c := range []struct{ name, main, table, jump string }{
		{"ipset", "enforcer: ipset", "raw", "-A PREROUTING -j pbxjail"},
		{"ipset in filter", "hook: filter", "filter", "-A INPUT -j pbxjail"},
		{"plain rules", "enforcer: iptables", "raw", "-A PREROUTING -j pbxjail"},
		{"plain rules in filter", "enforcer: iptables\nhook: filter\nchain: f2b-pbxjail", "filter", "-A INPUT -j f2b-pbxjail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const v4, v6, other = "203.0.113.9", "2001:db8:a1::9", "203.0.113.10"
			p := newPBX(t, c.main)
			p.start()
			for _, tool := range []string{"iptables", "ip6tables"} {
				wantMatch(t, p.kernel(tool, "-t", c.table, "-S"), "^"+c.jump+"$")
			}
			p.wantAnswers(true, v4, v6, other)
			p.attack(v4, 3)
			p.attack(v6, 3)
			p.banned(v4)
			p.banned(v6)
			p.wantAnswers(false, v4, v6)
			p.wantAnswers(true, other)
			for _, addr := range []string{v4, v6} {
				if p.list()[addr].Packets == 0 {
					t.Errorf("%s: no dropped packet was counted", addr)
				}
			}
			for _, addr := range []string{v4, v6} {
				p.ctl("unban", addr)
				p.wantAnswers(true, addr)
			}
			if list := p.list(); len(list) > 0 {
				t.Errorf("got bans %v, want none", list)
			}
		})
	}
}
