package e2e

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// backends are the enforcers, with the iptables of the host.
var backends = []struct{ name, enforcer, variant string }{
	{"ipset, iptables-nft", "ipset", "nft"},
	{"ipset, iptables-legacy", "ipset", "legacy"},
	{"nftables", "nftables", "nft"},
	{"plain rules, nft", "iptables", "nft"},
	{"plain rules, legacy", "iptables", "legacy"},
}

// onBackend makes a PBX whose iptables are of a variant, for the daemon and for all other
// programs.
func onBackend(t *testing.T, enforcer, variant string, main ...string) (p *pbx, start func()) {
	t.Helper()
	p = newPBX(t, append([]string{"enforcer: " + enforcer + "\n"}, main...)...)
	tools := t.TempDir()
	for _, tool := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			path, err := exec.LookPath(tool + "-" + variant + suffix)
			p.must(err, os.Symlink(path, filepath.Join(tools, tool+suffix)))
		}
	}
	for _, tool := range []string{"ipset", "nft"} {
		path, err := exec.LookPath(tool)
		p.must(err, os.Symlink(path, filepath.Join(tools, tool)))
	}
	p.tools = tools
	return p, func() {
		t.Helper()
		cmd := p.command()
		cmd.Env = []string{"PATH=" + tools}
		p.startAs(cmd)
	}
}

// others runs commands of another program, each with the tools of the host. Those that
// begin with - may fail.
func (p *pbx) others(commands ...string) {
	p.Helper()
	for _, c := range commands {
		line, may := strings.CutPrefix(c, "-")
		args := strings.Fields(line)
		cmd := exec.Command(filepath.Join(p.tools, args[0]), args[1:]...)
		if i := slices.Index(args, "<"); i > 0 {
			cmd = exec.Command(filepath.Join(p.tools, args[0]), args[1:i]...)
			cmd.Stdin = strings.NewReader(strings.Join(strings.Split(strings.Join(args[i+1:], " "), "|"), "\n") + "\n")
		}
		if out, err := p.net.PBX.Output(cmd); err != nil && !may {
			p.Fatalf("%s: %v\n%s", c, err, out)
		}
	}
}

// events are what other programs do to the firewall of a host, command by command.
var events = []struct {
	name     string
	telling  bool
	commands []string
}{
	{"iptables -F; -X", false, []string{"iptables -F", "-iptables -X", "ip6tables -F", "-ip6tables -X"}},
	{"iptables -t raw -F; -X", true, []string{"iptables -t raw -F", "-iptables -t raw -X", "ip6tables -t raw -F", "-ip6tables -t raw -X"}},
	{"ipset flush", false, []string{"ipset flush"}},
	{"ipset destroy", false, []string{"iptables -t raw -F", "-iptables -t raw -X", "ip6tables -t raw -F", "-ip6tables -t raw -X", "-ipset destroy"}},
	{"nft flush ruleset", true, []string{"nft flush ruleset"}},
	// FreePBX's bin/clean-iptables.
	{"FreePBX's clean-iptables", false, []string{"iptables-save", "iptables -F", "-iptables -X", "iptables -t nat -F", "-iptables -t nat -X", "ip6tables -F", "-ip6tables -X"}},
	{"iptables-restore", true, []string{
		"iptables-restore < *raw|:PREROUTING ACCEPT|:OUTPUT ACCEPT|COMMIT|*filter|:INPUT ACCEPT|:FORWARD ACCEPT|:OUTPUT ACCEPT|-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT|COMMIT",
		"ip6tables-restore < *raw|:PREROUTING ACCEPT|:OUTPUT ACCEPT|COMMIT"}},
	{"ufw reload", false, []string{"iptables-restore -n < *filter|:ufw-before-input -|:ufw-user-input -|-F ufw-before-input|-A ufw-before-input -m conntrack --ctstate ESTABLISHED -j ACCEPT|COMMIT"}},
	{"firewalld reload", false, []string{"nft add table inet firewalld", "nft flush table inet firewalld", "nft delete table inet firewalld",
		"iptables-restore < *raw|:PREROUTING ACCEPT|:PREROUTING_direct -|-A PREROUTING -j PREROUTING_direct|COMMIT"}},
	{"Docker start", false, []string{"-iptables -t nat -N DOCKER", "iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
		"-iptables -N DOCKER", "-iptables -N DOCKER-USER", "iptables -I FORWARD -j DOCKER-USER", "iptables -t raw -A PREROUTING -d 172.17.0.2 -j DROP"}},
}

// stream is an attacker that never stops, and when its last packet came through.
type stream struct {
	last atomic.Int64 // nanoseconds since 1970; 0: none yet
}

// flood sends a packet each 2 ms from an address, and notes which come through.
func (p *pbx) flood(addr string) *stream {
	p.Helper()
	s := new(stream)
	to := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), 5099)
	p.must(p.net.PBX.Do(func() error {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{Port: int(to.Port())})
		if err != nil {
			return err
		}
		p.Cleanup(func() { conn.Close() })
		go func() {
			for buf := make([]byte, 64); ; s.last.Store(time.Now().UnixNano()) {
				if _, _, err := conn.ReadFromUDPAddrPort(buf); err != nil {
					return
				}
			}
		}()
		own, err := net.InterfaceAddrs()
		for _, a := range own {
			if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
				to = netip.AddrPortFrom(netip.MustParseAddr(ip.IP.String()), to.Port())
			}
		}
		return err
	}))
	p.must(p.net.World.Do(func() error {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr)}, net.UDPAddrFromAddrPort(to))
		if err != nil {
			return err
		}
		tick := time.NewTicker(2 * time.Millisecond)
		p.Cleanup(func() { tick.Stop(); conn.Close() })
		go func() {
			for range tick.C {
				if _, err := conn.Write([]byte("INVITE")); err != nil && p.Context().Err() != nil {
					return
				}
			}
		}()
		return nil
	}))
	return s
}

// silent waits until nothing came through for so long, and reports when the last
// packet did after since; 0: none.
func (s *stream) silent(t *testing.T, since time.Time, quiet time.Duration) time.Duration {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		last := time.Unix(0, max(s.last.Load(), since.UnixNano()))
		if time.Since(last) >= quiet {
			return last.Sub(since)
		}
		if time.Since(since) > waitLimit {
			t.Fatal("packets pass without end")
		}
		<-tick.C
	}
}

// TestFlushes: after any change of the firewall by others, packets of banned addresses are
// dropped again, and no ban is lost. PBXJAIL_FLUSHES=20 does each 20 times and prints the
// worst; without it each once on the first backend, and the important ones on the others.
func TestFlushes(t *testing.T) {
	times, _ := strconv.Atoi(os.Getenv("PBXJAIL_FLUSHES"))
	for i, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			const addr, lasting = "203.0.113.9", "2001:db8:a1::9"
			p, start := onBackend(t, b.enforcer, b.variant)
			start()
			p.ctl("ban", addr)
			p.ctl("ban", lasting)
			p.ctl("ban", "198.51.100.0/24", "--force")
			s := p.flood(addr)
			s.silent(t, time.Now(), 500*time.Millisecond)
			trials := 0
			for _, e := range events {
				if times == 0 && i > 0 && !e.telling { // they take a minute
					continue
				}
				var worst time.Duration
				for range max(times, 1) {
					if trials++; trials%4 == 0 { // more in a minute would be a fight
						p.stop()
						start()
						p.eventually("the second look", func() bool { return p.status().Enforcing })
						s.silent(t, time.Now(), 1200*time.Millisecond)
					}
					since := time.Now()
					p.others(e.commands...)
					worst = max(worst, s.silent(t, since, 2200*time.Millisecond))
					if list := p.list(); len(list) != 3 || list[addr].Pending || list[lasting].Pending {
						t.Fatalf("%s: got bans %v", e.name, list)
					}
				}
				p.wantAnswers(false, addr, lasting, "198.51.100.7")
				t.Logf("%-26s worst of %d: %s", e.name, max(times, 1), worst.Round(time.Millisecond))
			}
			if s := p.status(); len(s.Problems) > 0 {
				t.Errorf("got problems %v", s.Problems)
			}
		})
	}
}

// TestBesideFreePBX: status shows the other firewall, and what does not work beside it.
func TestBesideFreePBX(t *testing.T) {
	for _, test := range []struct {
		main    string
		problem bool
	}{
		{"hook: raw\n", false},
		{"hook: filter\nchain: f2b-pbxjail\n", false},
		{"hook: filter\n", true},
	} {
		t.Run(test.main, func(t *testing.T) {
			p := newPBX(t, test.main)
			for _, args := range []string{"-N fpbxfirewall", "-A INPUT -j fpbxfirewall"} {
				p.kernel("iptables", strings.Fields(args)...)
			}
			p.start()
			wantMatch(t, p.ctl("status"), `^other firewalls on this machine: the FreePBX firewall;`)
			s := p.status()
			if (len(s.Problems) > 0) != test.problem {
				t.Errorf("got problems %v, want any: %v", s.Problems, test.problem)
			}
			for _, problem := range s.Problems {
				wantMatch(t, problem.What, `^the FreePBX firewall does not know chain`)
				wantMatch(t, problem.Hint, `f2b-pbxjail`)
			}
		})
	}
}
