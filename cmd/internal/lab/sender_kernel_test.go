package lab

import (
	"context"
	"net/netip"
	"testing"

	"github.com/coreos/go-iptables/iptables"
)

func TestSenderIsAnsweredUntilDropped(t *testing.T) {
	n := ForTest(t, "iptables", "ip6tables")
	respond(t, n)
	wire, err := n.NewWire(0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- wire.Run(ctx) }()
	for _, c := range []struct {
		proto iptables.Protocol
		from  string
	}{{iptables.ProtocolIPv4, "198.51.100.7"}, {iptables.ProtocolIPv6, "2001:db8:a1::7"}} {
		from := netip.MustParseAddr(c.from)
		s, err := n.NewSender(t.Context(), "udp", from, Port)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if status, err := s.Register("1001", "secret"); status != 200 || err != nil {
			t.Errorf("%s: got status %d and error %v, want 200", from, status, err)
		}
		inPBX(t, n, c.proto, func(ipt *iptables.IPTables) error {
			return ipt.Append("raw", "PREROUTING", "-s", c.from, "-j", "DROP")
		})
		s.Patience = retransmit / 2
		before := 0 // a slow machine retransmits: how many packets came is not fixed
		eventually(t, "the first packets on the wire", func() bool { before = len(wire.Seen(from)); return before > 0 })
		if status, err := s.Register("1001", "secret"); status != 0 || err != nil {
			t.Errorf("%s, dropped: got status %d and error %v, want silence", from, status, err)
		}
		eventually(t, "the dropped packet on the wire", func() bool { return len(wire.Seen(from)) > before })
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNoListener(t *testing.T) {
	n := ForTest(t)
	if conn, err := n.Dial(t.Context(), "tcp", netip.MustParseAddr("198.51.100.7"), AMIPort); err == nil {
		t.Errorf("connected with %s", conn.RemoteAddr())
	}
	if taken, err := n.IAXRegister(t.Context(), netip.MustParseAddr("198.51.100.7"), "x", "y"); taken || err != ErrSilent {
		t.Errorf("got %t and error %v, want silence", taken, err)
	}
}
