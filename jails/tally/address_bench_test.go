package tally

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"pbxjail/jails/jailstest"
	"pbxjail/parsers"
)

// BenchmarkAddress is what one address costs in one jail.
func BenchmarkAddress(b *testing.B) {
	const addresses = 200_000
	for _, hits := range []int{1, 4, 16} {
		b.Run(fmt.Sprint(hits, " hits"), func(b *testing.B) {
			var w *Table
			var grown float64
			for b.Loop() {
				before := jailstest.HeapBytes()
				w = NewTable(addresses)
				w.maxHeld *= hits
				s := NewSpan(10*time.Minute, 0, 20)
				for i := range addresses * hits {
					w.Add(KeyOf(numbered(i%addresses), 1), s, Hit{At: 1, Points: parsers.Point}, func() uint32 { return 1 })
				}
				grown = jailstest.HeapBytes() - before
			}
			b.ReportMetric(grown/addresses, "B/address")
			runtime.KeepAlive(w)
		})
	}
}
