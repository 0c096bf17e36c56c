package parsers

import (
	"testing"
	"time"
)

func BenchmarkFullLog(b *testing.B)     { benchmarkLog(b, genFull(20000)) }
func BenchmarkSecurityLog(b *testing.B) { benchmarkLog(b, genSecurity(20000)) }

// benchmarkLog reads the log whole in each round.
func benchmarkLog(b *testing.B, log []byte) {
	p := New(Clock{})
	lines, events := 0, 0
	emit := func(*Event) { events++ }
	b.ReportAllocs()
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		lines += p.Block(log, false, time.Time{}, emit)
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(events)/float64(lines), "events/line")
}
