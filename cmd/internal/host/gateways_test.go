package host

import (
	"net/netip"
	"slices"
	"testing"
)

func TestGateways(t *testing.T) {
	four := "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
		"eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\nrubbish\n"
	if got, want := gateways4(four), []netip.Addr{netip.MustParseAddr("192.0.2.1")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	zero, gate := "00000000000000000000000000000000", "20010db8000000010000000000000001"
	six := zero + " 00 " + zero + " 00 " + gate + " 00000400 00000001 00000000 00000003 eth0\n" +
		zero + " 00 " + zero + " 00 " + zero + " ffffffff 00000001 00000000 00200200 lo\n" +
		"20010db8000000010000000000000000 40 " + zero + " 00 " + gate + " 00000100 00000001 00000000 00000001 eth0\nrubbish\n"
	if got, want := gateways6(six), []netip.Addr{netip.MustParseAddr("2001:db8:0:1::1")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSSHPeer(t *testing.T) {
	for _, c := range []struct {
		env  string
		want string
	}{{"192.0.2.9 51000 192.0.2.10 22", "192.0.2.9"}, {"2001:db8::9 51000 2001:db8::1 22", "2001:db8::9"}, {"", ""}, {"UNKNOWN 1 2 3", ""}} {
		a, ok := Peer(c.env)
		if ok != (c.want != "") || ok && a.String() != c.want {
			t.Errorf("%q: got %v, %v, want %q", c.env, a, ok, c.want)
		}
	}
}
