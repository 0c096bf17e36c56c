package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStopLeavesBans: the kernel goes on dropping after SIGTERM and after a crash.
func TestStopLeavesBans(t *testing.T) {
	const v4, v6 = "203.0.113.9", "2001:db8:a1::9"
	for name, end := range map[string]func(*pbx){"stop": (*pbx).stop, "crash": (*pbx).crash} {
		t.Run(name, func(t *testing.T) {
			p := newPBX(t)
			p.start()
			p.attack(v4, 3)
			p.attack(v6, 3)
			p.banned(v4)
			p.banned(v6)
			begin := time.Now()
			end(p)
			t.Logf("ended in %s", time.Since(begin).Round(time.Millisecond))
			p.wantAnswers(false, v4, v6)
			wantMatch(t, p.kernel("ipset", "list", "pbxjail-4"), `^203\.0\.113\.9 timeout \d+`)
		})
	}
}

// TestKernelEndsBans: a short ban ends while the daemon is dead, the others hold.
// The restart neither brings it back nor counts its lines again.
func TestKernelEndsBans(t *testing.T) {
	const short, long = "203.0.113.9", "2001:db8:a1::9"
	p := newPBX(t)
	p.write("jails/short.yaml", strings.ReplaceAll(`logs: [LOGS/short]
match: [{event: bad-password}]
maxretry: 2
bantime: 5s
bantime_growth: {factor: 10}
`, "LOGS", p.logs()))
	p.write("asterisk/short", "")
	p.start()
	p.stop() // where the logs are read from is remembered now
	p.start()
	p.attack(long, 3)
	before := p.banned(long)
	p.history(long, 1)
	p.attackIn("short", short, 2)
	if got := p.banned(short); got.Strike != 1 {
		t.Errorf("got strike %d, want 1", got.Strike)
	}
	p.history(short, 1)
	p.crash() // before it could remember that the lines are read

	p.wantAnswers(false, long)
	p.eventually("the end of the short ban", func() bool { return p.answered(short) })
	p.wantAnswers(false, long)

	p.start()
	p.eventually("the log is read", func() bool {
		for _, f := range p.status().Files {
			if f.Path == p.logs()+"/short" {
				return f.Problem == ""
			}
		}
		return false
	})
	t.Logf("%d lines are read again", p.status().Counters.Lines)
	list := p.list()
	if b, ok := list[short]; ok {
		t.Errorf("got %+v, want no ban: it was over, and its lines were counted before", b)
	}
	after := list[long]
	if after.Strike != 1 || after.Until == nil || !after.Until.Equal(*before.Until) || after.Left > before.Left || after.Left < 1 {
		t.Errorf("got %+v, want what is left of %+v", after, before)
	}
	p.wantAnswers(false, long)
	p.wantAnswers(true, short)

	// It comes back, and is known.
	p.attackIn("short", short, 2)
	if got := p.banned(short); got.Strike != 2 || got.Left > 50 || got.Left < 10 {
		t.Errorf("got %+v, want strike 2 and ten times the time", got)
	}
}

// TestLostBansComeBack: after any change of the firewall while the daemon is down, a
// restart adds the bans again.
func TestLostBansComeBack(t *testing.T) {
	const v4, v6 = "203.0.113.9", "2001:db8:a1::9"
	for name, lose := range map[string]func(*pbx){
		"sets are flushed": func(p *pbx) { p.kernel("ipset", "flush") },
		"all is gone, as after a boot": func(p *pbx) {
			for _, tool := range []string{"iptables", "ip6tables"} {
				p.kernel(tool, "-t", "raw", "-F")
				p.kernel(tool, "-t", "raw", "-X")
			}
			// nftables lets go of a set some time after its last rule
			p.eventually("an end of the sets", func() bool {
				p.net.PBX.Output(exec.Command("ipset", "destroy"))
				return p.kernel("ipset", "list", "-n") == ""
			})
		},
		"another firewall has taken our place": func(p *pbx) {
			p.kernel("iptables", "-t", "raw", "-F", "PREROUTING")
			p.kernel("iptables", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--dport", "22", "-j", "ACCEPT")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPBX(t)
			p.start()
			p.attack(v4, 3)
			p.attack(v6, 3)
			before := p.banned(v4)
			p.banned(v6)
			p.history(v4, 1)
			p.history(v6, 1)
			p.stop()
			lose(p)
			p.wantAnswers(true, v4)
			p.start()
			p.wantAnswers(false, v4, v6)
			if after := p.list()[v4]; after.Left > before.Left || after.Jail != before.Jail || after.Strike != before.Strike {
				t.Errorf("got %+v, want what is left of %+v", after, before)
			}
		})
	}
}

// TestDamagedLedger: what the kernel holds is not forgotten with the ledger.
func TestDamagedLedger(t *testing.T) {
	const v4, v6, lifted = "203.0.113.9", "2001:db8:a1::9", "203.0.113.10"
	p := newPBX(t)
	p.start()
	p.attack(v4, 3)
	p.banned(v4)
	p.ctl("ban", v6, "--for", "forever")
	p.ctl("ban", lifted)
	p.ctl("unban", lifted)
	p.stop()
	p.write("state/pbxjail.db", strings.Repeat("no database\n", 100))
	p.start()
	p.logged(`level=ERROR msg="the database was damaged, so pbxjail started an empty one. Bans in the firewall are kept. .*" damaged_file=`)
	list := p.list()
	if b := list[v4]; b.By != "kernel" || b.Left < 1 || b.Left > 600 {
		t.Errorf("got %+v, want the ban as the kernel has it", b)
	}
	if b := list[v6]; b.By != "kernel" || b.Until != nil {
		t.Errorf("got %+v, want a ban without end", b)
	}
	if len(list) != 2 {
		t.Errorf("got %d bans, want 2", len(list))
	}
	s := p.status()
	if len(s.Problems) != 1 || s.Problems[0].Hint == "" {
		t.Errorf("got problems %v, want one with a hint", s.Problems)
	}

	// They are in the new ledger now: a loss in the kernel does not matter any more.
	p.history(v4, 1)
	p.history(v6, 1)
	p.crash()
	p.kernel("ipset", "flush")
	p.start()
	p.wantAnswers(false, v4, v6)
	p.wantAnswers(true, lifted)
}

// TestManyAttackers: thousands at once are all in the kernel, and all in the ledger, no
// matter what happens to the daemon and the sets.
func TestManyAttackers(t *testing.T) {
	const attackers = 3000
	p := newPBX(t)
	p.start()
	var burst strings.Builder
	var last netip.Addr
	for i := range attackers { // each is a customer of its own
		last = netip.MustParseAddr(fmt.Sprintf("2001:db8:a1:%x::1", i+1))
		burst.WriteString(strings.Repeat(offence(last.String()), 3))
	}
	p.write("asterisk/security", burst.String())
	p.eventually("all bans", func() bool { return len(p.list()) == attackers })
	members := func() int { return strings.Count(p.kernel("ipset", "list", "pbxjail-6"), "2001:db8:a1:") }
	if got := members(); got != attackers {
		t.Errorf("got %d members in the kernel, want %d", got, attackers)
	}
	p.history(last.String(), 1)
	p.crash()
	p.kernel("ipset", "flush")
	p.start()
	if got, listed := members(), len(p.list()); got != attackers || listed != attackers {
		t.Errorf("got %d members in the kernel and %d in the list, want %d", got, listed, attackers)
	}
	p.wantAnswers(false, last.String())
}

// TestPlainRulesEnd: the kernel does not end plain rules, so the daemon does; while
// it is dead they hold, and it ends those that are over when it is back.
func TestPlainRulesEnd(t *testing.T) {
	const short, late, long = "203.0.113.9", "203.0.113.10", "2001:db8:a1::9"
	p := newPBX(t, "enforcer: iptables")
	p.start()
	p.attack(long, 3)
	p.banned(long)
	p.ctl("ban", short, "--for", "2s")
	wantMatch(t, p.kernel("iptables", "-t", "raw", "-S", "pbxjail"), `^-A pbxjail -s 203\.0\.113\.9/32 .*-j DROP$`)
	p.eventually("the end of the ban", func() bool { return p.answered(short) })
	p.eventually("its end in the list", func() bool { _, ok := p.list()[short]; return !ok })

	p.ctl("ban", late, "--for", "10s")
	p.crash()
	p.wantAnswers(false, late, long)
	p.start()
	p.eventually("the end of the ban", func() bool { return p.answered(late) })
	p.wantAnswers(false, long)
	p.eventually("the end of the rules", func() bool { return !strings.Contains(p.kernel("iptables", "-t", "raw", "-S", "pbxjail"), "DROP") })
	wantMatch(t, p.kernel("ip6tables", "-t", "raw", "-S", "pbxjail"), `^-A pbxjail -s 2001:db8:a1::9/128 .*-j DROP$`)
}

// TestSignalsEnd: each signal that service managers and people send ends it well.
func TestSignalsEnd(t *testing.T) {
	p := newPBX(t)
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p.start()
		p.must(p.daemon.end(sig))
		p.logged(`msg="stopped: bans stay in the kernel"`)
		p.must(os.Truncate(p.path("daemon.log"), 0))
	}
}
