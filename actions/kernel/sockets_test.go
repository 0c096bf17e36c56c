package kernel

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socketMessage is a struct inet_diag_msg, up to its id.
func socketMessage(family, state uint8, remote string) []byte {
	msg := make([]byte, 72)
	msg[0], msg[1] = family, state
	copy(msg[24:], netip.MustParseAddr(remote).AsSlice())
	return msg
}

// TestParseSocket: only connections with other hosts are ended.
func TestParseSocket(t *testing.T) {
	const established, listen, timeWait = 1, 10, 6
	for _, test := range []struct {
		family, state uint8
		remote, want  string
	}{
		{unix.AF_INET, established, "192.0.2.1", "192.0.2.1"},
		{unix.AF_INET, 3, "192.0.2.1", "192.0.2.1"},
		{unix.AF_INET6, established, "2001:db8::1", "2001:db8::1"},
		{unix.AF_INET6, established, "::ffff:192.0.2.1", "192.0.2.1"},
		{unix.AF_INET, listen, "192.0.2.1", ""},
		{unix.AF_INET, listen, "0.0.0.0", ""},
		{unix.AF_INET6, established, "::", ""},
		{unix.AF_INET, timeWait, "192.0.2.1", ""},
		{unix.AF_INET, 255, "192.0.2.1", ""},
		{unix.AF_INET, established, "127.0.0.1", ""},
		{unix.AF_INET6, established, "::1", ""},
		{unix.AF_INET6, established, "::ffff:127.9.9.9", ""},
		{unix.AF_UNIX, established, "192.0.2.1", ""},
	} {
		got, ok := parseSocket(socketMessage(test.family, test.state, test.remote))
		if ok != (test.want != "") || ok && got.remote.String() != test.want {
			t.Errorf("family %d, state %d, %s: got %v, %v, want %q", test.family, test.state, test.remote, got.remote, ok, test.want)
		}
	}
	if _, ok := parseSocket(socketMessage(unix.AF_INET, established, "192.0.2.1")[:51]); ok {
		t.Error("half a message is a socket")
	}
}

// TestFlowsWait: a ban that waits for a walk is forgotten when it is lifted or over, and
// none waits where no connection can be ended.
func TestFlowsWait(t *testing.T) {
	member := func(p string, seconds uint32, closed ...Port) Ordered {
		return Ordered{Member: Member{Prefix: netip.MustParsePrefix(p), Seconds: seconds}, Closed: closed}
	}
	resting := func() *Flows {
		return &Flows{ended: of{}, sockets: &sockets{}, next: time.Now().Add(time.Hour)}
	}
	f := resting()
	f.End([]Ordered{member("192.0.2.1/32", 60), member("192.0.2.2/32", 0), member("2001:db8::/64", 60),
		member("192.0.2.3/32", 60, Port{"sip", "tcp", 5060, 5061}), member("192.0.2.4/32", 60, Port{"x", "tcp", 20, 30})})
	if len(f.ended) != 5 {
		t.Fatalf("got %v waiting, want five", f.ended)
	}
	f.Forget(netip.MustParsePrefix("192.0.2.2/32"))
	for addr, want := range map[string]bool{"192.0.2.1": true, "192.0.2.2": false, "2001:db8::7": true, "2001:db8:0:1::7": false, "192.0.2.3": false, "192.0.2.4": true} {
		if got := f.ended.has(netip.MustParseAddr(addr), unix.IPPROTO_TCP, 22); got != want {
			t.Errorf("%s: got %v, want %v", addr, got, want)
		}
	}
	// There is no socket to ask: a walk would panic.
	if err := f.Settle(time.Now().Add(2 * time.Hour)); err != nil || len(f.ended) > 0 {
		t.Errorf("after the bans: got %v waiting, error %v", f.ended, err)
	}
	f = resting()
	f.sockets.unable = fmt.Errorf("end sockets: %w", unix.EOPNOTSUPP)
	f.End([]Ordered{member("192.0.2.1/32", 0)})
	if err := f.Settle(time.Now().Add(2 * time.Hour)); err != nil || len(f.ended) > 0 {
		t.Errorf("without the kernel's help: got %v waiting, error %v", f.ended, err)
	}
}
