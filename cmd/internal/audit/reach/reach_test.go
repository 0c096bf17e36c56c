package reach

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/program"
)

// prints lets programs of a machine print files of testdata; any other is not installed.
func prints(t testing.TB, m *audit.Machine, files map[string]string) {
	m.Run = func(_ context.Context, c program.Command) (program.Result, error) {
		file, is := files[c.Name]
		if !is {
			return program.Result{}, program.ErrNotInstalled
		}
		if said, fails := strings.CutPrefix(file, "!"); fails {
			return program.Result{Said: []byte(said), Status: 1}, nil
		}
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		return program.Result{Out: text}, nil
	}
}

const route = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"

func socket(text string) audit.Socket {
	protocol, at, _ := strings.Cut(text, " ")
	return audit.Socket{Protocol: protocol, At: netip.MustParseAddrPort(at)}
}

// TestWorld: a firewall, a socket, and whether a stranger reaches it. The files iptables.txt
// and nft.json were printed by a real kernel.
func TestWorld(t *testing.T) {
	iptables, nft := map[string]string{"iptables-save": "iptables.txt"}, map[string]string{"nft": "nft.json"}
	ufw, firewalld := map[string]string{"iptables-save": "ufw.txt"}, map[string]string{"nft": "firewalld.json"}
	for _, c := range []struct {
		name   string
		files  map[string]string
		socket string
		want   Verdict
	}{
		{"allowed", iptables, "tcp 0.0.0.0:22", Open},
		{"in a list", iptables, "tcp 0.0.0.0:443", Open},
		{"in a range", iptables, "tcp 0.0.0.0:8050", Open},
		{"beyond the range", iptables, "tcp 0.0.0.0:8101", Closed},
		{"for a network", iptables, "tcp 0.0.0.0:3306", Closed},
		{"below a limit", iptables, "udp 0.0.0.0:5060", Open},
		{"of the other protocol", iptables, "tcp 0.0.0.0:5060", Closed},
		{"in a chain that drops", iptables, "tcp 0.0.0.0:5038", Closed},
		{"by a mark", iptables, "tcp 0.0.0.0:9000", Unknown},
		{"loopback", iptables, "tcp 127.0.0.1:22", Closed},
		{"IPv6 has no rules", iptables, "tcp [2001:db8::1]:3306", Open},
		{"IPv6 for all, IPv4 closed", iptables, "tcp [::]:3306", Open},
		{"nft: in a set", nft, "tcp 0.0.0.0:22", Open},
		{"nft: in a range", nft, "tcp 0.0.0.0:8050", Open},
		{"nft: beyond", nft, "tcp 0.0.0.0:8101", Closed},
		{"nft: for a list of addresses", nft, "tcp 0.0.0.0:3306", Unknown},
		{"nft: below a limit", nft, "udp 0.0.0.0:5060", Open},
		{"nft: in a chain", nft, "tcp 0.0.0.0:5061", Open},
		{"nft: IPv6 alone", nft, "tcp [2001:db8::1]:8443", Open},
		{"nft: not IPv4", nft, "tcp 0.0.0.0:8443", Closed},
		{"ufw: allowed", ufw, "tcp 0.0.0.0:22", Open},
		{"ufw: RTP", ufw, "udp 0.0.0.0:12000", Open},
		{"ufw: for a network", ufw, "tcp 0.0.0.0:5038", Closed},
		{"ufw: not named", ufw, "udp 0.0.0.0:5060", Closed},
		{"firewalld: allowed", firewalld, "tcp 0.0.0.0:22", Open},
		{"firewalld: RTP", firewalld, "udp 0.0.0.0:10000", Open},
		{"firewalld: not named", firewalld, "tcp 0.0.0.0:3306", Closed},
		{"no rules", map[string]string{"iptables-save": "none.txt", "nft": "none.json"}, "tcp 0.0.0.0:3306", Open},
		{"may not ask", map[string]string{"iptables-save": "!Permission denied (you must be root)"}, "tcp 0.0.0.0:22", Unknown},
		{"cannot ask", nil, "tcp 0.0.0.0:22", Unknown},
	} {
		m := audittest.Machine(t, map[string]string{"/proc/net/route": route})
		prints(t, m, c.files)
		if got := Of(m).World(socket(c.socket)); got != c.want {
			t.Errorf("%s: %s is %s, want %s (%s)", c.name, c.socket, got, c.want, Of(m).Why())
		}
	}
}

// TestWhy: where the rules come from, or why they are not known.
func TestWhy(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"by the rules of iptables and nftables":                                                         {"iptables-save": "ufw.txt", "nft": "nft.json"},
		"by the rules of the kernel, which has none":                                                    {"iptables-save": "none.txt"},
		"the rules of the firewall cannot be read: iptables-save: Permission denied (you must be root)": {"iptables-save": "!Permission denied (you must be root)\n"},
		"the rules of the firewall cannot be read: neither nft nor iptables-save is installed":          nil,
	} {
		m := audittest.Machine(t, nil)
		prints(t, m, files)
		if got := Of(m).Why(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	m := audittest.Machine(t, nil)
	if err := Of(m).Err(); !errors.Is(err, audit.ErrNoPrograms) {
		t.Errorf("another machine: got %v", err)
	}
}

// TestInterface: without a default route, a rule for an interface may fit or not.
func TestInterface(t *testing.T) {
	rules := parseSave("*filter\n:INPUT DROP [0:0]\n-A INPUT -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT ! -i eth0 -p tcp -m tcp --dport 23 -j ACCEPT\nCOMMIT\n")
	for _, c := range []struct {
		in   string
		port uint16
		want Verdict
	}{{"eth0", 22, Open}, {"eth1", 22, Closed}, {"", 22, Unknown}, {"eth0", 23, Closed}, {"eth1", 23, Open}, {"", 23, Unknown}} {
		if got := rules.verdict(packet{"tcp", c.port, netip.IPv4Unspecified(), c.in}); got != c.want {
			t.Errorf("port %d over %q: got %s, want %s", c.port, c.in, got, c.want)
		}
	}
}

// TestLoops: chains that jump in a circle, or to a chain that is not there, are not open.
func TestLoops(t *testing.T) {
	for _, text := range []string{
		"*filter\n:INPUT ACCEPT [0:0]\n:A - [0:0]\n-A INPUT -j A\n-A A -j A\nCOMMIT\n",
		"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j NOT_THERE\nCOMMIT\n",
	} {
		if got := parseSave(text).verdict(packet{protocol: "tcp", port: 22, to: netip.IPv4Unspecified()}); got != Unknown {
			t.Errorf("%q: got %s", text, got)
		}
	}
}

func FuzzSave(f *testing.F) {
	for _, file := range []string{"iptables.txt", "ufw.txt"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(": PREROUTING 0")
	f.Add("*filter\n:INPUT DROP\n-A INPUT\n-A\n-A INPUT !\n-A INPUT -j\n-A INPUT -m\n:\n*\n")
	f.Fuzz(func(t *testing.T, text string) {
		// A rule that drops everything, first of all, closes every port, whatever comes behind.
		r := parseSave("*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j DROP\nCOMMIT\n" + text)
		p := packet{protocol: "udp", port: 5060, to: netip.IPv4Unspecified()}
		if got := r.verdict(p); got != Closed {
			t.Errorf("got %s", got)
		}
	})
}

func FuzzNFT(f *testing.F) {
	for _, file := range []string{"nft.json", "firewalld.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		four, six, err := parseNFT(text)
		if err != nil && len(four)+len(six) > 0 {
			t.Errorf("got rules and %v", err)
		}
		for _, r := range append(four, six...) {
			r.verdict(packet{protocol: "tcp", port: 22, to: netip.IPv4Unspecified(), in: "eth0"})
		}
	})
}
