package feeds

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"pbxjail/configs"
)

// manyEntries are addresses and networks as lists have them: two thirds IPv4
// addresses, the others networks of both kinds.
func manyEntries(n int) []byte {
	rnd := rand.New(rand.NewPCG(5, 6))
	var b bytes.Buffer
	for i := range n {
		a := rnd.Uint32()
		switch i % 6 {
		case 4:
			fmt.Fprintf(&b, "%d.%d.%d.0/24\n", 1+a>>24%220, a>>16&255, a>>8&255)
		case 5:
			fmt.Fprintf(&b, "2001:%x:%x::/48\n", a>>16, a&0xffff)
		default:
			fmt.Fprintf(&b, "%d.%d.%d.%d\n", 1+a>>24%220, a>>16&255, a>>8&255, a&255)
		}
	}
	return b.Bytes()
}

func manyPrefixes(tb testing.TB, n int) []netip.Prefix {
	list, err := Parse(bytes.NewReader(manyEntries(n)), "text", 2*n)
	if err != nil {
		tb.Fatal(err)
	}
	return list.Prefixes
}

// sorted is the other way to look an address up: in prefixes that are sorted and
// apart, by halves. It is here to be measured against.
type sorted []netip.Prefix

func (s sorted) contains(a netip.Addr) bool {
	i, found := slices.BinarySearchFunc(s, a, func(p netip.Prefix, a netip.Addr) int { return p.Addr().Compare(a) })
	return found || i > 0 && s[i-1].Contains(a)
}

// TestTableAgrees holds the table to the plainest way there is.
func TestTableAgrees(t *testing.T) {
	list := manyPrefixes(t, 5000)
	table, plain := tableOf(list), sorted(list)
	rnd := rand.New(rand.NewPCG(7, 8))
	hits := 0
	for i := range 100_000 {
		a := randomAddr(rnd).Unmap()
		if i%2 == 0 {
			a = lastOf(list[rnd.IntN(len(list))])
		}
		if want := plain.contains(a); table.Contains(a) != want {
			t.Fatalf("%s: got %v, want %v", a, !want, want)
		} else if want {
			hits++
		}
	}
	if hits < 50_000 {
		t.Errorf("got %d hits: the addresses are not those of the list", hits)
	}
}

func BenchmarkLookup(b *testing.B) {
	list := manyPrefixes(b, 100_000)
	table, plain := tableOf(list), sorted(list)
	f := New(Options{Dir: b.TempDir()})
	f.feeds = []*feed{{Feed: configs.Feed{Name: "a", Use: "factor", Factor: 1.5, Enabled: true}, table: table}}
	f.publish()
	rnd := rand.New(rand.NewPCG(9, 10))
	var addrs [4096]netip.Addr
	for i := range addrs {
		if addrs[i] = randomAddr(rnd); i%4 == 0 {
			addrs[i] = list[rnd.IntN(len(list))].Addr()
		}
	}
	n := 0
	count := func(string, int32) bool { n++; return true }
	for name, look := range map[string]func(netip.Addr){
		"table":  func(a netip.Addr) { table.Contains(a) },
		"sorted": func(a netip.Addr) { plain.contains(a) },
		"listed": func(a netip.Addr) { f.Listed(a, count) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				look(addrs[i%len(addrs)])
			}
		})
	}
}

func BenchmarkMemory(b *testing.B) {
	list := manyPrefixes(b, 100_000)
	for name, build := range map[string]func() any{
		"table":  func() any { return tableOf(list) },
		"sorted": func() any { return sorted(slices.Clone(list)) },
	} {
		b.Run(name, func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				kept := build()
				runtime.GC()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(kept)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(list)), "B/entry")
		})
	}
}

func BenchmarkParse(b *testing.B) {
	text := manyEntries(100_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(bytes.NewReader(text), "", 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSubtract(b *testing.B) {
	list := manyPrefixes(b, 100_000)
	rnd := rand.New(rand.NewPCG(11, 12))
	protected := slices.Clone(list[:0:0])
	for range 1000 {
		p := list[rnd.IntN(len(list))]
		protected = append(protected, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
	}
	for b.Loop() {
		if _, err := Subtract(list, protected); err != nil {
			b.Fatal(err)
		}
		touched(list, protected)
	}
}
