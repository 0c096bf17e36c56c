package rates

import (
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"time"

	"pbxjail/parsers"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// numbered is one of any number of samples, each of a key of its own.
func numbered(i int) Sample {
	a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	return Sample{Jail: "guessing", Country: "NL", Account: parsers.TextOf(strconv.AppendInt(nil, int64(i), 10)), Addr: a, Points: parsers.Point}
}

func samples(n int) (list []Sample) {
	for i := range n {
		list = append(list, numbered(i))
	}
	return list
}

func BenchmarkCount(b *testing.B) {
	for name, keys := range map[string]int{"known": 500, "flood": 1 << 17} {
		b.Run(name, func(b *testing.B) {
			r, list, now, i := New(512), samples(keys), start, 0
			b.ReportAllocs()
			for b.Loop() {
				r.Count(list[i%keys], now)
				now, i = now.Add(20*time.Microsecond), i+1
			}
		})
	}
}

// BenchmarkTop looks at tables that a flood has filled.
func BenchmarkTop(b *testing.B) {
	list := samples(1 << 17)
	before := heap()
	r := New(512)
	now := start
	for i := range 12 * 60 * 1000 {
		now = start.Add(time.Duration(i) * time.Millisecond)
		r.Count(list[i%len(list)], now)
	}
	full := heap() - before
	runtime.KeepAlive(list)
	b.ReportAllocs()
	for b.Loop() {
		r.Top(20, now)
	}
	b.ReportMetric(float64(full), "B/full")
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the last benchmark left
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
