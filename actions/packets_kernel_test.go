package actions

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/actions/kerneltest"
)

// answered sends packets of this text until one comes back, and fails if
// another text does: that packet was to be dropped.
func answered(t *testing.T, conn *net.UDPConn, text string) {
	t.Helper()
	kerneltest.Eventually(t, "an answer to "+text, func() bool {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		buf := make([]byte, 64)
		n, err := conn.Read(buf)
		if got := string(buf[:n]); err == nil && got != text && got != "before" {
			t.Fatalf("got an answer to %q", got)
		}
		return err == nil && string(buf[:n]) == text
	})
}

// testPackets proves with packets that a ban drops and an unban does not.
func testPackets(t *testing.T, open func(testing.TB, Options) Enforcer) {
	cases := []struct {
		name, prefix string
		conn         func(*kerneltest.Attacker) *net.UDPConn
	}{
		{"packets v4", kerneltest.Attacker4 + "/32", func(a *kerneltest.Attacker) *net.UDPConn { return a.V4 }},
		{"packets v4 in a range", "198.51.100.64/27", func(a *kerneltest.Attacker) *net.UDPConn { return a.V4 }},
		{"packets v6", kerneltest.Attacker6 + "/128", func(a *kerneltest.Attacker) *net.UDPConn { return a.V6 }},
		{"packets v6 in a range", "2001:db8:1::/65", func(a *kerneltest.Attacker) *net.UDPConn { return a.V6 }},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			a := kerneltest.NewAttacker(t)
			conn := test.conn(a)
			e := open(t, Options{})
			mustSetup(t, e)
			answered(t, conn, "before")
			mustBan(t, e, test.prefix, time.Hour)
			// The kernel counts what it drops, so there is no waiting for
			// silence: all ten dropped is none let through.
			const sent = 10
			start := bans(t, e)[netip.MustParsePrefix(test.prefix).Masked().String()].packets
			for i := range sent {
				if _, err := fmt.Fprintf(conn, "banned %d", i); err != nil {
					t.Fatal(err)
				}
			}
			var got banned
			kerneltest.Eventually(t, "ten packets dropped", func() bool {
				got = bans(t, e)[netip.MustParsePrefix(test.prefix).Masked().String()]
				return got.packets >= start+sent
			})
			if got.bytes < sent*28 { // a head of IPv4 and UDP each
				t.Errorf("got %d bytes dropped, want at least %d", got.bytes, sent*28)
			}
			wantDropped(t, e, Dropped{Packets: got.packets, Bytes: got.bytes})
			if err := e.Unban(netip.MustParsePrefix(test.prefix)); err != nil {
				t.Fatal(err)
			}
			answered(t, conn, "after")
			wantDropped(t, e, Dropped{Packets: got.packets, Bytes: got.bytes}) // a packet that passes is none
		})
	}
	t.Run("packets after the end, without a daemon", func(t *testing.T) {
		a := kerneltest.NewAttacker(t)
		e := open(t, Options{})
		mustSetup(t, e)
		answered(t, a.V4, "before")
		begin := time.Now()
		mustBan(t, e, kerneltest.Attacker4+"/32", 2*time.Second)
		if err := e.Close(); err != nil { // as when it is killed: nothing of the kernel changes
			t.Fatal(err)
		}
		answered(t, a.V4, "over")
		if took := time.Since(begin); took < 1900*time.Millisecond { // jiffies end a little early
			t.Errorf("the ban of 2 s ended after %s", took)
		}
	})
	t.Run("packets after teardown", func(t *testing.T) {
		a := kerneltest.NewAttacker(t)
		e := open(t, Options{})
		mustSetup(t, e)
		mustBan(t, e, kerneltest.Attacker4+"/32", time.Hour)
		if err := e.Teardown(); err != nil {
			t.Fatal(err)
		}
		answered(t, a.V4, "torn down")
	})
}

// wantDropped checks what the rules counted, where they outlive the bans.
func wantDropped(t *testing.T, e Enforcer, want Dropped) {
	t.Helper()
	c, counts := e.(Counter)
	if !counts {
		return
	}
	list, err := c.Dropped()
	if err != nil {
		t.Fatal(err)
	}
	var got Dropped
	for _, n := range list {
		got = got.Add(n)
	}
	if got != want {
		t.Errorf("got %+v dropped by chain %v, want %+v", got, list, want)
	}
}

// TestFlowEnds: where a rule before ours accepts what is established, a running flow
// ends with the ban all the same, alone and among many.
func TestFlowEnds(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		for _, kind := range []string{"ipset", "iptables", "nftables"} {
			t.Run(kind+"/"+variant, func(t *testing.T) {
				a := kerneltest.NewAttacker(t)
				kerneltest.WithTools(t, variant)
				e := mustOpen(t, kind, Options{Hook: "filter"})
				mustSetup(t, e)
				for _, ipt := range []string{"iptables", "ip6tables"} {
					kerneltest.Tool(t, ipt, "-I", "INPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT")
				}
				answered(t, a.V4, "before")
				answered(t, a.V6, "before")
				mustBan(t, e, kerneltest.Attacker4+"/32", time.Hour)
				mustBan(t, e, "2001:db8:1::/64", time.Hour)
				mustBan(t, e, "203.0.113.1/32", time.Hour) // so soon after it is left to Check
				if _, _, err := e.Check(); err != nil {
					t.Fatal(err)
				}
				for prefix, conn := range map[string]*net.UDPConn{kerneltest.Attacker4 + "/32": a.V4, "2001:db8:1::/64": a.V6} {
					kerneltest.Eventually(t, "its packets are dropped", func() bool {
						e.Check()
						fmt.Fprint(conn, "banned")
						return bans(t, e)[prefix].packets >= 3
					})
				}
				if got := kerneltest.Tool(t, "conntrack", "-L", "-p", "udp"); strings.Contains(got, kerneltest.Attacker4) {
					t.Errorf("got flow\n%s", got)
				}
			})
		}
	}
}
