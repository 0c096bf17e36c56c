package actions

import (
	"net/netip"
	"testing"

	"pbxjail/actions/kerneltest"
	"pbxjail/configs/ports"
)

// TestListsClosePorts: a list that is for some ports drops packets to these alone, also
// after a restart that has not read it yet.
func TestListsClosePorts(t *testing.T) {
	kerneltest.Need(t)
	for _, kind := range []string{"ipset", "nftables"} {
		t.Run(kind, func(t *testing.T) {
			s := newStreet(t, false)
			e := mustOpen(t, kind, Options{})
			mustSetup(t, e)
			list := []netip.Prefix{s.from}
			replace := func(to ...ports.Range) {
				t.Helper()
				if err := e.Replace("feed", to, list); err != nil {
					t.Fatal(err)
				}
			}
			replace(ports.Range{Proto: "udp", From: 1, To: 65535})
			s.wantOpen("udp alone", "tcp 22", "tcp 443", "tcp 5060")
			replace(ports.Range{From: 5060, To: 5060}, ports.Range{Proto: "udp", From: 10000, To: 20000})
			s.wantOpen("SIP and RTP", "tcp 22", "tcp 443", "udp 4569")
			again := mustOpen(t, kind, Options{})
			mustSetup(t, again)
			s.wantOpen("after a restart", "tcp 22", "tcp 443", "udp 4569")
			replace()
			s.wantOpen("every port")
			if err := e.Replace("feed", nil, nil); err != nil {
				t.Fatal(err)
			}
			s.wantOpen("no list", everyPort...)
		})
	}
}
