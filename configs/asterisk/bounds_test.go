package asterisk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"pbxjail/configs/hint"
)

// folder writes files into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// lines is a text of n lines, each made of its number.
func lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i/65536%256, i/256%256, i%256)
	}
	return b.String()
}

const trunk = "[trunk]\ntype=identify\nmatch=203.0.113.1\n"

func TestNothingThere(t *testing.T) {
	for name, dir := range map[string]string{"no folder": "testdata/not-there", "no file": t.TempDir()} {
		if trusts, problems := Read(dir); len(trusts) != 0 || len(problems) != 0 {
			t.Errorf("%s: got %v, %v, want nothing", name, trusts, problems)
		}
	}
}

// A problem in one place is reported, and the rest around it is read.
func TestBounds(t *testing.T) {
	after := "[after]\nmatch=203.0.113.2\n"
	for name, tc := range map[string]struct {
		files  map[string]string
		trusts int // -1: as many as were read before it was too much
		want   string
	}{
		"a long line": {
			map[string]string{"pjsip.conf": trunk + "match=" + strings.Repeat("1", maxLine) + "\n" + after}, 2,
			"pjsip.conf:4: the line is longer than 8190 bytes, and is ignored",
		},
		"a line just not too long": {
			map[string]string{"pjsip.conf": trunk + strings.Repeat("1", maxLine) + "\n" + after}, 2, "",
		},
		"a big file": {
			map[string]string{"pjsip.conf": trunk + "#include big.conf\n" + after, "big.conf": after + strings.Repeat("\n", maxFile)}, 2,
			"the file is larger than 16 MiB",
		},
		"a file that includes too many": {
			map[string]string{"pjsip.conf": trunk + strings.Repeat("#include empty.conf\n", purse/costOfFile+1) + after, "sip.conf": "[p]\nhost=203.0.113.3\n", "empty.conf": ""}, 2,
			"Asterisk's configuration is too large: pbxjail does not read the rest, so addresses in it can be banned",
		},
		"templates that double": {
			map[string]string{"pjsip.conf": trunk + doubling(40), "sip.conf": "[p]\nhost=203.0.113.3\n"}, 3,
			"Asterisk's configuration is too large: pbxjail does not read the rest, so addresses in it can be banned",
		},
		"a long access list": {
			map[string]string{"pjsip.conf": trunk + "[acl]\ndeny=0.0.0.0/0\n" + lines(60000, "permit=10.%d.%d.%d"), "sip.conf": "[p]\nhost=203.0.113.3\n"}, -1,
			"Asterisk's configuration is too large: pbxjail does not read the rest, so addresses in it can be banned",
		},
		"many peers": {
			map[string]string{"pjsip.conf": "[trunk]\n" + lines(maxTrusts+10, "contact=sip:10.%d.%d.%d")}, maxTrusts,
			"there are more than 10000 peers: pbxjail does not protect the others",
		},
		"deep includes": {
			map[string]string{
				"pjsip.conf": trunk + "#include 0.conf\n" + after,
				"0.conf":     "#include 1.conf\n", "1.conf": "#include 2.conf\n", "2.conf": "#include 3.conf\n", "3.conf": "#include 4.conf\n",
				"4.conf": "#include 5.conf\n", "5.conf": "#include 6.conf\n", "6.conf": "#include 7.conf\n",
				"7.conf": "#include 8.conf\n", "8.conf": "match=203.0.113.5\n#include 9.conf\n", "9.conf": "match=203.0.113.6\n",
			}, 3,
			"#include is more than 10 levels deep",
		},
		"a comment without an end": {
			map[string]string{"pjsip.conf": trunk + ";--\n" + after, "sip.conf": after}, 2, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			trusts, problems := Read(folder(t, tc.files))
			if len(trusts) != tc.trusts && tc.trusts >= 0 || len(trusts) < 2 {
				t.Errorf("got %d trusts, want %d", len(trusts), tc.trusts)
			}
			if got := story(nil, problems); tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// doubling is n sections, each with twice the settings of the one before.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString("[d0]\nmatch=203.0.113.4\n")
	for i := range n {
		fmt.Fprintf(&b, "[d%d](d%d,d%d)\n", i+1, i, i)
	}
	return b.String()
}

func TestManyProblems(t *testing.T) {
	_, problems := Read(folder(t, map[string]string{"pjsip.conf": "[a]\n" + lines(1000, "contact=sip:-%d.%d.%d") + lines(maxTrusts+1, "contact=sip:10.%d.%d.%d")}))
	if len(problems) != maxProblems+2 {
		t.Fatalf("got %d problems, want %d, and two that concern everything", len(problems), maxProblems)
	}
	for i, want := range []string{"Asterisk's files have more problems, which are not shown", "there are more than 10000 peers: pbxjail does not protect the others"} {
		if got := problems[maxProblems+i].Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// An include of anything but a file must neither wait nor open it.
func TestIncludeOfNoFile(t *testing.T) {
	dir := folder(t, map[string]string{"pjsip.conf": "#include pipe\n#include /dev/zero\n#include /proc/kmsg\n" + trunk})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	trusts, problems := Read(dir)
	if len(trusts) != 1 || len(problems) != 2 {
		t.Errorf("got %v, %v, want the trunk, and two problems: the kernel's file counts as empty", trusts, problems)
	}
}

func TestWholePathAndLinks(t *testing.T) {
	other := folder(t, map[string]string{"trunk.conf": trunk})
	dir := folder(t, map[string]string{"pjsip.conf": "#include " + other + "/trunk.conf\n#include link.conf\n"})
	if err := os.Symlink(filepath.Join(dir, "pjsip.conf"), filepath.Join(dir, "link.conf")); err != nil {
		t.Fatal(err)
	}
	trusts, problems := Read(dir)
	if len(trusts) != 1 || trusts[0].File != other+"/trunk.conf" || !strings.Contains(trusts[0].Why, other+"/trunk.conf:3 match") {
		t.Errorf("got %v, want the trunk with its whole path", trusts)
	}
	if got := story(nil, problems); !strings.Contains(got, "includes itself") && !strings.Contains(got, "deep") {
		t.Errorf("got %q, want the loop over the link reported", got)
	}
}

// asOrdinaryUser runs f on a thread that reads files as an ordinary user. setfsuid(2)
// concerns one thread, which ends with the goroutine, because it is never unlocked.
func asOrdinaryUser(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Getuid() == 0 {
			runtime.LockOSThread()
			_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		}
		f()
	}()
	<-done
}

func TestPermission(t *testing.T) {
	dir := folder(t, map[string]string{"pjsip.conf": "#include secret.conf\n" + trunk, "secret.conf": trunk, "iax.conf": trunk})
	for path, mode := range map[string]fs.FileMode{filepath.Dir(dir): 0o755, dir: 0o755, dir + "/secret.conf": 0, dir + "/iax.conf": 0} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	asOrdinaryUser(func() {
		trusts, problems := Read(dir)
		if len(trusts) != 1 || len(problems) != 2 {
			t.Errorf("got %v, %v, want the trunk and two problems", trusts, problems)
		}
		for _, err := range problems {
			if !errors.Is(err, fs.ErrPermission) || hint.Of(err) == "" {
				t.Errorf("got %v (hint %q), want fs.ErrPermission and a hint", err, hint.Of(err))
			}
		}
	})
}

// The passwords of every sample are words that nothing may repeat.
func TestPasswordsStayWhereTheyAre(t *testing.T) {
	folders, err := filepath.Glob("testdata/*")
	if err != nil || len(folders) < 15 {
		t.Fatalf("got %d folders, %v", len(folders), err)
	}
	for _, folder := range folders {
		got := story(Read(folder))
		for _, secret := range []string{"secretpass", "not-told", "cret", "Leg1t", "Str0ng", "Acl-", "Iax-", "topsecret", "torkey"} {
			if strings.Contains(got, secret) {
				t.Errorf("%s: got %q in a message, want no password there:\n%s", folder, secret, got)
			}
		}
	}
}
