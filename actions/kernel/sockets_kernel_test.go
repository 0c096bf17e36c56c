package kernel

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kerneltest"
)

// TestSockets: the kernel's name of a socket is that socket's alone, and walks end
// all that is asked for, so many at a time.
func TestSockets(t *testing.T) {
	s := kerneltest.NewSessions(t)
	ends, err := openSockets()
	if err != nil {
		t.Fatal(err)
	}
	defer ends.socket.Close()
	if err := ends.try(); err != nil {
		t.Fatal(err)
	}
	everybody := []string{"bystander v4", "bystander v6", "bystander mapped", "attacker v4", "attacker v6", "attacker mapped"}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		var found []tcpSocket
		err := ends.ask(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP, socketStates, tcpSocket{family: family}, func(msg []byte) bool {
			if t, ok := parseSocket(msg); ok {
				found = append(found, t)
			}
			return true
		})
		if want := map[uint8]int{unix.AF_INET: 2, unix.AF_INET6: 4}[family]; err != nil || len(found) != want {
			t.Fatalf("family %d: got %v, error %v, want %d sockets", family, found, err, want)
		}
		for _, other := range found {
			other.id[40]++ // as if the port had been taken again
			if err := ends.destroy(other); err != nil {
				t.Errorf("another in its place: %v", err)
			}
		}
	}
	s.WantOpen(t, everybody...)
	ends.most = 2
	for i, want := range []bool{false, false, true} { // two, two and one
		all, err := ends.end(of{netip.MustParsePrefix("198.51.100.0/24"): {}, netip.MustParsePrefix("2001:db8:1::66/128"): {}})
		if all != want || err != nil {
			t.Errorf("walk %d: got all %v, error %v", i, all, err)
		}
	}
	s.WantOpen(t, "bystander v6")
	for _, name := range everybody {
		if name != "bystander v6" {
			s.WantEnded(t, name)
		}
	}
}

// TestSocketsAreTriedAgain: Check reports what the kernel refuses, and does it once the
// kernel allows it.
func TestSocketsAreTriedAgain(t *testing.T) {
	s := kerneltest.NewSessions(t)
	f, err := OpenFlows(Options{Hook: "raw", EndTCP: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	restore := kerneltest.WithoutRight(t, unix.CAP_NET_ADMIN)
	f.End([]Ordered{{Member: Member{Prefix: netip.MustParsePrefix(kerneltest.Attacker4 + "/32")}}})
	later := time.Now().Add(time.Hour) // no walk rests so long
	if err := f.Settle(later); !errors.Is(err, unix.EPERM) {
		t.Errorf("got error %v, want %v", err, unix.EPERM)
	}
	s.WantOpen(t, "bystander v4", "bystander v6", "bystander mapped", "attacker v4", "attacker v6", "attacker mapped")
	restore()
	if err := f.Settle(later.Add(time.Hour)); err != nil || len(f.ended) > 0 {
		t.Errorf("got %v waiting, error %v", f.ended, err)
	}
	s.WantOpen(t, "bystander v4", "bystander v6", "bystander mapped", "attacker v6")
}
