package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoIptables: where there is no iptables, nftables drops; who asks for the former
// and nothing else is refused.
func TestNoIptables(t *testing.T) {
	const v4, v6 = "203.0.113.9", "2001:db8:a1::9"
	p := newPBX(t)
	cmd := p.command()
	cmd.Env = []string{"PATH=" + t.TempDir()}
	p.startAs(cmd)
	s := p.status()
	if !s.Enforcing || !strings.HasPrefix(s.Enforcer, "nftables") || len(s.Problems) != 1 || !strings.Contains(s.Problems[0].What, "iptables") {
		t.Errorf("got enforcer %q, enforcing %v, problems %q, want nftables, and why", s.Enforcer, s.Enforcing, s.Problems)
	}
	p.attack(v4, 3)
	p.attack(v6, 3)
	p.banned(v4)
	p.banned(v6)
	p.wantAnswers(false, v4, v6)
	p.ctl("unban", v4)
	p.wantAnswers(true, v4)
	p.stop()

	p.must(os.Remove(p.path("daemon.log")))
	p.configure("enforcer: ipset")
	cmd = p.command()
	cmd.Env = []string{"PATH=" + t.TempDir()}
	wantMatch(t, p.fails(cmd), `^pbxjail: .*iptables is not installed\nhint: apt-get install iptables; then: systemctl restart pbxjail$`)

	// To observe nothing of it is needed.
	p.must(os.Remove(p.path("daemon.log")))
	cmd = p.command("--observe")
	cmd.Env = []string{"PATH=" + t.TempDir()}
	p.startAs(cmd)
}

// TestNotRoot: nor does one that may not.
func TestNotRoot(t *testing.T) {
	p := newPBX(t)
	wantMatch(t, p.fails(p.asOrdinaryUser(p.command())), `^pbxjail: .*\nhint: run pbxjail as root\. Or: systemctl edit pbxjail; .*CAP_NET_ADMIN`)
}

// withoutSetMatch is an environment in which iptables does not know sets, as where
// the kernel has none.
func withoutSetMatch(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/*/xtables/lib*.so")
	if err != nil || len(found) == 0 {
		t.Skip("no extensions of iptables in /usr/lib/*/xtables")
	}
	dir := t.TempDir()
	for _, lib := range found {
		if filepath.Base(lib) == "libxt_set.so" {
			continue
		}
		if err := os.Symlink(lib, filepath.Join(dir, filepath.Base(lib))); err != nil {
			t.Fatal(err)
		}
	}
	return append(os.Environ(), "XTABLES_LIBDIR="+dir)
}

// TestNoIPSet: without ipsets nftables drops, and that is said.
func TestNoIPSet(t *testing.T) {
	const addr = "203.0.113.9"
	env := withoutSetMatch(t)
	p := newPBX(t)
	cmd := p.command()
	cmd.Env = env
	p.startAs(cmd)
	s := p.status()
	if !s.Enforcing || !strings.HasPrefix(s.Enforcer, "nftables") {
		t.Errorf("got enforcer %q, enforcing %v, want nftables", s.Enforcer, s.Enforcing)
	}
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].What, "nftables is used") || s.Problems[0].Hint == "" {
		t.Errorf("got problems %q, want one about nftables, with a hint", s.Problems)
	}
	p.attack(addr, 3)
	p.banned(addr)
	p.wantAnswers(false, addr)
	p.stop()

	// An enforcer that must have sets fails.
	p.must(os.Remove(p.path("daemon.log")))
	p.configure("enforcer: ipset")
	cmd = p.command()
	cmd.Env = env
	wantMatch(t, p.fails(cmd), `^pbxjail: .*\nhint: .`)
}

// TestNoIPv6: without ip6tables IPv4 is enforced, and the messages do not promise more.
func TestNoIPv6(t *testing.T) {
	const v4, v6 = "203.0.113.9", "2001:db8:a1::9"
	p := newPBX(t)
	tools := t.TempDir()
	iptables, err := exec.LookPath("iptables")
	p.must(err, os.Symlink(iptables, filepath.Join(tools, "iptables")))
	cmd := p.command()
	cmd.Env = []string{"PATH=" + tools}
	p.startAs(cmd)
	s := p.status()
	wantMatch(t, s.Enforcer, `v4 only$`)
	if len(s.Problems) != 1 || !strings.HasPrefix(s.Problems[0].What, "IPv6: packets of banned IPv6 addresses pass: ") || s.Problems[0].Hint == "" {
		t.Errorf("got problems %q, want one about IPv6, with a hint", s.Problems)
	}
	p.attack(v6, 3)
	p.attack(v4, 3)
	p.banned(v4)
	p.wantAnswers(false, v4)
	p.logged(`level=ERROR msg="ban is not in the firewall yet, so packets from this address pass: pbxjail tries again" prefix=` + v6)
	if b, ok := p.list()[v6]; !ok || !b.Pending {
		t.Errorf("got %+v, %v, want a ban that is pending", b, ok)
	}
	wantMatch(t, p.refused("ban", "2001:db8:a1::10"), `pbxjail drops no IPv6 packets on this machine: .*\nhint: .`)
}

// TestFullDisk: bans do not wait for the disk, and the ledger catches up.
func TestFullDisk(t *testing.T) {
	const before, full, after = "203.0.113.9", "203.0.113.10", "2001:db8:a1::9"
	p := newPBX(t)
	disk := p.path("state")
	p.must(unix.Mount("pbxjail-e2e", disk, "tmpfs", 0, "size=4m"))
	t.Cleanup(func() { p.must(unix.Unmount(disk, unix.MNT_DETACH)) })
	p.start()
	p.attack(before, 3)
	p.banned(before)
	p.history(before, 1)

	ballast := disk + "/ballast"
	fill(t, ballast)
	p.attack(full, 3)
	p.banned(full)
	p.wantAnswers(false, before, full)
	p.eventually("a problem of the database", func() bool { return len(p.status().Problems) > 0 })
	problem := p.status().Problems[0]
	wantMatch(t, problem.What, `^bans stay in force, but cannot be saved: .*full`)
	wantMatch(t, problem.Hint, `^free space on the disk of `+disk)
	p.logged(`level=ERROR msg="pbxjail cannot write to the database. Bans stay in force; pbxjail saves them as soon as it can write again"`)
	wantMatch(t, p.ctl("list"), `(?m)^203\.0\.113\.10 +phones `)

	// An unban that cannot be written is done and complained of.
	p.ctl("ban", "203.0.113.11")
	wantMatch(t, p.refused("unban", "203.0.113.11"), `hint: free space on the disk`)
	p.wantAnswers(true, "203.0.113.11")

	p.must(os.Remove(ballast))
	p.eventually("an end of the problem", func() bool { return len(p.status().Problems) == 0 })
	p.logged(`msg="pbxjail can write to the database again"`)
	p.history(full, 1)
	p.attack(after, 3)
	p.banned(after)
	p.history(after, 1)
	p.crash()
	p.kernel("ipset", "flush")
	p.start()
	p.wantAnswers(false, before, full, after)
	p.wantAnswers(true, "203.0.113.11")
}

// TestStartWithoutDisk: a daemon whose state folder cannot be written starts and bans all
// the same, knows the bans of before, and says what it cannot keep.
func TestStartWithoutDisk(t *testing.T) {
	const before, meanwhile = "203.0.113.9", "203.0.113.10"
	for name, c := range map[string]struct {
		spoil, repair func(p *pbx, disk string)
		hint          string
	}{
		"read-only": {
			func(p *pbx, disk string) {
				p.must(unix.Mount("", disk, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			},
			func(p *pbx, disk string) { p.must(unix.Mount("", disk, "tmpfs", unix.MS_REMOUNT, "")) },
			"let pbxjail write to",
		},
		"full, and the database lost": {
			func(p *pbx, disk string) {
				p.must(os.Remove(disk + "/pbxjail.db"))
				fill(p.T, disk+"/ballast")
			},
			func(p *pbx, disk string) { p.must(os.Remove(disk + "/ballast")) },
			"free space on the disk",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPBX(t)
			disk := p.path("state")
			p.must(unix.Mount("pbxjail-e2e", disk, "tmpfs", 0, "size=4m"))
			t.Cleanup(func() { p.must(unix.Unmount(disk, unix.MNT_DETACH)) })
			p.start()
			p.attack(before, 3)
			p.banned(before)
			p.stop()
			c.spoil(p, disk)

			p.start()
			p.wantAnswers(false, before)
			p.attack(meanwhile, 3)
			p.banned(meanwhile)
			p.wantAnswers(false, before, meanwhile)
			problem := p.status().Problems[0]
			wantMatch(t, problem.What, `^the database cannot be written, so pbxjail uses a copy of it in `+p.path("spare-pbxjail.db"))
			wantMatch(t, problem.Hint, c.hint+`.*. After that: systemctl restart pbxjail. `)
			p.logged(`level=ERROR msg="the database cannot be written`)
			p.stop()

			c.repair(p, disk)
			p.start()
			p.wantAnswers(false, before, meanwhile) // the kernel knows them
			if problems := p.status().Problems; len(problems) > 0 {
				t.Errorf("got %+v of a disk that is well again", problems)
			}
		})
	}
}

// fill writes a file until the disk is full to the last byte.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
