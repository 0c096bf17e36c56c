package probe

import (
	"errors"
	"testing"
)

// TestWithoutIPv6: what cannot be tried is said, and is no failure.
func TestWithoutIPv6(t *testing.T) {
	tr := newTrial(&bench{noV6: errors.New("address 2001:db8::1:\n permission denied")}, nil)
	if len(tr.families) != 1 || tr.families[0].name != "v4" || len(tr.toSingle(true)) != 6 {
		t.Errorf("got families %+v, want v4 alone", tr.families)
	}
	skipped := 0
	for _, c := range tr.checks {
		if (c.Result == Skipped) != (c.Family == "v6") {
			t.Errorf("got %+v, want v6 alone skipped", c)
		}
		if c.Result == Skipped {
			skipped++
			if c.Why != "no IPv6 here: address 2001:db8::1: permission denied" {
				t.Errorf("got %q", c.Why)
			}
		}
	}
	tr.settle(udp, "v6", "no answer") // of what was not asked
	if r := (Report{Checks: tr.checks}); skipped != 9 || r.Failed() != 0 {
		t.Errorf("got %d skipped and %d failed, want 9 and none", skipped, r.Failed())
	}
}

// TestFirstFaultIsKept: what follows from it does not hide it.
func TestFirstFaultIsKept(t *testing.T) {
	tr := newTrial(&bench{}, nil)
	tr.settle(udp, "v4", "")
	tr.settle(udp, "v4", "the first")
	tr.settle(udp, "v4", "the second")
	tr.settle(udp, "v4", "")
	tr.remark(udp, "all is well")
	for _, c := range tr.checks {
		want := Check{Check: c.Check, Family: c.Family, Result: OK}
		switch {
		case c.Check == udp && c.Family == "v4":
			want.Result, want.Why = Failed, "the first"
		case c.Check == udp:
			want.Why = "all is well"
		}
		if c != want {
			t.Errorf("got %+v, want %+v", c, want)
		}
	}
}

// TestFamilies: no address outside is banned, and no other address is ours.
func TestFamilies(t *testing.T) {
	for _, f := range families {
		if !f.network.Contains(f.banned) || !f.network.Contains(f.neighbour) || f.banned == f.neighbour ||
			f.network.Contains(f.outside) || f.network.Contains(f.pbx) || f.network.Masked() != f.network {
			t.Errorf("%+v: an address is in the wrong network", f)
		}
	}
}

func TestChecksum(t *testing.T) {
	// RFC 1071, section 3.
	if got := checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != ^uint16(0xddf2) {
		t.Errorf("got %#x, want %#x", got, ^uint16(0xddf2))
	}
}
