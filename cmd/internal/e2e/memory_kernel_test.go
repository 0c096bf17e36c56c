package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// cgroup makes a cgroup with so much memory, of either version, which ends with the test. It
// returns its folder.
func cgroup(t *testing.T, limit int) string {
	t.Helper()
	name := fmt.Sprintf("pbxjail-e2e-%d-%d", os.Getpid(), limit)
	for _, one := range []struct{ root, file string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max"},
	} {
		dir := filepath.Join(one.root, name)
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if os.WriteFile(filepath.Join(dir, one.file), []byte(strconv.Itoa(limit)), 0o644) == nil {
			for _, swap := range []string{"memory.memsw.limit_in_bytes", "memory.swap.max"} {
				_ = os.WriteFile(filepath.Join(dir, swap), []byte(strconv.Itoa(limit)), 0o644) // where swap is counted
			}
			t.Cleanup(func() { os.Remove(dir) })
			return dir
		}
		os.Remove(dir)
	}
	t.Skip("this machine lets no test make a cgroup with a memory limit")
	return ""
}

// inCgroup names the variable that has this program enter a cgroup, and become the program
// that its arguments name.
const inCgroup = "PBXJAIL_E2E_CGROUP"

func enterCgroup(procs string) {
	err := os.WriteFile(procs, []byte(strconv.Itoa(os.Getpid())), 0)
	if err == nil {
		err = unix.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// edgeMemory has sixty thousand sources guess two passwords each, where there are 40 MB of
// memory. The daemon is not killed, and bans as before.
func edgeMemory(t *testing.T) {
	const sources, batch, addr = 60_000, 5_000, "203.0.113.9"
	dir := cgroup(t, 40_000_000)
	p := newPBX(t)
	inside := p.command()
	if raceDetector() && os.Getenv("BIN") == "" { // which needs many times the memory
		plain := p.path("pbxjail-plain")
		if out, err := exec.Command("go", "build", "-o", plain, "pbxjail/cmd/pbxjail").CombinedOutput(); err != nil {
			t.Fatalf("build the daemon: %v\n%s", err, out)
		}
		inside.Args[0] = plain
	}
	self, err := os.Executable()
	p.must(err)
	inside.Args, inside.Path = append([]string{self}, inside.Args...), self
	inside.Env = append(os.Environ(), inCgroup+"="+filepath.Join(dir, "cgroup.procs"))
	p.startAs(inside)
	log, err := os.OpenFile(p.logs()+"/security", os.O_APPEND|os.O_WRONLY, 0)
	p.must(err)
	defer log.Close()
	for first := 0; first < sources; first += batch {
		var text strings.Builder
		for i := range batch {
			text.WriteString(strings.Repeat(offence(numbered(first+i)), 2))
		}
		_, err := log.WriteString(text.String())
		p.must(err)
		p.eventually("all lines are read", func() bool {
			if p.daemon.gone() {
				t.Fatalf("the daemon ended after %d sources: %v", first+batch, p.daemon.exit)
			}
			_, err := p.try("status")
			return err == nil && p.status().Counters.Lines >= 2*(first+batch)
		})
	}
	p.attack(addr, 3)
	p.banned(addr)
	for _, peak := range []string{"memory.max_usage_in_bytes", "memory.peak"} {
		if text, err := os.ReadFile(filepath.Join(dir, peak)); err == nil {
			n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
			figure(t, "%d sources: at most %d MB with the cache of files, VmHWM %d MiB", sources, n/1_000_000, p.memory("VmHWM"))
		}
	}
	p.stop()
}
