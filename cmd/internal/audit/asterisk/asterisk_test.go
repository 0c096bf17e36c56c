package asterisk

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/audit/reach"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
	"pbxjail/configs/asterisk"
)

const strong = "k3Jx9vQ2mZ7wLp4t"

// honest is an Asterisk without a weak place that is known. Much of it is near to one.
func honest() map[string]string {
	return map[string]string{
		"/etc/asterisk/asterisk.conf":          "[directories]\n",
		"/etc/asterisk/manager.conf":           "[general]\nenabled=yes\nbindaddr=0.0.0.0\n[ops]\nsecret=" + strong + "a\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.1/255.255.255.0\nwrite=system,originate\n[base](!)\nsecret=1234\n",
		"/etc/asterisk/http.conf":              "[general]\nenabled=yes\nbindaddr=127.0.0.1\n; bindaddr=0.0.0.0\n",
		"/etc/asterisk/ari.conf":               "[general]\nenabled=yes\nallowed_origins=https://pbx.example.net\n[app]\ntype=user\npassword=" + strong + "b\n",
		"/etc/asterisk/pjsip.conf":             "[1001]\ntype=auth\nusername=1001\npassword=" + strong + "c ; not 1001\n",
		"/etc/asterisk/sip.conf":               "[general]\nallowguest=no\nalwaysauthreject=yes\n",
		"/etc/asterisk/extensions.conf":        "[from-internal]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@trunk)\n",
		"/etc/asterisk/voicemail.conf":         "[default]\n1001 => 8264,Ann\n",
		"/tftpboot/001122334455.cfg":           "# account.1.password = example\naccount.1.user_name = 1001\naccount.1.password =\n",
		"/tftpboot/firmware.bin":               "account.1.password = " + strong,
		"/var/www/html/provisioning/.htaccess": "AuthType Basic\nRequire valid-user\n",
		"/var/www/html/provisioning/a.cfg":     "account.1.password = " + strong + "\n",
		"/usr/sbin/asterisk":                   "",
		"/etc/asterisk/ops.conf":               "; users\n[crm]\nsecret=" + strong + "d\nread=call\n",
	}
}

// withVersion is a machine whose program says a version.
func withVersion(t *testing.T, files map[string]string, text string) *audit.Machine {
	m := audittest.Machine(t, files)
	m.Run = func(_ context.Context, c program.Command) (program.Result, error) {
		if c.Name == "asterisk" && len(c.Args) == 1 && c.Args[0] == "-V" {
			return program.Result{Out: []byte(text + "\n")}, nil
		}
		return program.Result{}, program.ErrNotInstalled
	}
	return m
}

func TestWeakPlaces(t *testing.T) {
	const good = "Asterisk 22.10.1"
	for _, c := range []struct {
		name, check, version, file, content string
		want                                findings.Severity
		says                                string
	}{
		{"open holes", "asterisk-version", "Asterisk 20.9.1", "", "", findings.Risky, "CVE-2024-42365"},
		{"all closed", "asterisk-version", "Asterisk 20.20.1", "", "", findings.OK, "corrections until 2027-10-19"},
		{"only in one version", "asterisk-version", "Asterisk 20.8.0", "", "", findings.Risky, "CVE-2024-35190"},
		{"certified", "asterisk-version", "Asterisk certified/20.7-cert2", "", "", findings.Risky, "certified/20.7-cert11"},
		{"series over", "asterisk-version", "Asterisk 16.30.0", "", "", findings.Risky, "no corrections since 2023-10-09"},
		{"series over, the others", "asterisk-version", "Asterisk 16.30.0", "", "", findings.Risky, "22 gets corrections until 2029-10-16"},
		{"of a distribution", "asterisk-version", "Asterisk 20.6.0~dfsg+~cs6.13.40431414-2", "", "", findings.Unknown, "without a new number"},
		{"no number", "asterisk-version", "Asterisk GIT-master-abc", "", "", findings.Unknown, "not a number"},
		{"too new for the list", "asterisk-version", "Asterisk 31.0.0", "", "", findings.Unknown, "does not know this series"},

		{"AMI without deny", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\n[ops]\nsecret=" + strong + "\nread=all\nwrite=command\n", findings.Risky, "runs commands"},
		{"AMI with permit alone", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\nbindaddr=::\n[ops]\nsecret=" + strong + "\npermit=127.0.0.1/32\n", findings.Risky, "AMI user ops"},
		{"AMI in an included file", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\n#include \"ops.conf\"\n", findings.Risky, "/etc/asterisk/ops.conf:2: [crm]"},
		{"AMI, a CRM", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\n#include \"ops.conf\"\n", findings.Risky, "permit = 192.168.1.20/255.255.255.255"},
		{"AMI on a private address", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\nbindaddr=192.168.7.2\n[ops]\nsecret=" + strong + "\n", findings.Note, "other machines of the network of 192.168.7.2"},
		{"AMI on a private and on every address", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\nbindaddr=192.168.7.2\ntlsenable=yes\ntlsbindaddr=0.0.0.0:5039\n[ops]\nsecret=" + strong + "\n", findings.Risky, "anybody in the world"},
		{"AMI on one address", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\nbindaddr=203.0.113.7\n[ops]\nsecret=" + strong + "\n", findings.Risky, "anybody who reaches 203.0.113.7"},
		{"AMI on loopback", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\nbindaddr=127.0.0.1\n[ops]\nsecret=" + strong + "\n", findings.OK, "this machine alone"},
		{"AMI with an acl", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\n[ops]\nsecret=" + strong + "\nacl=office\n", findings.OK, "limited"},
		{"AMI off", "asterisk-manager", good, "/etc/asterisk/manager.conf", "[general]\nenabled=no\n[ops]\nsecret=" + strong + "\n", findings.OK, "switched off"},

		{"ARI to the world", "asterisk-http", good, "/etc/asterisk/http.conf", "[general]\nenabled=yes\nbindaddr=0.0.0.0\n", findings.Risky, "passwords of ARI"},
		{"ARI to the world, its line", "asterisk-http", good, "/etc/asterisk/http.conf", "[general]\nenabled=yes\nbindaddr=0.0.0.0\n", findings.Risky, "in place of /etc/asterisk/http.conf:3"},
		{"ARI to a network", "asterisk-http", good, "/etc/asterisk/http.conf", "[general]\nenabled=yes\nbindaddr=10.1.2.3\n", findings.Note, "8089"},
		{"origins", "asterisk-http", good, "/etc/asterisk/ari.conf", "[general]\nenabled=yes\nallowed_origins=*\n[app]\ntype=user\npassword=" + strong + "\n", findings.Risky, "every web page"},

		{"guests", "asterisk-callers", good, "/etc/asterisk/pjsip.conf", "[anonymous]\ntype=endpoint\ncontext=from-internal\n", findings.Risky, "call out"},
		{"accounts that exist", "asterisk-callers", "Asterisk 20.20.1", "/etc/asterisk/sip.conf", "[general]\nallowguest=no\nalwaysauthreject=no\n", findings.Risky, "gives another answer"},
		{"shell", "asterisk-callers", good, "/etc/asterisk/extensions.conf", "[default]\nexten => s,1,System(echo ${CALLERID(name)} >> /tmp/x)\n", findings.Broken, "shell"},

		{"number as secret", "asterisk-secrets", good, "/etc/asterisk/pjsip.conf", "[1001]\ntype=auth\nusername=1001\npassword=1001\n", findings.Broken, "account 1001"},
		{"usual secret", "asterisk-secrets", good, "/etc/asterisk/ari.conf", "[app]\ntype=user\npassword=asterisk\n", findings.Broken, "everybody tries"},
		{"short secret", "asterisk-secrets", good, "/etc/asterisk/pjsip.conf", "[1001]\ntype=auth\nusername=1001\npassword=Xy7#qB\n", findings.Risky, "fewer than 8"},
		{"usual secret, local", "asterisk-secrets", good, "/etc/asterisk/manager.conf", "[general]\nenabled=yes\n[admin]\nsecret=amp111\ndeny=0.0.0.0/0\npermit=127.0.0.1/32\n", findings.Risky, "only this machine"},
		{"mailbox", "asterisk-secrets", good, "/etc/asterisk/voicemail.conf", "[default]\n1001 => 1001,Ann\n", findings.Risky, "mailboxes"},
		{"mailbox, its PIN", "asterisk-secrets", good, "/etc/asterisk/voicemail.conf", "[default]\n1001 => 1001,Ann\n", findings.Risky, "tr -dc 0-9"},

		{"phone in the web folder", "asterisk-phones", good, "/var/www/html/phones/001122334455.cfg", "account.1.password = " + strong + "\n", findings.Risky, "001122334455.cfg:1"},
		{"phone in XML", "asterisk-phones", good, "/var/www/html/cfg/spa.xml", "<flat>\n<Password_1_ ua=\"na\">" + strong + "</Password_1_>\n", findings.Risky, "spa.xml:2"},
		{"phone of TFTP", "asterisk-phones", good, "/var/lib/tftpboot/aa.cfg", "P34=" + strong + "\n", findings.Risky, "is not known"},
		{"comment of a phone", "asterisk-phones", good, "/var/www/html/cfg/x.cfg", "# account.1.password = example\n; sip password: x\n", findings.OK, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := honest()
			if c.file != "" {
				files[c.file] = c.content
			}
			list := audittest.Run(withVersion(t, files, c.version), Checks())
			text, err := json.Marshal(list)
			if got := audittest.Worst(list, c.check); got != c.want || !strings.Contains(string(text), c.says) || err != nil {
				t.Errorf("got %v, want %v with %q:\n%s", got, c.want, c.says, audittest.Text(list))
			}
			for _, secret := range []string{strong, "amp111", "Xy7#qB"} {
				if strings.Contains(string(text), secret) {
					t.Errorf("a secret is shown:\n%s", text)
				}
			}
			for _, check := range Checks() {
				if worst := audittest.Worst(list, check.Name); check.Name != c.check && worst > findings.Note && check.Name != "asterisk-open" {
					t.Errorf("%s says %v too:\n%s", check.Name, worst, audittest.Text(list))
				}
			}
		})
	}
}

func TestHonest(t *testing.T) {
	list := audittest.Run(withVersion(t, honest(), "Asterisk 22.10.1"), Checks())
	for _, f := range list {
		if f.Severity > findings.Note && f.Check != "asterisk-open" {
			t.Errorf("got %v: %s: %s %q", f.Severity, f.About, f.What, f.Evidence)
		}
	}
}

func TestOther(t *testing.T) {
	for _, f := range audittest.Run(audittest.Machine(t, map[string]string{"/etc/hostname": "x"}), Checks()) {
		if f.Severity > findings.Note && f.Check != "asterisk-version" {
			t.Errorf("got %v: %s", f.Severity, f.What)
		}
	}
}

// TestElsewhere: what a backup has behind a whole path is not taken from our own machine.
func TestElsewhere(t *testing.T) {
	for name, content := range map[string]string{"/etc/asterisk/sip.conf": "-> /var/www/html/admin/modules/core/etc/sip.conf", "/etc/asterisk/manager.conf": "#include \"/etc/asterisk/more.conf\"\n"} {
		files := honest()
		delete(files, name)
		files[name] = content
		list := audittest.Run(withVersion(t, files, "Asterisk 22.10.1"), Checks())
		if got := audittest.Worst(list, "asterisk-manager"); got != findings.Unknown || !strings.Contains(audittest.Text(list), "found: "+name) {
			t.Errorf("got\n%s", audittest.Text(list))
		}
	}
}

// TestUnreadable: what cannot be read is unknown.
func TestUnreadable(t *testing.T) {
	m := withVersion(t, honest(), "")
	for _, name := range []string{"manager.conf", "http.conf", "pjsip.conf", "extensions.conf"} {
		audittest.Chmod(t, m, "/etc/asterisk/"+name, 0)
	}
	audittest.Chmod(t, m, "/tftpboot", 0)
	if err := os.Chmod(filepath.Dir(m.Root), 0o755); err != nil { // the folder of all folders of the test
		t.Fatal(err)
	}
	var list []findings.Finding
	audittest.AsOrdinaryUser(t, func() { list = audittest.Run(m, Checks()) })
	for _, check := range []string{"asterisk-version", "asterisk-manager", "asterisk-http", "asterisk-callers", "asterisk-secrets", "asterisk-phones"} {
		if got := audittest.Worst(list, check); got != findings.Unknown {
			t.Errorf("%s: got %v, want unknown:\n%s", check, got, audittest.Text(list))
		}
	}
}

func TestOpen(t *testing.T) {
	ports := []asterisk.Port{{Service: asterisk.AMI, Number: 5038}, {Service: asterisk.HTTP, Number: 8088}, {Service: asterisk.SIP, Number: 5060}}
	socket := func(at, program string) audit.Socket {
		return audit.Socket{Protocol: "tcp", At: netip.MustParseAddrPort(at), Program: program}
	}
	const accepts, drops = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"
	for _, c := range []struct {
		socket audit.Socket
		rules  string // "": they cannot be read
		want   findings.Severity
	}{
		{socket("0.0.0.0:5038", "asterisk"), accepts, findings.Risky},
		{socket("[::]:8088", ""), "", findings.Unknown},
		{socket("0.0.0.0:5038", "asterisk"), drops, findings.OK},
		{socket("127.0.0.1:5038", "asterisk"), accepts, findings.OK},
		{socket("0.0.0.0:8088", "nginx"), accepts, findings.OK},
		{socket("0.0.0.0:5060", "asterisk"), accepts, findings.OK},
	} {
		m := audittest.Machine(t, nil)
		m.Run = func(_ context.Context, of program.Command) (program.Result, error) {
			switch {
			case c.rules == "":
				return program.Result{Status: 4, Said: []byte("you must be root")}, nil
			case of.Name == "iptables-save" || of.Name == "ip6tables-save":
				return program.Result{Out: []byte(c.rules)}, nil
			}
			return program.Result{}, program.ErrNotInstalled
		}
		if list := openOf(m, []audit.Socket{c.socket}, ports); len(list) != 1 || list[0].Severity != c.want {
			t.Errorf("%v with %q: got\n%s", c.socket, c.rules, audittest.Text(list))
		}
	}
}

func TestDebianVersion(t *testing.T) {
	text := "Package: asterisk-modules\nStatus: install ok installed\nVersion: 9\n\nPackage: asterisk\nStatus: install ok installed\nPriority: optional\nVersion: 1:16.28.0~dfsg-0+deb11u4\n\n"
	if got := debianVersion(text); got != "1:16.28.0~dfsg-0+deb11u4" {
		t.Errorf("got %q", got)
	}
	if r, ok := releaseOf(debianVersion(text)); !ok || r.series() != "16" || !r.packaged {
		t.Errorf("got %+v", r)
	}
	if got := debianVersion(strings.Replace(text, "Package: asterisk\nStatus: install ok installed", "Package: asterisk\nStatus: deinstall ok config-files", 1)); got != "" {
		t.Errorf("got %q of a package that was removed", got)
	}
}

func TestFreePBXVersion(t *testing.T) {
	text := "Package: asterisk22-core\nStatus: install ok installed\nVersion: 1\n\nPackage: asterisk22\nStatus: install ok installed\nVersion: 22.5.2-1.sng12\n\n"
	r, ok := releaseOf(debianVersion(text))
	if !ok || r.series() != "22" {
		t.Errorf("got %+v of %q", r, debianVersion(text))
	}
}

// TestOnFreePBX: FreePBX writes some files again, so the steps name its settings and the
// files that it leaves alone.
func TestOnFreePBX(t *testing.T) {
	files := honest()
	files["/etc/freepbx.conf"] = "<?php\n"
	files["/etc/asterisk/manager.conf"] = "[general]\nenabled=yes\n#include manager_additional.conf\n"
	files["/etc/asterisk/manager_additional.conf"] = "[crm]\nsecret=" + strong + "\n"
	files["/etc/asterisk/http.conf"] = "[general]\n#include http_additional.conf\n"
	files["/etc/asterisk/http_additional.conf"] = "enabled=yes\nbindaddr=0.0.0.0\n"
	files["/etc/asterisk/ari.conf"] = "[general]\n#include ari_general_additional.conf\n[app]\ntype=user\npassword=" + strong + "b\n"
	files["/etc/asterisk/ari_general_additional.conf"] = "enabled=yes\nallowed_origins=*\n"
	files["/etc/asterisk/voicemail.conf"] = "[default]\n1001 => 1001,Ann\n"
	list := audittest.Run(withVersion(t, files, "Asterisk 22.10.1"), Checks())
	text := audittest.Text(list)
	for _, f := range list {
		for _, step := range f.Fix {
			text += step.Where + "\n"
		}
		text += f.Hint + "\n"
	}
	for _, want := range []string{"Asterisk Manager Users, user crm", "manager_additional.conf:1: [crm]", "ARI_ALLOWED_ORIGINS", "ari_general_custom.conf", "http_custom.conf", "HTTPBINDADDRESS", "field Voicemail Password"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q:\n%s", want, text)
		}
	}
	for _, f := range list {
		for _, step := range f.Fix {
			if len(step.Lines) > 0 && strings.Contains(step.Where, "_additional.conf") {
				t.Errorf("a line goes into a file that FreePBX writes: %s", step.Where)
			}
		}
	}
}

func TestFirewallOf(t *testing.T) {
	ports := []asterisk.Port{{Service: asterisk.AMI, Number: 5038}, {Service: asterisk.HTTP, Number: 8088}}
	for rules, want := range map[string]findings.Severity{"*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n": findings.Risky, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n": findings.Note, "": findings.Risky} {
		m := audittest.Machine(t, nil)
		m.Run = func(_ context.Context, of program.Command) (program.Result, error) {
			if of.Name != "iptables-save" && of.Name != "ip6tables-save" {
				return program.Result{}, program.ErrNotInstalled
			}
			if rules == "" {
				return program.Result{Status: 4, Said: []byte("you must be root")}, nil
			}
			return program.Result{Out: []byte(rules)}, nil
		}
		sockets := []audit.Socket{{Protocol: "tcp", At: netip.MustParseAddrPort("0.0.0.0:8088"), Program: "asterisk"}}
		f := behind(findings.Finding{}, firewallOf(reach.Of(m), sockets, ports, asterisk.HTTP), anybody, "", "try passwords of ARI")
		if f.Severity != want || strings.Contains(f.What, "unless a firewall") != (rules == "") {
			t.Errorf("got %v %q with rules %q", f.Severity, f.What, rules)
		}
		if v := firewallOf(reach.Of(m), sockets, ports, asterisk.AMI); v != reach.Unknown {
			t.Errorf("got %v where nothing listens", v)
		}
	}
}

// TestData: the file of versions can be used, and every series ends.
func TestData(t *testing.T) {
	k := knownVersions()
	if _, err := time.Parse(time.DateOnly, k.Date); err != nil || len(k.Advisories) < 20 {
		t.Errorf("got %v and %d advisories", err, len(k.Advisories))
	}
	for _, s := range k.Series {
		if _, err := time.Parse(time.DateOnly, s.End); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	for _, h := range k.Advisories {
		if ways[h.Way] == "" || h.What == "" || len(h.Fixed) == 0 {
			t.Errorf("got %+v", h)
		}
		for _, text := range h.Fixed {
			if r, ok := releaseOf(text); !ok || endOf(k, r) == "" {
				t.Errorf("%s: %q is no release of a known series", h.ID, text)
			}
		}
	}
}

func FuzzRelease(f *testing.F) {
	for _, text := range []string{"20.9.1", "certified/20.7-cert2", "18.9-cert5", "1:16.28.0~dfsg-0+deb11u4", "GIT-master"} {
		f.Add(text)
	}
	k := knownVersions()
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := releaseOf(text)
		if ok && (r.series() == "" || r.number.Major() == 0 && !r.certified) {
			t.Errorf("got %+v of %q", r, text)
		}
		versionOf(k, r, "x", audittest.Now)
		debianVersion(text)
		secretForm.FindStringIndex(text)
	})
}
