package guard

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/names"
	"pbxjail/configs"
)

// hostOf is a machine that says what a test wants.
func hostOf(addrs func() ([]netip.Addr, error)) Host {
	return Host{
		Addresses:   addrs,
		Gateways:    func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.0.2.1")} },
		NameServers: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.0.2.53")} },
		Started:     netip.MustParseAddr("198.51.100.9"),
	}
}

// who is the reason that protects an address, or "".
func who(p *Protections, addr string) string {
	a := netip.MustParseAddr(addr)
	why, _ := p.Current().Guard().Protects(netip.PrefixFrom(a, a.BitLen()))
	return why
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestProtections(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "sip.conf"), "[trunk]\nhost=198.51.100.77\n")
	writeFile(t, filepath.Join(dir, "iax.conf"), "[peer]\ntype=peer\nhost=198.51.100.88\n[named]\ntype=peer\nhost=iax.example.net\n")
	var failed error
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	p := New(quiet(), hostOf(func() ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8:0:1::10")}, failed
	}), nil)
	p.names = names.New(func(_ context.Context, host string) ([]netip.Addr, error) {
		return map[string][]netip.Addr{
			"trunk.example.net": {netip.MustParseAddr("203.0.113.5")},
			"iax.example.net":   {netip.MustParseAddr("203.0.113.6")},
		}[host], nil
	}, nil)
	main := &configs.Main{Asterisk: dir, Ignoreip: []netip.Prefix{netip.MustParsePrefix("198.18.0.0/15")}, IgnoreHosts: []string{"trunk.example.net"}}

	if !p.Read(main, at) {
		t.Error("the first read found no change")
	}
	if !p.Current().Pending {
		t.Error("a name that was never looked up is not pending")
	}
	lookUp(t, p.names)
	if !p.Read(main, at) || p.Current().Pending {
		t.Error("the answers of the names are no change, or are still waited for")
	}
	if p.Read(main, at) {
		t.Error("the same answer is a change")
	}
	for addr, want := range map[string]string{
		"192.0.2.10": "an address of this machine", "2001:db8:0:1::10": "an address of this machine", "192.0.2.1": "the gateway", "192.0.2.53": "a name server of this machine",
		"198.51.100.9": "the SSH session in which pbxjail was started", "198.18.3.4": "ignoreip 198.18.0.0/15",
		"203.0.113.5": "ignore_hosts trunk.example.net", "203.0.113.99": "",
	} {
		if got := who(p, addr); got != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
	if got := who(p, "198.51.100.77"); !strings.Contains(got, "sip.conf") {
		t.Errorf("got %q for a trunk, want the file that names it", got)
	}

	// Addresses that a packet rule must not block.
	known := p.Known(&configs.Main{Asterisk: dir, Ignoreip: []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10")}})
	if !slices.Contains(known.Protected, netip.MustParsePrefix("100.64.0.0/10")) || slices.Contains(known.Protected, netip.MustParsePrefix("198.18.0.0/15")) {
		t.Errorf("got %v, want the ignoreip of the file that is asked about", known.Protected)
	}
	var peers []string
	for _, k := range known.Peers {
		peers = append(peers, k.Prefix.Addr().String())
	}
	if want := []string{"198.51.100.88", "203.0.113.6"}; !slices.Equal(peers, want) {
		t.Errorf("got peers %v, want %v", peers, want)
	}

	// A kernel that does not answer takes no protection away.
	failed = errors.New("netlink: no buffer space available")
	if p.Read(main, at) || who(p, "192.0.2.10") != "an address of this machine" {
		t.Error("our own address is not protected while the kernel does not answer")
	}
}

// lookUp looks all names up once.
func lookUp(t *testing.T, r *names.Resolver) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		_, _, one := r.Addrs("trunk.example.net")
		_, _, two := r.Addrs("iax.example.net")
		if !errors.Is(one, names.ErrPending) && !errors.Is(two, names.ErrPending) {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// TestTrustsFollowTheFiles: what is kept in between must not outlive a change.
func TestTrustsFollowTheFiles(t *testing.T) {
	dir := t.TempDir()
	var files asteriskFiles
	want := func(addr string) {
		t.Helper()
		got := files.trusts(dir, quiet())
		if len(got) != 1 || got[0].Prefix.Addr() != netip.MustParseAddr(addr) {
			t.Errorf("got %+v, want %s alone", got, addr)
		}
	}
	if got := files.trusts(dir, quiet()); len(got) != 0 {
		t.Errorf("got %+v of an empty folder, want none", got)
	}
	writeFile(t, filepath.Join(dir, "sip.conf"), "[trunk]\nhost=198.51.100.77\n")
	want("198.51.100.77")
	want("198.51.100.77")
	writeFile(t, filepath.Join(dir, "sip.conf"), "[trunk]\nhost=198.51.100.7\n")
	want("198.51.100.7")
}
