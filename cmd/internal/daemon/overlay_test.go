package daemon

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
)

// freePBX is jail.local as the GUI of FreePBX writes it, shortened.
const freePBX = `[DEFAULT]
ignoreip = 127.0.0.1 192.0.2.0/24 office.invalid 0.0.0.0/0
bantime = %s
findtime = 300
maxretry = 7
backend = auto

[asterisk-iptables]
enabled = true
filter = asterisk-security
action = iptables-allports[name=SIP, protocol=all]
logpath = /var/log/asterisk/fail2ban

[pbx-gui]
enabled = true
filter = freepbx
`

// issabel is jail.d/issabel.conf as Issabel writes it, shortened.
const issabel = `[asterisk]
banaction = iptables-multiport-issabel
maxretry = 4
bantime = 43200
ignoreip = 127.0.0.1 198.51.100.7
enabled = 1
port = 0:65535
[sshd]
maxretry = many
bantime = -1
enabled = 1
`

func (s *site) jail(name string) control.Jail {
	s.Helper()
	status, err := s.client().Status(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for _, j := range status.Jails {
		if j.Name == name {
			return j
		}
	}
	s.Fatalf("no jail %s", name)
	return control.Jail{}
}

// TestOverlay: what a web interface writes for fail2ban holds after a reload, and no longer
// once it is gone.
func TestOverlay(t *testing.T) {
	s := newSite(t)
	if err := os.MkdirAll(s.path("fail2ban/jail.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.configure("fail2ban: " + s.path("fail2ban"))
	s.write("jails/guessing.yaml", "logs: ["+s.path("logs")+"/security]\nmatch: [{event: bad-password}]\nmaxretry: 3\nbantime: 10m\n")
	s.write("jails/silent.yaml", "logs: ["+s.path("logs")+"/security]\nmatch: [{event: unanswered}]\nmaxretry: 3\nbantime: 10m\n")
	s.run(s.open(), nil)
	reload := func() {
		t.Helper()
		if _, err := s.client().Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.write("fail2ban/jail.local", strings.Replace(freePBX, "%s", "1d", 1))
	if got := s.jail("guessing"); got.Maxretry != 3 {
		t.Errorf("got maxretry %v without a reload", got.Maxretry)
	}
	reload()
	if got := s.jail("guessing"); got.Maxretry != 7 || got.Findtime != 300 || got.Bantime != 86400 {
		t.Errorf("got %+v, want what FreePBX wrote", got)
	}
	if got := s.jail("silent"); got.Maxretry != 3 || got.Bantime != 86400 {
		t.Errorf("got %+v: fail2ban does not count what this jail counts", got)
	}
	if got := s.jail("phones"); got.Maxretry != 3 || got.Bantime != 600 {
		t.Errorf("got %+v, want what its own file says", got)
	}
	protected := func(addr string) bool {
		list, err := control.Ask(t.Context(), s.client(), control.CallProtected, control.ProtectedRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list, func(p control.Protected) bool { return p.Prefix.Contains(netip.MustParseAddr(addr)) })
	}
	if !protected("192.0.2.77") || protected("203.0.113.9") {
		t.Error("ignoreip is not that of FreePBX: the network, and not everybody")
	}
	s.write("fail2ban/jail.local", "")
	s.write("fail2ban/jail.d/issabel.conf", issabel)
	reload()
	if got := s.jail("guessing"); got.Maxretry != 4 || got.Findtime != 600 || got.Bantime != 43200 {
		t.Errorf("got %+v, want what Issabel wrote", got)
	}
	if protected("192.0.2.77") {
		t.Error("an ignoreip that is gone holds")
	}
	s.append(failures("198.51.100.7", 9) + failures("203.0.113.9", 9))
	s.banned("203.0.113.9")
	list, err := s.client().Bans(t.Context())
	if err != nil || slices.ContainsFunc(list, func(b control.Ban) bool { return b.Prefix.Addr().String() == "198.51.100.7" && b.Jail == "guessing" }) {
		t.Errorf("got %+v, %v: Issabel ignores it in this jail", list, err)
	}
}

// TestOverlayFaults: a value that is none changes nothing, and a ban that is asked for is not
// cut by the longest one of the jail.
func TestOverlayFaults(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "jail.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "jail.d", "issabel.conf"), issabel)
	o := &overlay{log: quiet()}
	o.read(dir)
	j := &configs.Jail{Name: "sshd", Maxretry: 5000, Bantime: time.Hour, Growth: configs.Growth{Factor: 2, Max: 4 * time.Hour}}
	o.apply(j)
	if j.Maxretry != 5000 || j.Bantime != configs.Forever || j.Growth.Max != configs.Forever {
		t.Errorf("got %+v", j)
	}
	if err := os.Chmod(dir+"/jail.d/issabel.conf", 0); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "jail.local"), "[INCLUDES]\nbefore = jail.local\n")
	o.read(dir)
	if len(o.problems()) != 1 || len(o.says.Jails) != 2 {
		t.Errorf("got %+v, %+v: what was read last holds", o.problems(), o.says)
	}
	o.read(filepath.Join(dir, "none"))
	if len(o.problems()) != 0 || len(o.says.Jails) != 0 {
		t.Errorf("got %+v of a folder that is not there", o.says)
	}
}

func TestAnswersFail2ban(t *testing.T) {
	client := filepath.Join(t.TempDir(), "fail2ban-client")
	if answersFail2ban(client) {
		t.Error("there is none")
	}
	if err := os.Symlink("/usr/bin/pbxjail-fail2ban-client", client); err != nil {
		t.Fatal(err)
	}
	if !answersFail2ban(client) {
		t.Error("it is ours")
	}
}
