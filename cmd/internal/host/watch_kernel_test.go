package host

import (
	"context"
	"net/netip"
	"os/exec"
	"slices"
	"testing"
	"time"

	"pbxjail/actions/kerneltest"
)

// TestWatch: the kernel reports a new own address, and it is one of ours then.
func TestWatch(t *testing.T) {
	kerneltest.InNamespace(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := 0
	err := Watch(ctx, func() {
		if seen++; seen == 1 {
			if out, err := exec.Command("ip", "addr", "add", "192.0.2.77/24", "dev", "lo").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			return
		}
		if list, err := Addresses(); err != nil || slices.Contains(list, netip.MustParseAddr("192.0.2.77")) {
			cancel()
		}
	})
	if err != nil || ctx.Err() != context.Canceled || seen < 2 {
		t.Errorf("got %v, %v, reported %d times: want the new address reported", err, ctx.Err(), seen)
	}
}

// TestOwn: an address is ours at the moment the kernel has it, and no longer.
func TestOwn(t *testing.T) {
	kerneltest.InNamespace(t)
	own, err := NewOwn()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	for i, net := range []string{"192.0.2.0/24", "2001:db8::/64"} {
		p := netip.MustParsePrefix(net)
		addr := p.Addr().Next()
		for range 20 {
			if got, ok := own.In(p); ok {
				t.Fatalf("got %v, want none yet", got)
			}
			kerneltest.Tool(t, "ip", "addr", "add", addr.String(), "dev", "lo")
			if got, ok := own.In(p); !ok || got != addr {
				t.Fatalf("got %v, %v, want %v", got, ok, addr)
			}
			kerneltest.Tool(t, "ip", "addr", "del", addr.String()+[]string{"/32", "/128"}[i], "dev", "lo")
		}
	}
	if err := own.Close(); err != nil {
		t.Error(err)
	}
	if got, ok := own.In(netip.MustParsePrefix("192.0.2.0/24")); ok {
		t.Errorf("got %v after Close, want none", got)
	}
}
