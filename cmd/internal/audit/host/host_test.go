package host

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
)

// prints lets programs of the machine print texts. A text that begins with "!" is what one
// says that fails; any other program is not installed.
func prints(m *audit.Machine, texts map[string]string) {
	m.Run = func(_ context.Context, c program.Command) (program.Result, error) {
		text, is := texts[c.Name]
		if !is {
			return program.Result{}, program.ErrNotInstalled
		}
		if said, fails := strings.CutPrefix(text, "!"); fails {
			return program.Result{Said: []byte(said), Status: 255}, nil
		}
		return program.Result{Out: []byte(text)}, nil
	}
}

const (
	debian   = "ID=debian\n"
	noRules  = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
	allowSSH = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n"
)

// TestOpenPorts: checks × (a port that the world reaches is named, and a closed one is not).
func TestOpenPorts(t *testing.T) {
	for _, c := range []struct {
		name    string
		sockets []string
		rules   string
		want    findings.Severity
		says    string
	}{
		{"database open", []string{"tcp 0.0.0.0:3306 mariadbd", "tcp 0.0.0.0:22 sshd"}, noRules, findings.Risky, "the world can reach the database MySQL or MariaDB"},
		{"database closed by the firewall", []string{"tcp 0.0.0.0:3306 mariadbd", "tcp 0.0.0.0:22 sshd"}, allowSSH, findings.Note, "1 port of this machine answer"},
		{"database on loopback", []string{"tcp 127.0.0.1:3306 mariadbd", "tcp 0.0.0.0:22 sshd"}, noRules, findings.Note, "tcp 22: sshd"},
		{"TFTP open", []string{"udp 0.0.0.0:69 in.tftpd"}, noRules, findings.Risky, "port 69/udp"},
		{"TFTP over IPv6 alone", []string{"udp [2001:db8::1]:69 in.tftpd"}, noRules, findings.Risky, "port 69/udp"},
		{"nothing open", []string{"tcp 127.0.0.1:22 sshd", "udp 0.0.0.0:69 in.tftpd"}, allowSSH, findings.OK, "no port answers the world"},
		{"rules cannot be read", []string{"tcp 0.0.0.0:3306 mariadbd"}, "!Permission denied (you must be root)", findings.Unknown, "the firewall lets the world reach 1 port"},
		{"a rule is not understood", []string{"tcp 0.0.0.0:3306 mariadbd"}, strings.Replace(allowSSH, "--dport 22", "--dport 3306 -m mark --mark 0x1", 1), findings.Unknown, "a condition that jailctl does not understand"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := audittest.Machine(t, nil)
			audittest.Listen(t, m, c.sockets...)
			prints(m, map[string]string{"iptables-save": c.rules, "ip6tables-save": c.rules})
			list := audittest.Run(m, Checks()[:1])
			if text := audittest.Text(list); audittest.Worst(list, "host-ports") != c.want || !strings.Contains(text, c.says) {
				t.Errorf("want %v and %q, got\n%s", c.want, c.says, text)
			}
		})
	}
	if list := audittest.Run(audittest.Machine(t, nil), Checks()[:1]); audittest.Worst(list, "host-ports") != findings.Unknown {
		t.Errorf("no /proc: got\n%s", audittest.Text(list))
	}
}

// TestManyPorts: the thousands of ports of RTP are one line.
func TestManyPorts(t *testing.T) {
	var sockets []string
	for port := 10000; port < 10040; port++ {
		sockets = append(sockets, "udp 0.0.0.0:"+string([]byte{'1', '0', '0', byte('0' + port%100/10), byte('0' + port%10)})+" asterisk")
	}
	m := audittest.Machine(t, nil)
	audittest.Listen(t, m, sockets...)
	prints(m, map[string]string{"iptables-save": noRules})
	list := audittest.Run(m, Checks()[:1])
	if len(list) != 1 || len(list[0].Evidence) != 1 || list[0].Evidence[0] != "udp 40 ports between 10000 and 10039: asterisk" {
		t.Errorf("got\n%s", audittest.Text(list))
	}
}

// TestClosing: the command is for the firewall that the machine has.
func TestClosing(t *testing.T) {
	for want, file := range map[string]string{
		"firewall-cmd --permanent --remove-port=3306/tcp": "/run/firewalld/x",
		"ufw deny 3306/tcp":                                     "/run/ufw.lock",
		"Connectivity, Firewall, Services":                      "/etc/asterisk/firewall.enabled",
		"iptables -I INPUT -p tcp --dport 3306 ! -i lo -j DROP": "/etc/hostname",
	} {
		m := audittest.Machine(t, map[string]string{file: ""})
		if got := closing(m, 3306, "tcp")[0].String(); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}

// sshd is a machine with a file of sshd.
func sshd(t *testing.T, config string, files map[string]string) *audit.Machine {
	all := map[string]string{"/etc/os-release": debian, "/etc/ssh/sshd_config": config}
	for name, text := range files {
		all[name] = text
	}
	return audittest.Machine(t, all)
}

// TestRootLogin: checks × (a log-in with a password is named, and the repaired one is not).
func TestRootLogin(t *testing.T) {
	for _, c := range []struct {
		name, config string
		files        map[string]string
		want         findings.Severity
		says         string
	}{
		{"open", "PermitRootLogin yes\n", nil, findings.Risky, "found: /etc/ssh/sshd_config:1: permitrootlogin yes"},
		{"repaired", "PermitRootLogin prohibit-password\n", nil, findings.OK, ""},
		{"off", "PermitRootLogin no\nPermitRootLogin yes\n", nil, findings.OK, "PermitRootLogin is no"},
		{"first value counts", "PermitRootLogin yes\nPermitRootLogin no\n", nil, findings.Risky, ""},
		{"comment", "#PermitRootLogin yes\n", nil, findings.OK, ""},
		{"equals, case, quotes", "permitROOTlogin = \"yes\" # all\n", nil, findings.Risky, ""},
		{"no passwords", "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM yes\n", nil, findings.OK, "passwords are switched off"},
		{"passwords by PAM", "PermitRootLogin yes\nPasswordAuthentication no\nUsePAM yes\n", nil, findings.Risky, ""},
		{"older name", "PermitRootLogin yes\nPasswordAuthentication no\nChallengeResponseAuthentication no\nUsePAM yes\n", nil, findings.OK, ""},
		{"key and password", "PermitRootLogin yes\nAuthenticationMethods publickey,password\n", nil, findings.OK, "a key is needed"},
		{"key or password", "PermitRootLogin yes\nAuthenticationMethods publickey password\n", nil, findings.Risky, ""},
		{"other users only", "PermitRootLogin yes\nAllowUsers admin\nAllowUsers backup@192.0.2.1\n", nil, findings.OK, "keeps root out"},
		{"root among them", "PermitRootLogin yes\nAllowUsers admin\nAllowUsers r*t\n", nil, findings.Risky, ""},
		{"denied", "PermitRootLogin yes\nDenyUsers guest root\n", nil, findings.OK, "keeps root out"},
		{"a Match for root", "PermitRootLogin no\nMatch User root\n PermitRootLogin yes\n", nil, findings.Risky, "sshd_config:3"},
		{"a Match for a network", "PermitRootLogin no\nMatch Address 192.0.2.0/24\n PermitRootLogin yes\n", nil, findings.OK, ""},
		{"a Match that closes for the world", "PermitRootLogin yes\nMatch Address *,!192.0.2.0/24\n PermitRootLogin no\n", nil, findings.OK, ""},
		{"a Match for another user", "Match User admin\nPermitRootLogin yes\n", nil, findings.OK, ""},
		{"a Match by host", "PermitRootLogin no\nMatch Host office.example\nPermitRootLogin yes\n", nil, findings.Unknown, "/etc/ssh/sshd_config:2 is in a Match that jailctl does not understand"},
		{"a Match that decides nothing", "PermitRootLogin no\nMatch Host office.example\nX11Forwarding no\n", nil, findings.OK, ""},
		{"included first", "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\n", map[string]string{"/etc/ssh/sshd_config.d/50-cloud.conf": "PermitRootLogin yes\n"}, findings.Risky, "/etc/ssh/sshd_config.d/50-cloud.conf:1"},
		{"included, relative", "Include sshd_config.d/*.conf\nPermitRootLogin yes\n", map[string]string{"/etc/ssh/sshd_config.d/00.conf": "PermitRootLogin no\n"}, findings.OK, ""},
		{"included in a Match", "PermitRootLogin no\nMatch User admin\nInclude /etc/ssh/more\n", map[string]string{"/etc/ssh/more": "PermitRootLogin yes\n"}, findings.OK, ""},
		{"a Match of an included file ends with it", "Include /etc/ssh/more\nPermitRootLogin yes\n", map[string]string{"/etc/ssh/more": "Match User admin\nX11Forwarding no\n"}, findings.Risky, ""},
		{"includes itself", "Include /etc/ssh/sshd_config\n", nil, findings.Unknown, "include each other"},
		{"default of Red Hat", "UsePAM yes\n", map[string]string{"/etc/os-release": "ID=centos\n"}, findings.Unknown, "its default depends on the version"},
		{"root is locked", "PermitRootLogin yes\n", map[string]string{"/etc/shadow": "daemon:*:1::\nroot:!:19000:0:99999:7:::\n"}, findings.OK, "root has no password"},
		{"root has a password", "PermitRootLogin yes\n", map[string]string{"/etc/shadow": "root:$6$salt$hush:19000:0:99999:7:::\n"}, findings.Risky, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := audittest.Run(sshd(t, c.config, c.files), Checks()[1:2])
			text := audittest.Text(list)
			if len(list) != 1 || list[0].Severity != c.want || !strings.Contains(text, c.says) || strings.Contains(text, "hush") {
				t.Errorf("want %v and %q, got\n%s", c.want, c.says, text)
			}
		})
	}
	if list := audittest.Run(audittest.Machine(t, nil), Checks()[1:2]); list[0].Severity != findings.Note {
		t.Errorf("no sshd: got\n%s", audittest.Text(list))
	}
	m := sshd(t, "PermitRootLogin no\n", nil)
	audittest.Chmod(t, m, "/etc/ssh/sshd_config", 0)
	audittest.AsOrdinaryUser(t, func() {
		if list := audittest.Run(m, Checks()[1:2]); list[0].Severity != findings.Unknown {
			t.Errorf("may not read: got\n%s", audittest.Text(list))
		}
	})
}

// TestAsksSSHD: what sshd itself says counts more than its files.
func TestAsksSSHD(t *testing.T) {
	m := sshd(t, "PermitRootLogin no\n", nil)
	for says, want := range map[string]findings.Severity{
		"permitrootlogin yes\npasswordauthentication yes\nusepam yes\nkbdinteractiveauthentication no\n":    findings.Risky,
		"permitrootlogin without-password\npasswordauthentication yes\nusepam yes\n":                        findings.OK,
		"permitrootlogin yes\npasswordauthentication no\nusepam yes\nchallengeresponseauthentication yes\n": findings.Risky,
		"permitrootlogin yes\npasswordauthentication yes\nallowusers admin\nallowusers root\n":              findings.Risky,
		"permitrootlogin yes\npasswordauthentication yes\nauthenticationmethods any\nallowusers admin\n":    findings.OK,
		"!sshd: no hostkeys available -- exiting.\n":                                                        findings.OK, // its files say no
	} {
		prints(m, map[string]string{"sshd": says})
		if list := audittest.Run(m, Checks()[1:2]); list[0].Severity != want {
			t.Errorf("%q: want %v, got\n%s", says, want, audittest.Text(list))
		}
	}
}

// TestRepair: the line goes where sshd reads it first.
func TestRepair(t *testing.T) {
	for config, want := range map[string]string{
		"Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\n": "write PermitRootLogin prohibit-password into a new file /etc/ssh/sshd_config.d/00-root.conf",
		"Port 22\nPermitRootLogin yes\n":                               "write PermitRootLogin prohibit-password in place of /etc/ssh/sshd_config:2",
		"Port 22\n":                                                    "write PermitRootLogin prohibit-password as the first line of /etc/ssh/sshd_config",
	} {
		fix := repair(sshd(t, config, nil))
		if got := fix[0].String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if fix[1].Run != "sshd -t && systemctl reload ssh" {
			t.Errorf("got %q", fix[1].Run)
		}
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name  string
		clock func() (bool, error)
		files map[string]string
		want  findings.Severity
		says  string
	}{
		{"right", func() (bool, error) { return true, nil }, map[string]string{"/proc/7/comm": "chronyd\n"}, findings.OK, "synchronised (chronyd)"},
		{"right, by what is not known", func() (bool, error) { return true, nil }, nil, findings.OK, "synchronised"},
		{"nothing corrects it", func() (bool, error) { return false, nil }, map[string]string{"/etc/os-release": debian}, findings.Risky, "no program corrects the clock"},
		{"not yet", func() (bool, error) { return false, nil }, map[string]string{"/proc/7/comm": "systemd-timesyn\n"}, findings.Risky, "systemd-timesyncd runs, and"},
		{"may not ask", func() (bool, error) { return false, os.ErrPermission }, nil, findings.Unknown, "permission denied"},
		{"another machine", nil, nil, findings.Unknown, "another machine"},
	} {
		m := audittest.Machine(t, c.files)
		m.Clock = c.clock
		list := audittest.Run(m, Checks()[2:])
		if text := audittest.Text(list); len(list) != 1 || list[0].Severity != c.want || !strings.Contains(text, c.says) {
			t.Errorf("%s: got\n%s", c.name, text)
		}
	}
}

func FuzzSSHFile(f *testing.F) {
	f.Add("PermitRootLogin yes\nMatch User root,!r*t Address 0.0.0.0/0\nInclude x\n")
	f.Add("Match\nMatch User\nMatch all user\n=\nInclude [\nAllowUsers \"\n")
	m := audittest.Machine(f, map[string]string{"/etc/ssh/x": ""})
	f.Fuzz(func(t *testing.T, text string) {
		// The first line counts, whatever comes behind it, but for a Match.
		audittest.Write(t, m, "/etc/ssh/sshd_config", "PermitRootLogin no\n"+text)
		p, err := readFiles(m)
		if err == nil && !p.is("permitrootlogin", "no") && !strings.Contains(strings.ToLower(text), "match") {
			t.Errorf("got %+v", p["permitrootlogin"])
		}
		if err != nil && errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}
