package gdpr

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/findings"
)

const (
	day = "/var/spool/asterisk/monitor/2025/12/20/"
	wav = day + "out-0301234567-101-20251220-101010-1766225410.7.wav"
)

// good is a machine with which nothing is wrong. The disk below it is a stand-in: a folder
// that looks like sysfs with LUKS, since the kernel of the tests may have no device mapper.
func good(t *testing.T) *audit.Machine {
	m := audittest.Machine(t, map[string]string{
		"/etc/pbxjail/pbxjail.yaml": "recordings: {retention: 90d, ground: consent}\n",
		"/var/lib/dpkg/status":      "",
		wav:                         "sound",
		"/etc/exports":              "# none\n/srv/music 192.0.2.0/24(ro)\n",
		"/etc/samba/smb.conf":       "[global]\n path = relative\n[music]\n path = /srv/music\n",
		"/etc/apache2/sites-enabled/000-default.conf":   "<VirtualHost *:80>\n DocumentRoot /var/www/html\n</VirtualHost>\n",
		"/var/www/html/index.html":                      "",
		"/var/spool/asterisk/backup/nightly/backup.tgz": "x",
	})
	m.Run = nil
	audittest.Chmod(t, m, wav, 0o640)
	audittest.Chmod(t, m, "/var/spool/asterisk/backup/nightly/backup.tgz", 0o640)
	written(t, m, wav, 13*24*time.Hour)
	disk(t, m, "CRYPT-LUKS2-0123456789abcdef-crypt")
	return m
}

// written sets when a file of the machine was written last.
func written(t *testing.T, m *audit.Machine, name string, ago time.Duration) {
	t.Helper()
	if err := os.Chtimes(filepath.Join(m.Root, name), m.Now, m.Now.Add(-ago)); err != nil {
		t.Fatal(err)
	}
}

// disk is a stand-in: the files are on a device of the device mapper with this UUID, and it is
// on a disk.
func disk(t *testing.T, m *audit.Machine, uuid string) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(m.Root, &st); err != nil {
		t.Fatal(err)
	}
	dev := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	audittest.Write(t, m, "/proc/self/mountinfo", "36 35 "+dev+" / /var rw - ext4 /dev/mapper/var rw\n")
	audittest.Write(t, m, "/sys/dev/block/"+dev+"/dm/uuid", uuid+"\n")
	audittest.Write(t, m, "/sys/dev/block/"+dev+"/slaves/sda1/dev", "8:1\n")
	audittest.Write(t, m, "/sys/dev/block/8:1/dev", "8:1\n")
	audittest.Write(t, m, "/sys/class/dmi/id/sys_vendor", "Example Ltd\n")
}

// many makes empty files that others cannot read.
func many(t *testing.T, m *audit.Machine, folder string, n int) {
	t.Helper()
	for i := range n {
		f, err := os.OpenFile(filepath.Join(m.Root, folder, fmt.Sprint("f", i)), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

// TestChecks: each weak place is found, and the repaired machine is silent.
func TestChecks(t *testing.T) {
	for _, c := range []struct {
		name, check, want string // want is in what the finding says
		severity          findings.Severity
		spoil             func(t *testing.T, m *audit.Machine)
	}{
		{"no lawful ground", "recordings-policy", "no lawful ground is named", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/etc/pbxjail/pbxjail.yaml", "recordings: {retention: 90d}\n")
		}},
		{"no retention", "recordings-policy", "no retention is set", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/etc/pbxjail/pbxjail.yaml", "recordings: {ground: consent}\n")
		}},
		{"no main file", "recordings-policy", "no retention is set", findings.Risky, func(t *testing.T, m *audit.Machine) {
			if err := os.Remove(filepath.Join(m.Root, "/etc/pbxjail/pbxjail.yaml")); err != nil {
				t.Fatal(err)
			}
		}},
		{"a main file with a mistake", "recordings-policy", "cannot tell how long recordings are kept", findings.Unknown, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/etc/pbxjail/pbxjail.yaml", "recordings: {retenton: 90d}\n")
		}},
		{"everyone can read", "recordings-readers", "every user of this machine can read 1 of 1 recording", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Chmod(t, m, wav, 0o644)
		}},
		{"a folder in a web root", "recordings-shared", "a web server or a share has this folder", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/etc/nginx/nginx.conf", "server { \n root /var/spool/asterisk;\n}\n")
		}},
		{"a link in a web root", "recordings-shared", "a web server or a share has this folder", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/var/www/html/calls", "-> /var/spool/asterisk/monitor")
		}},
		{"NFS", "recordings-shared", "a web server or a share has this folder", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/etc/exports", "\"/var/spool/asterisk\" *(ro)\n")
		}},
		{"NFS of all", "recordings-shared", "a web server or a share has this folder", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/etc/exports.d/a.exports", "/\t192.0.2.1(ro)\n")
		}},
		{"more files in a web root than are looked at", "recordings-shared", "only the first 20000 files of the web roots were looked at", findings.Unknown, func(t *testing.T, m *audit.Machine) {
			many(t, m, "/var/www/html", mostLinks)
		}},
		{"more backups than are looked at", "recordings-backups", "only the first 20000 files of the folder of backups were looked at", findings.Unknown, func(t *testing.T, m *audit.Machine) {
			many(t, m, "/var/spool/asterisk/backup/nightly", mostBackups)
		}},
		{"Samba", "recordings-shared", "a web server or a share has this folder", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/etc/samba/smb.conf", "[rec]\n  Path = /var/spool/asterisk/monitor/\n")
		}},
		{"too old", "recordings-age", "1 recording older than the policy says", findings.Risky, func(t *testing.T, m *audit.Machine) {
			old := "/var/spool/asterisk/monitor/old.wav"
			audittest.Write(t, m, old, "sound")
			audittest.Chmod(t, m, old, 0o640)
			written(t, m, old, 91*24*time.Hour)
		}},
		{"in the future", "recordings-age", "with a date in the future", findings.Risky, func(t *testing.T, m *audit.Machine) { written(t, m, wav, -90*24*time.Hour) }},
		{"not encrypted", "recordings-encryption", "they are not encrypted on the disk", findings.Risky, func(t *testing.T, m *audit.Machine) { disk(t, m, "LVM-abc") }},
		{"not encrypted, virtual", "recordings-encryption", "cannot tell whether they are encrypted", findings.Unknown, func(t *testing.T, m *audit.Machine) {
			disk(t, m, "LVM-abc")
			audittest.Write(t, m, "/sys/class/dmi/id/sys_vendor", "QEMU\n")
		}},
		{"an unknown disk", "recordings-encryption", "cannot tell whether they are encrypted", findings.Unknown, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/proc/self/mountinfo", "")
		}},
		{"a backup for everyone", "recordings-backups", "every user of this machine can read 1 file", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Chmod(t, m, "/var/spool/asterisk/backup/nightly/backup.tgz", 0o644)
		}},
		{"a hold without its recording", "recordings-holds", "cannot be found", findings.Risky, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/var/lib/pbxjail-recordings/holds.json", `[{"id":"k3v9k3v9k3","kind":"call","folder":"/x","file":"y.wav","reason":"court"}]`)
			audittest.Chmod(t, m, "/var/lib/pbxjail-recordings", 0o700)
		}},
		{"holds that are damaged", "recordings-holds", "cannot tell which recordings are on hold", findings.Unknown, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/var/lib/pbxjail-recordings/holds.json", `[{`)
			audittest.Chmod(t, m, "/var/lib/pbxjail-recordings", 0o700)
		}},
		{"holds that others can change", "recordings-holds", "cannot tell which recordings are on hold", findings.Unknown, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/var/lib/pbxjail-recordings/holds.json", `[]`)
		}},
		{"a link of another user", "recordings-where", "is a symbolic link of another user than root", findings.Unknown, func(t *testing.T, m *audit.Machine) {
			audittest.Write(t, m, "/var/spool/asterisk/recording", "-> /etc")
			if err := os.Lchown(filepath.Join(m.Root, "/var/spool/asterisk/recording"), 65534, 65534); err != nil {
				t.Skip("only root can plant a link of another user")
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := good(t)
			if before := audittest.Run(m, Checks()); audittest.Worst(before, c.check) > findings.Note {
				t.Fatalf("the repaired machine is not silent:\n%s", audittest.Text(before))
			}
			c.spoil(t, m)
			after := audittest.Run(m, Checks())
			if text := audittest.Text(after); audittest.Worst(after, c.check) != c.severity || !strings.Contains(text, c.want) {
				t.Errorf("got %s, want %s and %q:\n%s", audittest.Worst(after, c.check), c.severity, c.want, text)
			} else if strings.Contains(text, "0301234567") {
				t.Errorf("a phone number is in the report:\n%s", text)
			}
		})
	}
}

// TestNoRecordings: a machine without recordings needs no policy.
func TestNoRecordings(t *testing.T) {
	m := audittest.Machine(t, map[string]string{"/etc/hostname": "pbx\n", "/var/spool/cron/root": ""})
	list := audittest.Run(m, Checks())
	if len(list) != 1 || list[0].Severity != findings.Note {
		t.Errorf("want one note, got %s", audittest.Text(list))
	}
	audittest.Write(t, m, "/var/spool/asterisk/monitor/notes.txt", "")
	audittest.Write(t, m, "/var/lib/misc/x", "")
	list = audittest.Run(m, Checks())
	for _, f := range list {
		if f.Severity > findings.Note {
			t.Errorf("got %s", audittest.Text(list))
		}
	}
}

// TestCopyOfAPart: what a copy lacks can be on the machine, so nothing is called absent.
func TestCopyOfAPart(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"etc alone":          {"/etc/hostname": "pbx\n"},
		"a PBX, no spool":    {"/etc/asterisk/asterisk.conf": "", "/var/spool/cron/root": ""},
		"a policy, no spool": {"/etc/pbxjail/pbxjail.yaml": "recordings: {retention: 90d, ground: consent}\n"},
	} {
		list := audittest.Run(audittest.Machine(t, files), Checks())
		if len(list) != 1 || list[0].Severity != findings.Unknown || !strings.Contains(list[0].Hint, "copy /var/spool") {
			t.Errorf("%s: want one unknown, got\n%s", name, audittest.Text(list))
		}
	}
}

// TestFixes: the lines of the policy are printed once, and FreePBX keeps the mode that is set.
func TestFixes(t *testing.T) {
	m := good(t)
	audittest.Write(t, m, "/etc/pbxjail/pbxjail.yaml", "recordings:\n  folders: []\n")
	audittest.Chmod(t, m, wav, 0o644)
	steps := func(check string) string {
		var b strings.Builder
		for _, f := range audittest.Run(m, Checks()) {
			for _, s := range f.Fix {
				if f.Check == check {
					b.WriteString(s.String() + "\n")
				}
			}
		}
		return b.String()
	}
	text := steps("recordings-policy")
	if strings.Count(text, "ground:") != 1 || strings.Count(text, "retention:") != 1 || !strings.Contains(text, "below the line recordings:") || !strings.Contains(text, "jailctl check") {
		t.Errorf("got %s", text)
	}
	if text := steps("recordings-readers"); !strings.Contains(text, "chmod o-rx /var/spool/asterisk/monitor") {
		t.Errorf("got %s", text)
	}
	audittest.Write(t, m, "/etc/freepbx.conf", "")
	if text := steps("recordings-readers"); strings.Contains(text, "chmod") || !strings.Contains(text, "rdir = /var/spool/asterisk/monitor,0770,asterisk,asterisk") || !strings.Contains(text, "fwconsole chown") {
		t.Errorf("FreePBX: got %s", text)
	}
	m.Main = filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(m.Main, []byte("recordings: {retention: 90d, ground: consent}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := steps("recordings-policy"); text != "" {
		t.Errorf("with another main file: got %s", text)
	}
}

func TestExported(t *testing.T) {
	for line, want := range map[string]string{
		"/srv 192.0.2.1(rw)":        "/srv|192.0.2.1(rw)",
		"\"/srv/a b\" *(ro)":        "/srv/a b|*(ro)",
		`/srv/a\040b host(ro)`:      "/srv/a b|host(ro)",
		"/srv\thost(ro)  other(rw)": "/srv|host(ro)  other(rw)",
		"/srv":                      "/srv|all",
	} {
		if a, b := exported(line); a+"|"+b != want {
			t.Errorf("%q: got %s|%s", line, a, b)
		}
	}
}
