package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"pbxjail/cmd/internal/lab"
)

// fleet is PBXs with real ssh servers in one namespace, and the machine of an admin in
// another one. Nothing of the ssh configuration of the host is used.
type fleet struct {
	*testing.T
	net *lab.Net
	dir string
	log string // of all ssh servers
}

// farJailctl are programs that are installed as jailctl on a PBX. %s is the real one.
var farJailctl = map[string]string{
	"good":   "echo $$ > %[2]s/pid; exec %[1]s \"$@\"",
	"hangs":  "echo pbxjail-remote 1; exec sleep 600",
	"old":    "echo 'jailctl: unknown verb \"remote\"' >&2; exit 2",
	"noisy":  "echo 'Welcome to this PBX'; exec %[1]s \"$@\"",
	"exits":  "echo pbxjail-remote 1; exit 137",
	"liar":   `printf 'pbxjail-remote 1\nfine \033]0;owned\007\033[2J\302\2331mover\r\n'; printf '\033[8mred\n' >&2`,
	"floods": "echo pbxjail-remote 1; exec yes",
}

// newFleet makes the PBXs of the names in farJailctl, and more: none has no jailctl, down
// drops packets, changed has another host key than it had, stranger does not accept the key
// of the admin, behind is reached through good alone.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	t.Parallel()
	f := &fleet{T: t, net: lab.ForTest(t, "ssh", "sshd", "ssh-keygen", "iptables")}
	dir, err := os.MkdirTemp("", "ssh") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	f.dir, f.log = dir, filepath.Join(dir, "sshd.log")
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, key := range []string{"host", "other", "admin", "foreign"} {
		f.must(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f.path(key)).Run())
	}
	f.must(os.Mkdir(f.path("run"), 0o755), f.net.PBX.Mount(f.path("run"), "/run/sshd"))

	config := f.path("config")
	f.write("config", "Host *\n User root\n IdentitiesOnly yes\n IdentityFile "+f.path("admin")+"\n UserKnownHostsFile "+f.path("known")+
		"\n GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n")
	names := append([]string{"none", "down", "changed", "stranger"}, sortedKeys(farJailctl)...)
	for i, name := range names {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(30 + i)})
		f.own(addr)
		f.serve(name, addr.String(), 22)
		f.add(config, "Host "+name+"\n HostName "+addr.String()+"\n")
		if name == "down" {
			f.drop(addr)
		}
	}
	f.serve("behind", "127.0.0.1", 2222)
	f.add(config, "Host behind\n HostName 127.0.0.1\n Port 2222\n ProxyJump good\n")
	return f
}

func (f *fleet) path(name string) string { return filepath.Join(f.dir, name) }

func (f *fleet) must(errs ...error) {
	f.Helper()
	if err := errors.Join(errs...); err != nil {
		f.Fatal(err)
	}
}

func (f *fleet) write(name, text string) {
	f.Helper()
	f.must(os.WriteFile(f.path(name), []byte(text), 0o600))
}

func (f *fleet) add(path, text string) {
	f.Helper()
	old, err := os.ReadFile(path)
	if !errors.Is(err, os.ErrNotExist) {
		f.must(err)
	}
	f.must(os.WriteFile(path, append(old, text...), 0o600))
}

func sortedKeys(m map[string]string) (list []string) {
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// own gives the PBXs one more address.
func (f *fleet) own(addr netip.Addr) {
	f.Helper()
	f.must(f.net.PBX.Do(func() error {
		wire, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		own, err := netlink.ParseAddr(addr.String() + "/25")
		if err != nil {
			return err
		}
		return netlink.AddrAdd(wire, own)
	}))
}

func (f *fleet) drop(addr netip.Addr) {
	f.Helper()
	_, err := f.net.PBX.Output(exec.Command("iptables", "-w", "-A", "INPUT", "-d", addr.String(), "-j", "DROP"))
	f.must(err)
}

// serve starts the ssh server of a PBX. Its host key is known to the admin.
func (f *fleet) serve(name string, addr string, port int) {
	f.Helper()
	key, accepted := "host", "admin"
	switch name {
	case "changed":
		key = "other"
	case "stranger":
		accepted = "foreign"
	}
	bin := f.path(name + ".bin")
	f.must(os.Mkdir(bin, 0o755))
	script, found := farJailctl[name]
	if !found {
		script = "exec %[1]s \"$@\""
	}
	if name != "none" {
		f.must(os.WriteFile(filepath.Join(bin, "jailctl"), []byte("#!/bin/sh\n"+fmt.Sprintf(script+"\n#%.0[1]s%.0[2]s", program("jailctl"), f.dir)+"\n"), 0o755))
	}
	f.write(name+".conf", fmt.Sprintf("Port %d\nListenAddress %s\nHostKey %s\nAuthorizedKeysFile %s.pub\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nMaxStartups 100\nPermitUserRC no\nSetEnv PATH=%s:/usr/bin:/bin\n",
		port, addr, f.path(key), f.path(accepted), bin))
	cmd := exec.Command("sshd", "-D", "-f", f.path(name+".conf"), "-E", f.log)
	path, err := exec.LookPath("sshd") // sshd starts itself again, and wants its whole path for that
	f.must(err)
	cmd.Args[0] = path
	f.must(f.net.PBX.Start(cmd))
	f.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	public, err := os.ReadFile(f.path("host.pub"))
	f.must(err)
	host := addr
	if port != 22 {
		host = fmt.Sprintf("[%s]:%d", addr, port)
	}
	f.add(f.path("known"), host+" "+string(public))
	f.listens(addr, port)
}

// listens waits until a server is there.
func (f *fleet) listens(addr string, port int) {
	f.Helper()
	if !poll(func() bool {
		out, err := f.net.PBX.Output(exec.Command("ss", "-Htln", "src", addr+":"+strconv.Itoa(port)))
		return err == nil && len(out) > 0
	}) {
		f.Fatalf("no ssh server at %s:%d", addr, port)
	}
}

// answer is what a program printed, and its exit status.
type remoteAnswer struct {
	out, said string
	exit      int
}

// jailctl makes jailctl of the admin, with the ssh configuration of the test.
func (f *fleet) jailctl(args ...string) *exec.Cmd {
	cmd := exec.Command(program("jailctl"), args...)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK=", "COLUMNS=", "HOME="+f.dir, "TZ=UTC")
	return cmd
}

// run runs jailctl of the admin to its end.
func (f *fleet) run(stdin string, args ...string) remoteAnswer {
	f.Helper()
	var out, said bytes.Buffer
	cmd := f.jailctl(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &said
	f.must(f.net.World.Start(cmd))
	_ = cmd.Wait() // the exit status is in the answer
	return remoteAnswer{out.String(), said.String(), cmd.ProcessState.ExitCode()}
}

// on runs a verb on one PBX.
func (f *fleet) on(host, stdin string, args ...string) remoteAnswer {
	f.Helper()
	return f.run(stdin, append([]string{"--ssh-config", f.path("config"), "--host", host}, args...)...)
}

// Arguments arrive as they are, whatever a shell would make of them, and what comes back is
// what the verb prints on the PBX itself, through a jump host and beside a noisy log-in too.
func TestRemoteIsAsLocal(t *testing.T) {
	f := newFleet(t)
	log := "[2026-01-02 03:04:05] NOTICE[1638] chan_sip.c: Registration from '\"301\" <sip:301@pbx.example>' failed for '203.0.113.9:5071' - Wrong password\n"
	none := f.path("no-daemon")
	for i, args := range [][]string{
		{"parse", "-"},
		{"version"},
		{"list", "--socket", none},
		{"geoip", "lookup", "--json", "203.0.113.9", "2001:db8::1"},
		{"ban", "it's"},
		{"ban", `"two words" \ ;id`},
		{"ban", "$(touch " + f.path("bad") + ")`touch " + f.path("bad") + "`"},
		{"ban", "a\nb\r\n\tc"},
		{"ban", "\xff\x80\x1b[2J"},
		{"ban", ""},
		{"ban", "*", "-o"},
		{"ban", "--", "--host"},
		{"help", "-"},
	} {
		want := f.run(log, args...)
		hosts := []string{"good", "behind", "noisy"}
		if i > 2 {
			hosts = hosts[:1]
		}
		for _, host := range hosts {
			if got := f.on(host, log, args...); got != want {
				t.Errorf("%q on %s: got %+v, want %+v", args, host, got, want)
			}
		}
	}
	if _, err := os.Stat(f.path("bad")); err == nil {
		t.Error("an argument was run by a shell")
	}
	if got := f.on("exits", "", "status"); got.exit != 137 {
		t.Errorf("got %+v, want exit status 137", got)
	}
	if got := f.on("good", "", "--host", "noisy", "status"); got.exit == 0 {
		t.Errorf("got %+v for two hosts", got)
	}
}

// What a PBX prints that somebody took over does not steer the terminal.
func TestRemoteLiar(t *testing.T) {
	f := newFleet(t)
	got := f.on("liar", "", "status")
	if want := (remoteAnswer{"fine \\x1b]0;owned\\a\\x1b[2J\\u009b1mover\n", "\\x1b[8mred\n", 0}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	f.write("pbxs", "liar\nfloods\n")
	for _, args := range [][]string{{"--json"}, {"--wide"}, {}} {
		got := f.run("", append([]string{"--ssh-config", f.path("config"), "--time-limit", "6s", "--hosts", f.path("pbxs"), "status"}, args...)...)
		for _, b := range []byte(got.out + got.said) {
			if b != '\n' && (b < ' ' || b > '~') {
				t.Fatalf("%q: got byte %#x", args, b)
			}
		}
		if len(got.out) > 16<<20 || got.exit != 5 {
			t.Errorf("%q: got %d bytes, exit status %d", args, len(got.out), got.exit)
		}
	}
}

// One PBX of each kind of trouble, beside a good one: one row each, with what to do.
func TestHostsFile(t *testing.T) {
	f := newFleet(t)
	want := map[string]string{
		"good": "no daemon answers", "down": "it does not answer", "hangs": "no whole answer within 8s",
		"changed": "the host key is not the one that ssh knows", "stranger": "it does not accept the key",
		"none": "there is no jailctl on it", "old": "the pbxjail there is too old", "behind": "no daemon answers",
	}
	for name := range want {
		f.add(f.path("pbxs"), name+" # "+want[name]+"\n")
	}
	hosts := []string{"--ssh-config", f.path("config"), "--time-limit", "8s", "--hosts", f.path("pbxs")}
	status := []string{"--socket", f.path("no-daemon"), "status"}
	got := f.run("", append(hosts, status...)...)
	rows := map[string]string{}
	for line := range strings.Lines(got.out) {
		name, rest, _ := strings.Cut(line, " ")
		rows[name] = rest
	}
	for name, text := range want {
		exit := "5"
		if strings.Contains(text, "daemon") {
			exit = "1"
		}
		if fields := strings.Fields(rows[name]); !strings.Contains(rows[name], text) || len(fields) == 0 || fields[0] != exit {
			t.Errorf("%s: got %q, want %s %q", name, rows[name], exit, text)
		}
	}
	if got.exit != 5 || !strings.Contains(got.said, "6 of 8 PBXs did not answer; 2 of 8 PBXs ended with an exit status other than 0") || !strings.Contains(got.said, "hint: install this release of pbxjail on old") {
		t.Errorf("got exit status %d, %s", got.exit, got.said)
	}

	f.write("pbxs", "good\nbehind\nnoisy\n")
	if got = f.run("", append(hosts, "version")...); got.exit != 0 || got.said != "" {
		t.Errorf("got %+v", got)
	}
	got = f.run("", append(hosts, "--json", "version")...)
	var list []struct {
		Host   string
		Exit   int
		Answer struct{ API string }
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || len(list) != 3 || list[2].Host != "noisy" || list[2].Answer.API == "" {
		t.Errorf("got %v, %s", err, got.out)
	}
	if got = f.run("", append(hosts, "ban", "203.0.113.9")...); got.exit != 2 || !strings.Contains(got.said, "--yes") {
		t.Errorf("a ban on many PBXs without a question: got %+v", got)
	}
	if got = f.run("", append(hosts, "--yes", "--socket", f.path("no-daemon"), "ban", "203.0.113.9")...); got.exit != 1 || strings.Count(got.out, "no daemon answers") != 3 {
		t.Errorf("got %+v", got)
	}
}

// The end of one side ends the other: ctrl-c of the admin, and ssh that is killed.
func TestRemoteEnds(t *testing.T) {
	f := newFleet(t)
	for _, tt := range []struct {
		what string
		end  func(cmd *exec.Cmd) error
		exit int
		said string
	}{
		{"ctrl-c", ctrlC, 1, "stopped by ctrl-c"},
		{"the terminal is closed", func(cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGHUP) }, 1, "stopped by ctrl-c"},
		{"ssh killed", func(cmd *exec.Cmd) error { return syscall.Kill(childOf(cmd.Process.Pid), syscall.SIGKILL) }, 5, "the connection was lost"},
	} {
		_ = os.Remove(f.path("pid"))
		var said bytes.Buffer
		cmd := f.jailctl("--ssh-config", f.path("config"), "--host", "good", "parse", "-")
		cmd.Stderr, cmd.SysProcAttr = &said, &syscall.SysProcAttr{Setpgid: true}
		input, err := cmd.StdinPipe() // and its end never comes
		f.must(err)
		f.must(f.net.World.Start(cmd))
		pid := 0
		if !poll(func() bool {
			text, _ := os.ReadFile(f.path("pid"))
			pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
			return pid > 0
		}) {
			t.Fatalf("%s: jailctl does not start there: %s", tt.what, said.String())
		}
		_, err = input.Write(bytes.Repeat([]byte("no log\n"), 100_000)) // more than fits into pipes: it is read there
		f.must(err)
		f.must(tt.end(cmd))
		_ = cmd.Wait()
		input.Close()
		if got := cmd.ProcessState.ExitCode(); got != tt.exit || !strings.Contains(said.String(), tt.said) {
			t.Errorf("%s: got exit status %d, %s", tt.what, got, said.String())
		}
		if !poll(func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }) {
			t.Errorf("%s: jailctl still runs on the PBX", tt.what)
		}
	}
}

// Ctrl-c ends the question to many: what has come is printed, and what has not is named.
func TestHostsStop(t *testing.T) {
	f := newFleet(t)
	f.write("pbxs", "good\nhangs\nnoisy\n")
	var out, said bytes.Buffer
	cmd := f.jailctl("--ssh-config", f.path("config"), "--parallel", "1", "--hosts", f.path("pbxs"), "version")
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	f.must(f.net.World.Start(cmd))
	asked := func(name string) bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", childOf(cmd.Process.Pid)))
		return bytes.Contains(text, []byte("\x00"+name+"\x00"))
	}
	if !poll(func() bool { return asked("hangs") }) {
		t.Fatal("the second host is not asked")
	}
	f.must(ctrlC(cmd))
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 5 || !strings.Contains(said.String(), "stopped by ctrl-c: 2 of 3 PBXs did not answer") {
		t.Errorf("got exit status %d, %s", got, said.String())
	}
	for _, row := range []string{"good +0 ", "hangs +5 +stopped by ctrl-c", "noisy +5 +not asked"} {
		if !regexp.MustCompile("(?m)^" + row).MatchString(out.String()) {
			t.Errorf("got %s, want %s", out.String(), row)
		}
	}
}

// childOf is the ssh that a jailctl has started; 0: none.
func childOf(pid int) (child int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			child, _ = strconv.Atoi(fields[0])
		}
	}
	return child
}

// TestFortyHosts is the article's forty servers. How long they take is in its log.
func TestFortyHosts(t *testing.T) {
	f := newFleet(t)
	public, err := os.ReadFile(f.path("host.pub"))
	f.must(err)
	config, known, list := "", "", ""
	for i := range 40 {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(60 + i)})
		f.own(addr)
		config += fmt.Sprintf("Host pbx%d\n HostName %s\n", i, addr)
		known += addr.String() + " " + string(public)
		list += fmt.Sprintf("pbx%d\n", i)
		f.serve(fmt.Sprintf("pbx%d", i), addr.String(), 22)
	}
	f.add(f.path("config"), config)
	f.add(f.path("known"), known)
	for _, n := range []int{5, 40} {
		f.write("pbxs", strings.Join(strings.SplitAfter(list, "\n")[:n], ""))
		for _, verb := range [][]string{{"geoip", "status"}, {"audit", "--only", "shellshock"}} {
			began := time.Now()
			got := f.run("", append([]string{"--ssh-config", f.path("config"), "--hosts", f.path("pbxs")}, verb...)...)
			t.Logf("%d hosts, 8 at the same time, %s: %s", n, verb[0], time.Since(began).Round(time.Millisecond))
			if rows := strings.Count(got.out, "\npbx"); rows != n || got.exit == 5 {
				t.Errorf("got %d rows, exit status %d, %s", rows, got.exit, got.said)
			}
		}
	}
}
