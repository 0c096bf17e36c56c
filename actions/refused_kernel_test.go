package actions

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pbxjail/actions/kerneltest"
	"pbxjail/actions/xtables"
	"pbxjail/configs/ports"
)

// refuseNetlink makes the kernel refuse sockets to its packet filter to the test's thread and
// the programs that it starts, as OpenVZ does. The thread ends with the test.
func refuseNetlink(t *testing.T, with unix.Errno) {
	t.Helper()
	const number, domain, protocol = 0, 16, 32 // in struct seccomp_data, of a machine with the low bytes first
	const allow = 7                            // the instruction that lets the call through
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	only := func(value uint32, here uint8) unix.SockFilter { // else to allow
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: allow - here - 1}
	}
	program := []unix.SockFilter{
		load(number), only(unix.SYS_SOCKET, 1),
		load(domain), only(unix.AF_NETLINK, 3),
		load(protocol), only(unix.NETLINK_NETFILTER, 5),
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(with)},
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&filter)), 0, 0); err != nil {
		t.Fatal("install a seccomp filter: ", err)
	}
	if fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER); err != with {
		t.Fatalf("got socket %d, error %v, want %v", fd, err, with)
	}
}

// TestNetlinkRefused: on such hosts auto uses plain rules of iptables-legacy, the only kind
// that works there. It says why, and the rules drop packets.
func TestNetlinkRefused(t *testing.T) {
	for _, with := range []unix.Errno{unix.EPERM, unix.EPROTONOSUPPORT, unix.ENOENT} {
		for _, hook := range []string{"raw", "filter"} {
			t.Run(hook+"/"+unix.ErrnoName(with), func(t *testing.T) {
				a := kerneltest.NewAttacker(t)
				refuseNetlink(t, with)
				e, notes, err := Open("auto", Options{Hook: hook, Groups: somePorts()})
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				if _, plain := e.(*xtables.Enforcer); !plain {
					t.Fatalf("got %s, want plain rules", e.Name())
				}
				if len(notes) != 1 || !strings.Contains(notes[0], "plain iptables rules are used") || !strings.Contains(notes[0], "does not allow netlink") {
					t.Errorf("got notes %q", notes)
				}
				degraded := mustSetup(t, e)
				if said := strings.Contains(strings.Join(degraded, ""), "on open connections pass"); said != (hook == "filter") {
					t.Errorf("got degraded %q", degraded)
				}
				settled(t, e)
				answered(t, a.V4, "before")
				mustBan(t, e, kerneltest.Attacker4+"/32", time.Hour)
				kerneltest.Eventually(t, "a packet is dropped", func() bool {
					a.V4.Write([]byte("banned"))
					return bans(t, e)[kerneltest.Attacker4+"/32"].packets > 0
				})
				wantIntact(t, e, true, 1)
				kerneltest.Tool(t, "iptables-legacy", "-t", hook, "-F")
				if intact, _, err := e.Check(); intact || err != nil {
					t.Errorf("got intact %t, error %v after a flush", intact, err)
				}
				settled(t, e)
				if err := e.Ban(nth(1), ports.Set("sip"), time.Hour); err != nil {
					t.Error(err)
				}
				if err := e.Teardown(); err != nil {
					t.Fatal(err)
				}
				answered(t, a.V4, "torn down")
				if err := Clear(Options{}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestNetlinkForbidden: on others the sockets open, and each question is refused.
func TestNetlinkForbidden(t *testing.T) {
	kerneltest.InNamespace(t)
	defer kerneltest.WithoutRight(t, unix.CAP_NET_ADMIN)() // the programs that it starts have it
	e, notes, err := Open("auto", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, plain := e.(*xtables.Enforcer); !plain {
		t.Fatalf("got %s, want plain rules", e.Name())
	}
	if len(notes) == 0 || !strings.Contains(notes[0], "plain iptables rules are used") || !strings.Contains(notes[0], "operation not permitted") {
		t.Errorf("got notes %q", notes)
	}
}
