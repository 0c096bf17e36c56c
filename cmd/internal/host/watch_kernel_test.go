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

// TestWatch: the kernel tells of a new own address, and it is one of ours then.
func TestWatch(t *testing.T) {
	kerneltest.InNamespace(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := 0
	err := Watch(ctx, func() {
		if told++; told == 1 {
			if out, err := exec.Command("ip", "addr", "add", "192.0.2.77/24", "dev", "lo").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			return
		}
		if list, err := Addresses(); err != nil || slices.Contains(list, netip.MustParseAddr("192.0.2.77")) {
			cancel()
		}
	})
	if err != nil || ctx.Err() != context.Canceled || told < 2 {
		t.Errorf("got %v, %v, told %d times: want the new address told", err, ctx.Err(), told)
	}
}
