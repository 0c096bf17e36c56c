package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// edgeLock removes our rules and holds the lock of iptables, so that the repair waits for
// it, and ends the daemon then. It must end without the lock, as what was asked for.
func edgeLock(t *testing.T) {
	const addr = "203.0.113.9"
	p, _ := onBackend(t, "ipset", "legacy")
	lock, err := os.Create(p.path("xtables.lock"))
	p.must(err)
	defer lock.Close()
	cmd := p.command()
	cmd.Env = append(os.Environ(), "PATH="+p.tools, "XTABLES_LOCKFILE="+lock.Name())
	p.startAs(cmd)
	p.attack(addr, 3)
	p.banned(addr)
	p.history(addr, 1)
	p.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	p.kernel(filepath.Join(p.tools, "iptables"), "-t", "raw", "-F", "PREROUTING") // with another lock
	p.eventually("the repair waits", func() bool { return waitsFor(lock) })
	begin := time.Now()
	if err := p.daemon.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	figure(t, "SIGTERM ends it in %s", time.Since(begin).Round(time.Millisecond))
	p.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN))
	p.start()
	if b := p.list()[addr]; b.Jail != "phones" || b.Strike != 1 {
		t.Errorf("got %+v, want the ban as it was", b)
	}
}

// waitsFor reports whether a program waits for a lock on the file: proc_locks(5).
func waitsFor(file *os.File) bool {
	info, err := file.Stat()
	locks, _ := os.ReadFile("/proc/locks")
	if err != nil {
		return false
	}
	inode := fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "-> ") && strings.Contains(line, inode) {
			return true
		}
	}
	return false
}
