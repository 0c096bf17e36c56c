package actions

import (
	"net/netip"
	"testing"
	"time"
)

// nth is one of many addresses of attackers.
func nth(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
}

func benchEnforcer(b *testing.B, kind string) Enforcer {
	inNamespace(b)
	e := mustOpen(b, kind, Options{})
	mustSetup(b, e)
	return e
}

func banMany(b *testing.B, e Enforcer, n int) {
	for i := range n {
		if err := e.Ban(nth(i), time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBan(b *testing.B) {
	e := benchEnforcer(b, "ipset")
	i := 0
	for b.Loop() {
		if err := e.Ban(nth(i%200000), time.Hour); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkBan100k(b *testing.B) {
	e := benchEnforcer(b, "ipset")
	for b.Loop() {
		banMany(b, e, 100_000)
	}
}

// BenchmarkBanAll100k is what a boot pays: the kernel is empty, and bans come by the
// thousand, as the warden sends them.
func BenchmarkBanAll100k(b *testing.B) {
	const all, part = 100_000, 1000
	for _, kind := range []string{"ipset", "nftables"} {
		b.Run(kind, func(b *testing.B) {
			e := benchEnforcer(b, kind)
			for b.Loop() {
				b.StopTimer()
				if err := e.Teardown(); err != nil {
					b.Fatal(err)
				}
				mustSetup(b, e)
				b.StartTimer()
				for first := 0; first < all; first += part {
					err := e.BanAll(func(yield func(netip.Prefix, time.Duration) bool) {
						for i := first; i < first+part && yield(nth(i), time.Hour); i++ {
						}
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkEach100k(b *testing.B) {
	e := benchEnforcer(b, "ipset")
	banMany(b, e, 100_000)
	for b.Loop() {
		n := 0
		if err := e.Each(func(netip.Prefix, time.Duration, uint64, uint64) { n++ }); err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkSetupAgain is what a reconciler pays when nothing is wrong.
func BenchmarkSetupAgain(b *testing.B) {
	for _, kind := range []string{"ipset", "iptables"} {
		b.Run(kind, func(b *testing.B) {
			e := benchEnforcer(b, kind)
			for b.Loop() {
				mustSetup(b, e)
			}
		})
	}
}

func BenchmarkBanPlain(b *testing.B) {
	e := benchEnforcer(b, "iptables")
	i := 0
	for b.Loop() {
		if err := e.Ban(nth(i%1000), time.Hour); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
