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

// TestNoAllocations: reading text logs makes no garbage, whatever the form.
func TestNoAllocations(t *testing.T) {
	forms := map[string][]byte{"full": genFull(500), "security": genSecurity(500)}
	for form, name := range map[int]string{0: "default", 1: "plain", 2: "syslog", 3: "journal", 8: "rfc5424", 11: "busybox", 13: "container", 14: "cri", 16: "stamped"} {
		var log []byte
		for _, l := range allRules() {
			log = append(append(log, writeRule(l, 0, trueAddrs[0]).in(form)...), '\n')
		}
		forms[name] = log
	}
	for name, log := range forms {
		p := New(Clock{})
		if n := testing.AllocsPerRun(10, func() { p.Block(log, false, time.Time{}, func(*Event) {}) }); n > 0 {
			t.Errorf("%s: got %v allocations a log, want none", name, n)
		}
	}
}
