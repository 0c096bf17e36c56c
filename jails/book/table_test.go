package book

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
)

// few are prefixes of which some share an address.
func few(b byte) netip.Prefix {
	a := netip.AddrFrom4([4]byte{192, 0, 2, b / 4})
	switch b % 4 {
	case 0:
		return netip.PrefixFrom(a, 32)
	case 1:
		return netip.PrefixFrom(a, 24).Masked()
	case 2:
		return netip.PrefixFrom(netip.AddrFrom16(a.As16()), 128)
	}
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: b}), 128)
}

// FuzzTable: whatever is entered and removed, also while all are listed, a table holds what a
// map holds.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 1, 1, 0, 3, 2, 9})
	f.Add(slices.Repeat([]byte{0, 7, 1, 7, 0, 8, 2, 0}, 20))
	f.Fuzz(func(t *testing.T, steps []byte) {
		var got table
		want := map[netip.Prefix]*Ban{}
		put := func(p netip.Prefix) {
			b := &Ban{Prefix: p}
			got.put(b)
			want[p] = b
		}
		remove := func(p netip.Prefix) {
			got.delete(p)
			delete(want, p)
		}
		for i := 0; i+1 < len(steps); i += 2 {
			p := few(steps[i+1])
			switch steps[i] % 3 {
			case 0:
				put(p)
			case 1:
				remove(p)
			case 2:
				for b := range got.all {
					if want[b.Prefix] != b {
						t.Fatalf("listed %v, which was removed", b.Prefix)
					}
					remove(few(byte(b.Prefix.Bits()) ^ steps[i+1]))
					put(few(steps[i+1] + byte(got.n)))
					if got.n > 200 {
						break
					}
				}
			}
		}
		have := map[netip.Prefix]*Ban{}
		for b := range got.all {
			if have[b.Prefix] != nil {
				t.Fatalf("%v is listed twice", b.Prefix)
			}
			have[b.Prefix] = b
		}
		if !maps.Equal(have, want) || got.n != len(want) {
			t.Fatalf("got %d bans, counted %d, want %d", len(have), got.n, len(want))
		}
		for p, b := range want {
			if got.get(p) != b {
				t.Fatalf("%v is not found", p)
			}
		}
	})
}

// TestTableIsSmall: bans that come and go leave no slots behind.
func TestTableIsSmall(t *testing.T) {
	var got table
	for i := range 100_000 {
		got.put(&Ban{Prefix: netip.PrefixFrom(numbered(i), 32)})
		if i >= 1000 {
			got.delete(netip.PrefixFrom(numbered(i-1000), 32))
		}
	}
	if len(got.slots) > 4096 || got.n != 1000 {
		t.Errorf("got %d slots for %d bans", len(got.slots), got.n)
	}
}
