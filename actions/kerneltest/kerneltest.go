// Package kerneltest gives tests a kernel: network namespaces of their own, the variants of
// iptables, and hosts that attack a PBX over a cable. Tests of package actions and of its
// folders call it. Only tests may import it.
package kerneltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Need skips where there is no root or no program; with PBXJAIL_KERNEL=1 that fails.
func Need(t testing.TB) {
	t.Helper()
	missing := ""
	if os.Geteuid() != 0 {
		missing = "root"
	}
	for _, tool := range []string{"iptables", "ip6tables", "iptables-save", "ip6tables-save", "ipset", "iptables-restore", "nft", "conntrack"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = tool
		}
	}
	if missing == "" {
		return
	}
	if os.Getenv("PBXJAIL_KERNEL") == "1" {
		t.Fatalf("kernel tests need %s", missing)
	}
	t.Skipf("kernel tests need %s", missing)
}

// InNamespace moves the test's thread into a network namespace of its own. The
// thread stays locked, so it and the namespace end with the test's goroutine.
func InNamespace(t testing.TB) netns.NsHandle {
	t.Helper()
	Need(t)
	runtime.LockOSThread()
	before, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The thread ends with the test, but the main thread of the process never ends:
		// /proc/self would show the namespace of this test to all that follow.
		if unix.Gettid() == unix.Getpid() {
			netns.Set(before)
		}
		before.Close()
		ns.Close()
	})
	return ns
}

// WithTools makes `iptables` and its relatives the ones of a variant ("nft",
// "legacy"). It uses its own legacy lock, so that other tests never wait for it.
func WithTools(t testing.TB, variant string) {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore", "ipset", "nft", "conntrack"} {
		source := tool
		if family, ok := strings.CutPrefix(tool, "ip6tables"); ok {
			source = "ip6tables-" + variant + family
		} else if family, ok := strings.CutPrefix(tool, "iptables"); ok {
			source = "iptables-" + variant + family
		}
		path, err := exec.LookPath(source)
		if err != nil {
			if os.Getenv("PBXJAIL_KERNEL") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	t.Setenv("XTABLES_LOCKFILE", filepath.Join(dir, "xtables.lock"))
}

// Tool runs a program and returns what it printed.
func Tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Eventually polls until done is true, at most 60 s: a busy machine is slow.
func Eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(60 * time.Second); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen in time: %s", what)
		}
	}
}

// WithoutRight takes a capability from the test's thread until it is restored.
func WithoutRight(t testing.TB, right uint) (restore func()) {
	t.Helper()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&head, &had[0]); err != nil {
		t.Fatal(err)
	}
	set := func(rights [2]unix.CapUserData) {
		t.Helper()
		if err := unix.Capset(&head, &rights[0]); err != nil {
			t.Fatal(err)
		}
	}
	fewer := had
	fewer[right/32].Effective &^= 1 << (right % 32)
	set(fewer)
	return func() { set(had) }
}
