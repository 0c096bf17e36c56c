package audit_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/audit/parts"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
)

func part(name string, list ...findings.Finding) audit.Part {
	return audit.Part{Name: name, Checks: []findings.Check[*audit.Machine]{{Name: name + "-check", Run: func(*audit.Machine) []findings.Finding { return list }}}}
}

func TestExamine(t *testing.T) {
	all := []audit.Part{
		part("one", audit.OK("a", "fine")),
		part("two", findings.Finding{Severity: findings.Risky}, findings.Finding{Severity: findings.Unknown}),
		part("silent"),
		part("three", findings.Finding{Severity: findings.Broken}),
	}
	var got []string
	for _, f := range audit.Examine(t.Context(), &audit.Machine{}, all).Findings {
		got = append(got, f.Part+" "+f.Check+" "+f.Severity.String())
	}
	want := []string{"three three-check broken", "two two-check risky", "two two-check unknown", "silent silent unknown", "one one-check ok"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if list := audit.Examine(t.Context(), &audit.Machine{}, nil).Findings; list == nil || len(list) != 0 {
		t.Errorf("got %v, want an empty list", list)
	}
}

func TestChoose(t *testing.T) {
	all := []audit.Part{part("one"), part("two"), part("three")}
	for _, c := range []struct {
		names   []string
		want    []string
		unknown string
	}{
		{nil, []string{"one", "two", "three"}, ""},
		{[]string{"three", "one"}, []string{"one", "three"}, ""},
		{[]string{"one", "ssl"}, nil, "ssl"},
		{[]string{""}, nil, ""},
	} {
		chosen, unknown := audit.Choose(all, c.names)
		if got := audit.Names(chosen); !slices.Equal(got, c.want) || unknown != c.unknown {
			t.Errorf("%q: got %q, unknown %q", c.names, got, unknown)
		}
	}
}

// TestParts: names are what an admin types, and each part says what it looks at.
func TestParts(t *testing.T) {
	var names, checks []string
	for _, p := range parts.All() {
		if p.Name != strings.ToLower(p.Name) || p.Asks == "" || len(p.Checks) == 0 || slices.Contains(names, p.Name) {
			t.Errorf("part %q: asks %q, %d checks", p.Name, p.Asks, len(p.Checks))
		}
		names = append(names, p.Name)
		for _, c := range p.Checks {
			if c.Name == "" || c.Asks == "" || slices.Contains(checks, c.Name) {
				t.Errorf("part %s: check %q asks %q", p.Name, c.Name, c.Asks)
			}
			checks = append(checks, c.Name)
		}
	}
}

// TestFolderStaysOne: a link of the other machine never leads to a file of ours.
func TestFolderStaysOne(t *testing.T) {
	m := audittest.Machine(t, map[string]string{
		"/etc/real":      "theirs",
		"/etc/absolute":  "-> /etc/real",
		"/etc/relative":  "-> ../etc/real",
		"/etc/above":     "-> ../../../../../../../../etc/real",
		"/link":          "-> /etc",
		"/loop":          "-> /loop",
		"/etc/dangling":  "-> /etc/hostname",
		"/etc/one/up":    "-> ..",
		"/etc/one/other": "x",
	})
	for _, name := range []string{"/etc/real", "/etc/absolute", "/etc/relative", "/etc/above", "/link/real", "/link/../link/real", "/etc/one/up/real", "/etc/../../etc/real"} {
		if text, err := m.Read(name, 100); err != nil || string(text) != "theirs" {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
		if text, err := fs.ReadFile(m.Files(), strings.TrimPrefix(filepath.Clean(name), "/")); err != nil || string(text) != "theirs" {
			t.Errorf("%s by Files: got %q, %v", name, text, err)
		}
	}
	if _, err := m.Read("/loop", 100); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("loop: got %v", err)
	}
	if _, err := m.Read("/etc/dangling", 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link to a file that only we have: got %v", err)
	}
	if got := m.Glob("/etc/*e*", 10); !slices.Equal(got, []string{"/etc/above", "/etc/absolute", "/etc/one", "/etc/real", "/etc/relative"}) {
		t.Errorf("got %q", got)
	}
	if target, err := fs.ReadLink(m.Files(), "etc/absolute"); err != nil || target != "/etc/real" {
		t.Errorf("got %q, %v", target, err)
	}
}

// TestLinkToKernel: a link that leads into /proc is not read, as its read may never return; a
// file of /proc is read by its own name.
func TestLinkToKernel(t *testing.T) {
	link := filepath.Join(t.TempDir(), "module.xml")
	if err := os.Symlink("/proc/self/status", link); err != nil {
		t.Fatal(err)
	}
	m := &audit.Machine{}
	if text, err := m.Read(link, 1<<20); !errors.Is(err, audit.ErrOfKernel) || len(text) != 0 || !strings.Contains(err.Error(), link) {
		t.Errorf("got %q, %v through a link", text, err)
	}
	if text, err := m.Read("/proc/self/status", 1<<20); err != nil || len(text) == 0 {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := m.Open("/proc/../" + link); !errors.Is(err, audit.ErrOfKernel) {
		t.Errorf("got %v of a name that only begins with /proc", err)
	}
}

func TestRead(t *testing.T) {
	m := audittest.Machine(t, map[string]string{"/etc/long": strings.Repeat("x", 101), "/etc/secret": "x"})
	if err := syscall.Mkfifo(filepath.Join(m.Root, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	audittest.Chmod(t, m, "/etc/secret", 0)
	for name, want := range map[string]error{"/etc/long": audit.ErrTooLarge, "/pipe": audit.ErrNotRegular, "/none": fs.ErrNotExist} {
		_, err := m.Read(name, 100)
		if !errors.Is(err, want) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), m.Root) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	audittest.AsOrdinaryUser(t, func() {
		_, err := m.Read("/etc/secret", 100)
		f := m.Unseen("x", "whether it is safe", err)
		if f.Severity != findings.Unknown || f.What != "cannot tell whether it is safe: cannot open /etc/secret: permission denied" || f.Hint == "" {
			t.Errorf("got %+v", f)
		}
	})
}

func TestInFolder(t *testing.T) {
	from := audittest.Machine(t, map[string]string{"/etc/hostname": "pbx1\n"})
	m, err := audit.InFolder(from.Root, audittest.Now)
	if err != nil || m.Name != "pbx1" || m.IsThis() {
		t.Fatalf("got %+v, %v", m, err)
	}
	if _, err := m.Do(t.Context(), program.Command{Name: "true"}); !errors.Is(err, audit.ErrNoPrograms) {
		t.Errorf("got %v", err)
	}
	if _, err := m.Connect(t.Context(), "192.0.2.1:443"); !errors.Is(err, audit.ErrNoDial) {
		t.Errorf("got %v", err)
	}
	for _, f := range audit.Examine(context.Background(), m, parts.All()).Findings {
		if f.What == "" || f.Severity > findings.Note && f.Hint == "" && len(f.Fix) == 0 {
			t.Errorf("no text, or nothing to do: %+v", f)
		}
	}
	for _, wrong := range []string{filepath.Join(from.Root, "none"), filepath.Join(from.Root, "etc/hostname")} {
		if _, err := audit.InFolder(wrong, audittest.Now); err == nil {
			t.Errorf("%s: got no error", wrong)
		}
	}
	if m := audit.This(audittest.Now); !m.IsThis() || m.Dial == nil || m.Run == nil {
		t.Errorf("got %+v", m)
	}
}

func TestSystem(t *testing.T) {
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"/etc/os-release": "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"}, "apt-get update && apt-get install --only-upgrade tar"},
		{map[string]string{"/usr/lib/os-release": "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"}, "apt-get update && apt-get install --only-upgrade tar"},
		{map[string]string{"/etc/os-release": "ID='sangoma'\nID_LIKE=\"rhel fedora\"\n"}, "yum update tar"},
		{map[string]string{"/etc/redhat-release": "CentOS release 5.11 (Final)\n"}, "yum update tar"},
		{map[string]string{"/etc/os-release": "ID=alpine\n"}, ""},
		{nil, ""},
	} {
		if got := audittest.Machine(t, c.files).System().Upgrade("tar", "tar"); got != c.want {
			t.Errorf("%q: got %q, want %q", c.files, got, c.want)
		}
	}
}

func TestListening(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	m := audittest.Machine(t, map[string]string{
		"/proc/net": "-> self/net",
		"/proc/self/net/tcp": head +
			"   0: 0100007F:13AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0\n" +
			"   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0\n" +
			"   2: 00000000:0017 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0\nrubbish\n",
		"/proc/self/net/udp6": head + "   0: 000080FE00000000FF005450FE000000:13C4 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 444 1 0\n",
		"/proc/77/comm":       "asterisk\n",
		"/proc/77/fd/3":       "-> socket:[111]",
		"/proc/77/fd/4":       "-> /dev/null",
	})
	list, err := m.Listening()
	var got []string
	for _, s := range list {
		world := "own"
		if s.World() {
			world = "world"
		}
		got = append(got, strings.Join([]string{s.Protocol, s.At.String(), s.Program, world}, " "))
	}
	want := []string{"tcp 0.0.0.0:22  world", "udp [fe80::50:54ff:0:fe]:5060  world", "tcp 127.0.0.1:5038 asterisk own"}
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || len(got) != 3 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := audittest.Machine(t, nil).Listening(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no /proc: got %v", err)
	}
}

func FuzzListeners(f *testing.F) {
	f.Add("   0: 0100007F:13AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0\n")
	f.Add("0: 000080FE00000000FF005450FE000000:13C4 00000000000000000000000000000000:0000 0A a b c d e 9\n")
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		m := &audit.Machine{Root: root}
		if err := os.MkdirAll(filepath.Join(root, "proc/net"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "proc/net/tcp"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		list, err := m.Listening()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			if !s.At.IsValid() || s.At.Port() == 0 {
				t.Errorf("got %+v of %q", s, text)
			}
		}
	})
}
