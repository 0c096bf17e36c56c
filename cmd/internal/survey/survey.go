// Package survey looks at a machine on which pbxjail is to be set up: which PBX it is, which
// firewalls and which other guards it has. jailctl setup calls it. It must never change
// anything, never start anything of the machine but "asterisk -V", and never open what is
// not a regular file.
package survey

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/program"
)

// Machine is what Look looks at.
type Machine struct {
	Root    fs.FS                                               // the file system from "/": os.DirFS("/")
	Version func(ctx context.Context) (text string, there bool) // what "asterisk -V" prints
}

// Found is what is there. The zero value: nothing.
type Found struct {
	Asterisk  string   `json:"asterisk"`  // its version, such as "20.6.0"; "unknown" where it is there and does not say; "": not there
	Running   bool     `json:"running"`   // a process has the name asterisk
	GUI       string   `json:"gui"`       // FreePBX, Issabel, VitalPBX; "": none
	Generated bool     `json:"generated"` // the GUI writes logger.conf itself
	Custom    string   `json:"custom"`    // the file in which an admin may add to logger.conf; "": logger.conf itself
	Firewalls []string `json:"firewalls"`
	Docker    bool     `json:"docker"`
	Fail2ban  Fail2ban `json:"fail2ban"`
	SSH       []uint16 `json:"ssh_ports"` // where sshd listens, by its files; empty: they say nothing
}

// Fail2ban is a fail2ban on this machine.
type Fail2ban struct {
	Installed bool `json:"installed"`
	Running   bool `json:"running"`
}

// gui is a web interface that drives Asterisk, known by one of its files. Checked against
// their installers: freepbx/framework install.php writes /etc/freepbx.conf; Issabel has
// /etc/issabel.conf; VitalPBX installs below /usr/share/vitalpbx.
type gui struct {
	name, file, custom string
}

// Several of them may be there: Issabel and FreePBX share files, so the order counts.
var guis = [...]gui{
	{"VitalPBX", "usr/share/vitalpbx", ""}, // which file it leaves to the admin is not known
	{"Issabel", "etc/issabel.conf", "/etc/asterisk/logger_logfiles_custom.conf"},
	{"FreePBX", "etc/freepbx.conf", "/etc/asterisk/logger_logfiles_custom.conf"},
}

// firewalls are known by a file that is there while they run.
var firewalls = [...]struct{ name, file string }{
	{"FreePBX firewall", "etc/asterisk/firewall.enabled"},
	{"FreePBX firewall", "var/run/fpbxfirewall"},
	{"firewalld", "run/firewalld"},
	{"ufw", "run/ufw.lock"},
	{"csf", "etc/csf/csf.conf"},
	{"shorewall", "var/lib/shorewall/state"},
}

const versionWait = 3 * time.Second

// Look looks. What cannot be read counts as not there.
func Look(ctx context.Context, m Machine) (f Found) {
	there := func(name string) bool { _, err := fs.Stat(m.Root, name); return err == nil }
	if m.Version != nil {
		ctx, cancel := context.WithTimeout(ctx, versionWait)
		defer cancel()
		if text, installed := m.Version(ctx); installed {
			f.Asterisk = version(text)
		}
	}
	f.Running = running(m.Root, "asterisk")
	if f.Asterisk == "" && (f.Running || there("etc/asterisk/asterisk.conf")) {
		f.Asterisk = "unknown"
	}
	for _, g := range guis {
		if there(g.file) {
			f.GUI, f.Custom, f.Generated = g.name, g.custom, true
			break
		}
	}
	for _, w := range firewalls {
		if there(w.file) && !slices.Contains(f.Firewalls, w.name) {
			f.Firewalls = append(f.Firewalls, w.name)
		}
	}
	f.Docker = there("run/docker.sock") || there("run/docker.pid")
	f.Fail2ban.Installed = there("etc/fail2ban/jail.conf") || there("etc/fail2ban/jail.local")
	f.Fail2ban.Running = there("run/fail2ban/fail2ban.sock") || running(m.Root, "fail2ban-server")
	f.SSH = sshPorts(m.Root)
	return f
}

// version takes the number out of "Asterisk 20.6.0" or "Asterisk certified/18.9-cert5".
func version(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	number, found := strings.CutPrefix(text, "Asterisk ")
	if !found || number == "" || len(number) > 64 {
		return "unknown"
	}
	return number
}

// running looks for a process by its name (proc_pid_comm(5), at most 15 bytes).
func running(root fs.FS, name string) bool {
	comms, _ := fs.Glob(root, "proc/[1-9]*/comm") // the pattern is right
	name = name[:min(len(name), 15)]
	return slices.ContainsFunc(comms, func(comm string) bool {
		text, err := fs.ReadFile(root, path.Clean(comm))
		return err == nil && string(bytes.TrimSpace(text)) == name
	})
}

// AskAsterisk runs "asterisk -V", which starts nothing.
func AskAsterisk(ctx context.Context) (string, bool) {
	if !program.There("asterisk") {
		return "", false
	}
	out, _ := program.Run(ctx, "asterisk", "-V") // one that fails does not say its version
	return string(out), true
}
