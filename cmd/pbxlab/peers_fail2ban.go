package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// fail2banRival is fail2ban with its shipped jail for Asterisk.
type fail2banRival struct {
	service
	root string
}

func (f *fail2banRival) name() string { return "fail2ban" }
func (f *fail2banRival) lines() int   { return linesEach }

func (f *fail2banRival) line(a netip.Addr, nth int) string { return securityLine(a, nth) }

// configure copies its shipped configuration, and switches one jail on.
func (f *fail2banRival) configure() error {
	if _, err := os.Stat(f.path("conf")); err == nil {
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(f.path("conf"), os.DirFS(filepath.Join(f.root, "etc/fail2ban"))); err != nil {
		return err
	}
	// Debian switches a jail for SSH on there, whose log is not in the lab.
	if err := os.RemoveAll(f.path("conf/jail.d")); err != nil {
		return err
	}
	files := map[string]string{
		"conf/jail.local": fmt.Sprintf("[asterisk]\nenabled = true\nlogpath = %s\nmaxretry = %d\nusedns = no\n", f.log(), linesEach),
		"conf/fail2ban.local": fmt.Sprintf("[Definition]\nlogtarget = %s\nsocket = %s\npidfile = %s\ndbfile = %s\n",
			f.path("fail2ban.log"), f.path("sock"), f.path("pid"), f.path("db.sqlite3")),
		"security": "",
	}
	for name, text := range files {
		if err := os.WriteFile(f.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (f *fail2banRival) client(args ...string) string {
	cmd := f.command(f.root, "usr/bin/fail2ban-client", append([]string{"-c", f.path("conf"), "-s", f.path("sock")}, args...)...)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

func (f *fail2banRival) start(ctx context.Context) error {
	if err := f.configure(); err != nil {
		return err
	}
	os.Remove(f.path("sock"))
	cmd := f.command(f.root, "usr/bin/fail2ban-server", "-c", f.path("conf"), "-s", f.path("sock"), "-p", f.path("pid"), "-f", "-x", "start")
	if err := f.begin(cmd, "said"); err != nil {
		return err
	}
	follows := func() bool { return f.gone() || strings.Contains(f.client("status", "asterisk"), f.log()) }
	if !until(ctx, benchTime, follows) || f.gone() {
		return fmt.Errorf("fail2ban does not follow the log; it prints:\n%s\n%s", f.said("said"), f.said("fail2ban.log"))
	}
	return nil
}

// rules are those of its chain for UDP, each an address.
func (f *fail2banRival) rules() string {
	out, _ := f.net.PBX.Output(exec.Command("iptables", "-w", "5", "-S", "f2b-asterisk-udp"))
	return string(out)
}

func (f *fail2banRival) count() int { return strings.Count(f.rules(), " -s ") }

func (f *fail2banRival) members() map[netip.Addr]bool { return addressesIn(f.rules()) }
