package kernel

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"pbxjail/actions/kerneltest"
)

// TestAllHold: many sets are asked at once, and one that lacks its address is noticed,
// wherever it is in the list. Answers do not disturb the next question.
func TestAllHold(t *testing.T) {
	kerneltest.InNamespace(t)
	sets, err := OpenSets()
	if err != nil {
		t.Fatal(err)
	}
	defer sets.Close()
	var list []Held
	for i := range 20 {
		h := Held{Set: fmt.Sprintf("set%d", i), Addr: Sentinel(i%2 == 1)}
		family := uint8(unix.AF_INET)
		if h.Addr.Is6() {
			family = unix.AF_INET6
		}
		if err := sets.CreateHeard(h.Set, family, 1024, 64); err != nil {
			t.Fatal(err)
		}
		if _, err := sets.Put(h.Set, []Member{{Prefix: netip.PrefixFrom(h.Addr, h.Addr.BitLen())}}); err != nil {
			t.Fatal(err)
		}
		list = append(list, h)
	}
	want := func(what string, want bool) {
		t.Helper()
		if got, err := sets.AllHold(list); got != want || err != nil {
			t.Errorf("%s: got %v, error %v, want %v", what, got, err, want)
		}
		if there, err := sets.Test("set3", Sentinel(true)); there != (what != "set3 emptied") || err != nil {
			t.Errorf("%s: one question after it: got %v, error %v", what, there, err)
		}
	}
	want("whole", true)
	for _, i := range []int{0, 3, len(list) - 1} {
		kerneltest.Tool(t, "ipset", "flush", list[i].Set)
		want(list[i].Set+" emptied", false)
		if _, err := sets.Put(list[i].Set, []Member{{Prefix: netip.PrefixFrom(list[i].Addr, list[i].Addr.BitLen())}}); err != nil {
			t.Fatal(err)
		}
	}
	want("whole again", true)
	kerneltest.Tool(t, "ipset", "destroy", "set7")
	want("one is gone", false)
	if got, err := sets.AllHold(nil); !got || err != nil {
		t.Errorf("no sets: got %v, error %v", got, err)
	}
}
