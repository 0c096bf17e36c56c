package jails

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// The benchmarks of growth have one number in their names, and report ns/each: `make growth`
// prints the curve.

// spread jumps over the numbers below n, so that no cache is of help: 7919 is a prime.
func spread(i, n int) int { return i * 7919 % n }

func reportEach(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/each")
}

// BenchmarkGrowthAddresses judges a failure while so many addresses are remembered.
func BenchmarkGrowthAddresses(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			judge := NewJudge(shipped(b), NewGuard(nil, nil), book.NewBook(nil, nil), 2*n, false)
			src := judge.Source("/log")
			e := failure("203.0.113.9")
			e.Kind = parsers.BadPassword
			take := func(v Verdict) { judge.book.Put(v.Ban.WithoutLines()) }
			for i := range n {
				e.Addr = numbered(i)
				judge.Hear(src, e, start, take)
			}
			i, at := 0, start
			for b.Loop() {
				e.Addr = numbered(spread(i, n))
				at, i = at.Add(time.Millisecond), i+1
				judge.Hear(src, e, at, take)
			}
			reportEach(b)
		})
	}
}

// BenchmarkGrowthBans asks for a ban, and makes and lifts one, among so many.
func BenchmarkGrowthBans(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bans := book.NewBook(nil, nil)
			bans.SetLimit(2 * n)
			ban := func(i int) book.Ban {
				return book.Ban{Prefix: netip.PrefixFrom(numbered(i), 32), Since: start, Until: start.Add(time.Hour)}
			}
			for i := range n {
				bans.Put(ban(i))
			}
			i := 0
			for b.Loop() {
				bans.Holding(numbered(spread(i, n)), start)
				bans.Put(ban(n))
				bans.Lift(netip.PrefixFrom(numbered(n), 32))
				i++
			}
			reportEach(b)
		})
	}
}

// BenchmarkGrowthProtections asks whether an address is protected.
func BenchmarkGrowthProtections(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var list []Protection
			for i := range n {
				list = append(list, Protection{Prefix: netip.PrefixFrom(numbered(1000*i), 28).Masked(), Why: "a trunk"})
			}
			g := NewGuard(nil, nil, list...)
			i := 0
			for b.Loop() {
				g.Protects(netip.PrefixFrom(numbered(spread(i, 1000*n)), 32))
				i++
			}
			reportEach(b)
		})
	}
}
