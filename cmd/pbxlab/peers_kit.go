package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kit finds and starts the programs that pbxjail is compared with.
type kit struct {
	folder string // of unpacked packages
	locale string
	cpu    string // that readers of logs are bound to
}

// other is a program that pbxjail is compared with.
type other struct {
	name    string
	program string // its path in its package
	pack    string // its package
	how     string // how it is set up
}

const (
	fail2banRegex = "usr/bin/fail2ban-regex"
	sshguard      = "usr/libexec/sshguard/sshg-parser"
	crowdsec      = "usr/bin/crowdsec"
	bouncer       = "usr/bin/crowdsec-firewall-bouncer"
	ripgrep       = "usr/bin/rg"
	grep          = "usr/bin/grep"
)

var others = []other{
	{"fail2ban", fail2banRegex, "fail2ban", "its filter and jail `asterisk` as shipped, but maxretry 5; fail2ban-regex with `--no-check-all`"},
	{"CrowdSec", crowdsec, "crowdsec", "its hub's asterisk parser and scenarios as shipped; they read SECURITY lines alone, and ban at the sixth"},
	{"CrowdSec's firewall bouncer", bouncer, "crowdsec-firewall-bouncer", "nftables, asks every 10 s, as shipped"},
	{"sshguard", sshguard, "sshguard", "its parser; it has no pattern for Asterisk"},
	{"grep", grep, "grep", "`grep -cE -f FILE`, one expression for each form of an attack"},
	{"ripgrep", ripgrep, "ripgrep", "`rg -c -j1 -f FILE`, the same expressions"},
}

// root is the folder above usr that has a program: the unpacked packages, or the machine.
func (k kit) root(program string) (string, bool) {
	for _, root := range []string{k.folder, "/"} {
		if info, err := os.Stat(filepath.Join(root, program)); err == nil && !info.IsDir() {
			return root, true
		}
	}
	return "", false
}

// command is a program of a package with its arguments. Python's packages of the same root
// are found first.
func (k kit) command(root, program string, args ...string) *exec.Cmd {
	path := filepath.Join(root, program)
	if strings.HasPrefix(filepath.Base(program), "fail2ban") {
		path, args = "/usr/bin/python3", append([]string{path}, args...)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = k.env(root)
	return cmd
}

func (k kit) env(root string) []string {
	return append(os.Environ(), "LC_ALL="+k.locale, "PYTHONPATH="+filepath.Join(root, "usr/lib/python3/dist-packages"), "PYTHONDONTWRITEBYTECODE=1")
}

// versionOf is the version of the package: of an unpacked one `make peers` writes it down.
func (k kit) versionOf(root string, p other) string {
	if text, err := os.ReadFile(filepath.Join(root, "versions")); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, v, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && name == p.pack {
				return v
			}
		}
	}
	v, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", p.pack).Output()
	if err != nil {
		return "(version unknown)"
	}
	return string(v)
}

func (k kit) version(path string, args ...string) string {
	text, _ := exec.Command(path, args...).Output()
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimPrefix(first, "jailctl ")
}

// machine names the machine, and the date.
func machine() string {
	var u unix.Utsname
	unix.Uname(&u)
	model := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			model = strings.TrimLeft(strings.TrimSpace(name), ": ")
			break
		}
	}
	return fmt.Sprintf("%s, %d × %s, Linux %s", time.Now().Format("2 January 2006"), processors(), model, unix.ByteSliceToString(u.Release[:]))
}

func processors() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return 1
	}
	return set.Count()
}

// ran is what one run of a program came to.
type ran struct {
	wall, processor time.Duration
	peak            int // KiB
	out             []byte
}

// measure runs a program to its end on the one processor, and watches its memory.
func (k kit) measure(ctx context.Context, cmd *exec.Cmd) (r ran, err error) {
	if k.cpu != "" {
		bound := exec.CommandContext(ctx, "taskset", append([]string{"-c", k.cpu}, cmd.Args...)...)
		bound.Args[3] = cmd.Path
		bound.Env, bound.Stdin, cmd = cmd.Env, cmd.Stdin, bound
	}
	if cmd.Env == nil {
		cmd.Env = k.env("/")
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return r, err
	}
	ended := make(chan struct{})
	peak := make(chan int)
	go func() { peak <- watchPeak(cmd.Process.Pid, ended) }()
	err = cmd.Wait()
	r.wall = time.Since(begin)
	close(ended)
	r.peak, r.out = <-peak, out.Bytes()
	r.processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	// grep and fail2ban-regex end with 1 if they find nothing.
	if exit := cmd.ProcessState.ExitCode(); err != nil && exit != 1 {
		return r, fmt.Errorf("%s: %w: %.300s", filepath.Base(cmd.Path), err, out.Bytes())
	}
	return r, nil
}

// watchPeak asks for VmHWM until the program ends: its last 20 ms are not seen.
func watchPeak(pid int, ended <-chan struct{}) (peak int) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return peak
		case <-tick.C:
		}
		if _, most, err := memory(pid); err == nil {
			peak = max(peak, most)
		}
	}
}
