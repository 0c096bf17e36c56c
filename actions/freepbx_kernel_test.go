package actions

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/actions/kerneltest"
)

// freePBX does what the firewall module of FreePBX does (16.0.57): it treats a rule above
// its own as an attack, flushes all rules, and restores only chains whose name shows that
// they are of fail2ban; of a rule it restores the conditions and the name of the target.
type freePBX struct{ t *testing.T }

func (f freePBX) run(command string) string {
	args := strings.Fields(command)
	return kerneltest.Tool(f.t, args[0], args[1:]...)
}

// configured is isConfigured: is there a rule above the jump to fpbxfirewall that does
// not name fail2ban?
func (f freePBX) configured() bool {
	for line := range strings.Lines(f.run("iptables -S INPUT")) {
		switch {
		case strings.Contains(line, "-j fpbxfirewall"):
			return true
		case strings.HasPrefix(line, "-A ") && !strings.Contains(line, "fail2ban") && !strings.Contains(line, "f2b"):
			return false
		}
	}
	return false
}

// backup is backupFail2ban.
func (f freePBX) backup(ipt string) (chains, jumps, rules []string) {
	for line := range strings.Lines(f.run(ipt + "-save -t filter")) {
		line = strings.TrimSpace(line)
		ours := strings.Contains(line, "fail2ban") || strings.Contains(line, "f2b")
		if name, ok := strings.CutPrefix(line, ":"); ok && ours {
			name, _, _ = strings.Cut(name, " ")
			chains = append(chains, ipt+" -N "+name)
			continue
		}
		conditions, target, ok := strings.Cut(line, "-j ")
		if !ok || !ours {
			continue
		}
		target, _, _ = strings.Cut(target, " ")
		if strings.HasPrefix(line, "-A INPUT ") {
			jumps = append(jumps, ipt+" -I INPUT -j "+target)
		} else {
			rules = append(rules, ipt+" "+conditions+"-j "+target)
		}
	}
	return chains, jumps, rules
}

// refresh is checkFpbxFirewall, which runs each 15 to 120 seconds.
func (f freePBX) refresh() (flushed bool) {
	if f.configured() {
		return false
	}
	chains4, jumps4, rules4 := f.backup("iptables")
	chains6, jumps6, rules6 := f.backup("ip6tables")
	for _, c := range []string{"iptables -F", "ip6tables -F", "iptables -X", "ip6tables -X"} {
		f.run(c)
	}
	f.install()
	for _, c := range slices.Concat(chains4, chains6, jumps4, jumps6, rules4, rules6) {
		f.run(c)
	}
	return true
}

func (f freePBX) install() {
	for _, ipt := range []string{"iptables", "ip6tables"} {
		f.run(ipt + " -N fpbxfirewall")
		f.run(ipt + " -A fpbxfirewall -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
		f.run(ipt + " -A INPUT -j fpbxfirewall")
	}
}

// clean is bin/clean-iptables, at each start and stop: only rules of IPv4 come back.
// That it unloads modules cannot be had in a namespace.
func (f freePBX) clean() {
	var back []string
	for line := range strings.Lines(f.run("iptables -S")) {
		if strings.Contains(line, "fail2ban") || strings.Contains(line, "f2b") {
			back = append(back, "iptables "+line)
		}
	}
	for _, c := range []string{"iptables -F", "iptables -X", "iptables -t nat -F", "iptables -t nat -X", "ip6tables -F", "ip6tables -X"} {
		f.run(c)
	}
	for _, c := range back {
		f.run(c)
	}
}

// TestFreePBX runs the published sequence against both ways to live beside it, and
// against the one that does not work.
func TestFreePBX(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		for _, test := range []struct {
			o        Options
			kind     string
			refresh  bool // it takes us for an attack
			repaired bool // after clean-iptables something of ours is to be put back
		}{
			{Options{Hook: "raw"}, "ipset", false, false},
			{Options{Hook: "raw"}, "nftables", false, false},
			{Options{Hook: "filter", Chain: "f2b-pbxjail"}, "ipset", false, true},
			{Options{Hook: "filter"}, "nftables", false, false},
			{Options{Hook: "filter"}, "ipset", true, true},
		} {
			t.Run(fmt.Sprintf("%s/%s/%s%s", variant, test.kind, test.o.Hook, test.o.Chain), func(t *testing.T) {
				a := kerneltest.NewAttacker(t)
				kerneltest.WithTools(t, variant)
				f := freePBX{t}
				f.install()
				e := mustOpen(t, test.kind, test.o)
				mustSetup(t, e)
				answered(t, a.V4, "before")
				mustBan(t, e, kerneltest.Attacker4+"/32", time.Hour)
				dropped := func(what string) {
					t.Helper()
					start := bans(t, e)[kerneltest.Attacker4+"/32"].packets
					fmt.Fprint(a.V4, what)
					kerneltest.Eventually(t, "a packet dropped: "+what, func() bool { return bans(t, e)[kerneltest.Attacker4+"/32"].packets > start })
				}
				dropped("at first")
				if got := f.refresh(); got != test.refresh {
					t.Errorf("got refresh %v, want %v; INPUT has\n%s", got, test.refresh, f.run("iptables -S INPUT"))
				}
				if !test.refresh {
					dropped("after a refresh")
				}
				// A rule of another program above theirs has the same result.
				f.run("iptables -I INPUT -p tcp --dport 2222 -j ACCEPT")
				if !f.refresh() {
					t.Error("got no refresh")
				}
				if !test.refresh {
					dropped("after another's refresh")
				}
				f.clean()
				f.install()
				if test.o.Hook == "raw" || test.kind == "nftables" || test.o.Chain != "" {
					dropped("after clean-iptables")
				}
				made, _, err := e.Setup()
				if err != nil || (len(made) > 0) != test.repaired {
					t.Errorf("got %q made, error %v, want any: %v", made, err, test.repaired)
				}
				dropped("after a repair")
				if got := f.configured(); got == test.refresh {
					t.Errorf("got configured %v after our repair", got)
				}
			})
		}
	}
}
