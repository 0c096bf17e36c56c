package lab

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-iptables/iptables"
	"github.com/vishvananda/netlink"
)

// respond runs a Responder for the length of the test.
func respond(t *testing.T, n *Net) {
	t.Helper()
	r, err := n.NewResponder(Port)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- r.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Errorf("responder: %v", err)
		}
	})
}

func answered(t *testing.T, n *Net, from string) bool {
	t.Helper()
	got, err := n.Answered(t.Context(), netip.MustParseAddr(from))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAnyAddressIsAnswered(t *testing.T) {
	n := ForTest(t)
	if answered(t, n, "198.51.100.7") {
		t.Fatal("answered, but no program listens")
	}
	respond(t, n)
	for _, from := range []string{
		"198.51.100.7", "203.0.113.255", "192.0.2.130", "37.75.209.113", "8.8.8.8",
		"2001:db8:a1:40::66", "2001:db8:1e::107", "2a00::1",
	} {
		if !answered(t, n, from) {
			t.Errorf("%s: no answer", from)
		}
	}
}

func TestDroppedIsNotAnswered(t *testing.T) {
	n := ForTest(t, "iptables", "ip6tables")
	respond(t, n)
	for _, c := range []struct {
		proto            iptables.Protocol
		attacker, honest string
	}{
		{iptables.ProtocolIPv4, "198.51.100.7", "198.51.100.8"},
		{iptables.ProtocolIPv6, "2001:db8:a1::7", "2001:db8:a1::8"},
	} {
		t.Run(c.attacker, func(t *testing.T) {
			if !answered(t, n, c.attacker) {
				t.Fatal("no answer before the rule")
			}
			rule := []string{"-s", c.attacker, "-j", "DROP"}
			inPBX(t, n, c.proto, func(ipt *iptables.IPTables) error {
				return ipt.Insert("raw", "PREROUTING", 1, rule...)
			})
			if answered(t, n, c.attacker) {
				t.Error("answered in spite of the rule")
			}
			if !answered(t, n, c.honest) {
				t.Errorf("%s, which no rule names, gets no answer", c.honest)
			}
			inPBX(t, n, c.proto, func(ipt *iptables.IPTables) error {
				return ipt.Delete("raw", "PREROUTING", rule...)
			})
			if !answered(t, n, c.attacker) {
				t.Error("no answer after the rule was lifted")
			}
		})
	}
}

func inPBX(t *testing.T, n *Net, proto iptables.Protocol, f func(*iptables.IPTables) error) {
	t.Helper()
	err := n.PBX.Do(func() error {
		ipt, err := iptables.New(iptables.IPFamily(proto), iptables.Timeout(5))
		if err != nil {
			return err
		}
		return f(ipt)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// eventually asks until it is so; the deadline is only there for what never comes.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}

func TestStreamShowsWhenAnswersStop(t *testing.T) {
	n := ForTest(t, "iptables")
	respond(t, n)
	bad, good := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8:a1::8")
	s, err := n.NewStream(Port, bad, good)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- s.Run(t.Context(), time.Millisecond) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Errorf("stream: %v", err)
		}
	})
	eventually(t, "answers to both", func() bool { c := s.Tallies(); return c[bad].Newest > 0 && c[good].Newest > 0 })

	inPBX(t, n, iptables.ProtocolIPv4, func(ipt *iptables.IPTables) error {
		return ipt.Append("raw", "PREROUTING", "-s", bad.String(), "-j", "DROP")
	})
	at := s.Tallies()
	eventually(t, "50 more answers to the other", func() bool { return s.Tallies()[good].Newest > at[good].Sent+50 })
	got := s.Tallies()[bad]
	if got.Newest > at[bad].Sent {
		t.Errorf("packet %d was answered, but %d was the last before the rule", got.Newest, at[bad].Sent)
	}
	if got.Sent <= at[bad].Sent {
		t.Errorf("the stream stopped sending at %d", got.Sent)
	}
}

func TestStartRunsInside(t *testing.T) {
	n := ForTest(t, "cat")
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	out, err := n.PBX.Output(exec.Command("cat", "/proc/net/if_inet6"))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !bytes.Contains(out, []byte("20010db8000000010000000000000010")) {
		t.Errorf("the program does not see the PBX's address:\n%s", out)
	}
	if now, _ := os.Readlink("/proc/self/ns/net"); now != home {
		t.Errorf("the process itself moved from %s to %s", home, now)
	}
}

func TestNothingLeadsOut(t *testing.T) {
	n := ForTest(t)
	for _, s := range []*Space{n.PBX, n.World} {
		var up []string // a kernel may add tunnels of its own, which are down
		err := s.Do(func() error {
			links, err := netlink.LinkList()
			for _, link := range links {
				if link.Attrs().Flags&net.FlagUp != 0 {
					up = append(up, link.Attrs().Name)
				}
			}
			return err
		})
		if want := []string{"lo", wireName}; err != nil || !slices.Equal(up, want) {
			t.Errorf("%s: got links %v, %v, want %v", s.Name(), up, err, want)
		}
	}
}

func TestMountIsOursAlone(t *testing.T) {
	for _, c := range []struct{ name, target string }{
		{"target exists", t.TempDir()},
		{"target and its folder do not exist", filepath.Join(t.TempDir(), "log", "asterisk")},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := ForTest(t, "cat")
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "full"), []byte("hello"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := n.PBX.Mount(dir, c.target); err != nil {
				t.Fatal(err)
			}
			out, err := n.PBX.Output(exec.Command("cat", filepath.Join(c.target, "full")))
			if err != nil || string(out) != "hello" {
				t.Errorf("got %q, %v, want the file", out, err)
			}
			if _, err := os.Stat(filepath.Join(c.target, "full")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the host sees it too: %v", err)
			}
			if !answered(t, n, "198.51.100.7") { // the network is the same one as before
				respond(t, n)
				if !answered(t, n, "198.51.100.7") {
					t.Error("no answer after the mount")
				}
			}
		})
	}
}

// state is what must be the same before and after.
func state(t *testing.T) string {
	t.Helper()
	var all []string
	entries, err := os.ReadDir(names)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if maker, ours := makerOf(e.Name()); !ours || maker == os.Getpid() {
			all = append(all, e.Name())
		}
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		all = append(all, link.Attrs().Name)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, stem+strconv.Itoa(os.Getpid())) {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func TestCloseLeavesNothing(t *testing.T) {
	ForTest(t, "sleep") // skips where there is no root; and one more beside it must not matter
	before := state(t)
	n, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if during := state(t); during == before {
		t.Fatal("the comparison sees nothing")
	}
	child := exec.Command("sleep", "3600")
	if err := errors.Join(n.PBX.Mount(t.TempDir(), t.TempDir()), n.PBX.Start(child)); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if got := state(t); got != before {
		t.Errorf("got\n%s\nwant\n%s", got, before)
	}
	child.Wait()
	if status := child.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Errorf("the program inside ended by %v, want a kill", status)
	}
	if err := n.PBX.Do(func() error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("Do after Close: got %v, want %v", err, errClosed)
	}
}

func TestLeftoversOfTheDeadAreRemoved(t *testing.T) {
	ForTest(t, "true")
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	stale := []string{stem + strconv.Itoa(dead.Process.Pid) + "-test-pbx", stem + strconv.Itoa(dead.Process.Pid) + "-test-half"}
	alive := stem + "1-test-pbx"
	s, err := openSpace(stale[0])
	if err != nil {
		t.Fatal(err)
	}
	close(s.end) // the thread goes, the name stays, as after a crash
	for _, name := range []string{stale[1], alive} {
		if err := os.WriteFile(filepath.Join(names, name), nil, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { removeName(alive) })
	if err := removeStale(); err != nil {
		t.Fatal(err)
	}
	for _, name := range stale {
		if _, err := os.Lstat(filepath.Join(names, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(names, alive)); err != nil {
		t.Errorf("%s, whose maker lives, was removed: %v", alive, err)
	}
}
