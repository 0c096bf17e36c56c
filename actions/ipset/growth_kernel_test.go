package ipset

import (
	"iter"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/actions/kerneltest"
	"pbxjail/configs/ports"
)

// many yields n bans of an hour.
func many(n int) iter.Seq[ports.Ban] {
	return func(yield func(ports.Ban) bool) {
		for i := range n {
			if !yield(ports.Ban{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32), For: time.Hour}) {
				return
			}
		}
	}
}

// TestGrowth: a full set grows, and keeps its members and their counters.
func TestGrowth(t *testing.T) {
	kerneltest.InNamespace(t)
	e, err := Open(kernel.Options{Chain: "pbxjail", Hook: "raw", MaxElem: 50_000})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.start = 64
	if _, _, err := e.Setup(); err != nil {
		t.Fatal(err)
	}
	if err := e.BanAll(many(40_000)); err != nil {
		t.Fatal(err)
	}
	got := 0
	if err := e.Each(func(ports.Held) { got++ }); got != 40_000 || err != nil {
		t.Errorf("got %d bans, error %v, want 40000", got, err)
	}
	if err := e.BanAll(many(60_000)); err == nil || !strings.Contains(err.Error(), "is full") {
		t.Errorf("got error %v, want one that says full", err)
	}
	if got := kerneltest.Tool(t, "ipset", "list", "-n"); strings.Contains(got, "t\n") {
		t.Errorf("a spare set is left: %q", got)
	}
}
