package fail2ban

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFreePBXJails: the jails of a FreePBX name their ports in the action alone, and most of
// them are those of a shipped jail.
func TestFreePBXJails(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("jail.conf", "[DEFAULT]\nport = 0:65535\nbantime = 10m\naction = %(banaction)s[port=\"%(port)s\"]\nbanaction = iptables-multiport\n")
	write("jail.local", `[DEFAULT]
ignoreip = 127.0.0.1 198.51.100.0/24
bantime = 1800

[asterisk-iptables]
enabled = true
filter = asterisk-security
action = iptables-allports[name=SIP, protocol=all]
logpath = /var/log/asterisk/fail2ban

[pbx-gui]
enabled = true
filter = freepbx
action = iptables-allports[name=PBX-GUI, protocol=all]
logpath = /var/log/asterisk/freepbx_security.log

[ssh-iptables]
enabled = true
filter = sshd
action = iptables-multiport[name=SSH, protocol=tcp, port=ssh]
logpath = /var/log/secure

[apache-tcpwrapper]
enabled = true
filter = apache-auth
action = iptables-multiport[name=apache-auth, protocol=tcp, port="http,https"]
logpath = /var/log/httpd/error_log

[recidive]
enabled = true
filter = recidive
logpath = /var/log/fail2ban.log*
`)
	jails, bad, err := Load(dir)
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	want := map[string]struct{ file, has, hasNot string }{
		"asterisk-iptables": {"", "", "enabled"},
		"pbx-gui":           {"freepbx.yaml", "enabled: true\n", "ports"},
		"ssh-iptables":      {"sshd.yaml", "ports: [22]\n", "ports: all"},
		"apache-tcpwrapper": {"apache.yaml", "ports: [80, 443]\n", "ports: all"},
		"recidive":          {"", "", "enabled"},
	}
	if len(jails) != len(want) {
		t.Errorf("got %d jails, want %d", len(jails), len(want))
	}
	for _, j := range jails {
		w, got := want[j.Name], Take(j, Filter{}, errors.New("no filter is read"), nil)
		if got.Covered == "" || got.File != w.file && w.file != "" || !strings.Contains(got.Text, w.has) || strings.Contains(got.Text, w.hasNot) {
			t.Errorf("%s: got file %q, covered by %q, want %q with %q:\n%s", j.Name, got.File, got.Covered, w.file, w.has, got.Text)
		}
	}
}
