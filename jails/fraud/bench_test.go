package fraud

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"pbxjail/configs"
)

func BenchmarkAnalyse(b *testing.B) {
	p := shippedPlan("49")
	for _, number := range []string{"00972597562518", "99900441516014742", "0301234567", "101"} {
		b.Run(number, func(b *testing.B) {
			b.ReportAllocs()
			n := text(number)
			for b.Loop() {
				p.Analyse(n)
			}
		})
	}
}

func BenchmarkHear(b *testing.B) {
	for name, kind := range map[string]func(int, string) Attempt{"unknown": missing, "wrong": wrong, "guest": guest} {
		var all []Attempt
		for i := range 4096 {
			all = append(all, kind(i, fmt.Sprintf("0097259756%04d", i*7919%4096)))
		}
		b.Run(name, func(b *testing.B) {
			s := New(configs.ShippedNumbers(), rules(b), 1000)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				s.Hear(all[i%len(all)], seven, func(Finding) {})
				i++
			}
		})
	}
}

func BenchmarkSilence(b *testing.B) {
	b.Run("answered", func(b *testing.B) {
		s := NewSilence(1000)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			s.Challenged(from(i%1000), text("1001"), noAccount, seven)
			s.Answered(from(i%1000), false, seven)
			i++
		}
	})
	b.Run("nothing due", func(b *testing.B) {
		s := NewSilence(1000)
		s.Challenged(from(1), text("1001"), noAccount, seven)
		for b.Loop() {
			due(s, seven)
		}
	})
}

// BenchmarkMemory reports what one tracked key costs, its part of the maps included.
func BenchmarkMemory(b *testing.B) {
	const keys = 50_000
	for name, fill := range map[string]func() any{
		"address": func() any {
			s := New(configs.ShippedNumbers(), rules(b), keys)
			for i := range keys {
				hear(s, missing(i, "1001"), seven)
			}
			return s
		},
		"account": func() any {
			s := New(configs.ShippedNumbers(), rules(b), keys)
			for i := range keys {
				hear(s, wrong(1, fmt.Sprint(i)), seven)
			}
			return s
		},
		"challenged": func() any {
			s := NewSilence(keys)
			for i := range keys {
				s.Challenged(from(i), text("1001"), noAccount, seven.Add(time.Duration(i)))
			}
			return s
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := inUse()
				kept := fill()
				b.ReportMetric(float64(inUse()-before)/keys, "B/key")
				runtime.KeepAlive(kept)
			}
		})
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
