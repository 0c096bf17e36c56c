package actions

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/actions/kerneltest"
	"pbxjail/configs/ports"
)

// nth is one of many addresses of attackers.
func nth(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
}

func benchEnforcer(b *testing.B, kind string) Enforcer {
	kerneltest.InNamespace(b)
	e := mustOpen(b, kind, Options{})
	mustSetup(b, e)
	return e
}

func banMany(b *testing.B, e Enforcer, n int) {
	for i := range n {
		if err := e.Ban(nth(i), "", time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBan(b *testing.B) {
	e := benchEnforcer(b, "ipset")
	i := 0
	for b.Loop() {
		if err := e.Ban(nth(i%200000), "", time.Hour); err != nil {
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

// BenchmarkBanAll100k is a restart's work, and of ipset(8) too, to compare.
func BenchmarkBanAll100k(b *testing.B) {
	for _, kind := range []string{"ipset", "nftables"} {
		b.Run(kind, func(b *testing.B) {
			e := benchEnforcer(b, kind)
			for b.Loop() {
				if err := e.BanAll(many(100_000)); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := e.Teardown(); err != nil {
					b.Fatal(err)
				}
				mustSetup(b, e)
				b.StartTimer()
			}
		})
	}
	b.Run("ipset restore", func(b *testing.B) {
		kerneltest.InNamespace(b)
		saved := b.TempDir() + "/saved"
		var text strings.Builder
		text.WriteString("create restored hash:net timeout 0 counters maxelem 262144\n")
		for p := range many(100_000) {
			fmt.Fprintf(&text, "add restored %s timeout 3600\n", p.Prefix.Addr())
		}
		if err := os.WriteFile(saved, []byte(text.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			kerneltest.Tool(b, "ipset", "restore", "-file", saved)
			b.StopTimer()
			kerneltest.Tool(b, "ipset", "destroy")
			b.StartTimer()
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, kind := range []string{"ipset", "nftables", "iptables"} {
		b.Run(kind, func(b *testing.B) {
			e := benchEnforcer(b, kind)
			if kind != "iptables" {
				e.BanAll(many(100_000))
			}
			mustSetup(b, e)
			mustSetup(b, e)
			e.Check()
			for b.Loop() {
				if ok, _, err := e.Check(); !ok || err != nil {
					b.Fatal(ok, err)
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
		if err := e.Each(func(ports.Held) { n++ }); err != nil || n != 100_000 {
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

// plainFull is plain rules of a variant with so many bans.
func plainFull(b *testing.B, variant string, n int) Enforcer {
	b.Helper()
	kerneltest.InNamespace(b)
	kerneltest.WithTools(b, variant)
	saved := b.TempDir() + "/saved"
	var text strings.Builder
	text.WriteString("*raw\n:pbxjail - [0:0]\n")
	for p := range many(n) {
		fmt.Fprintf(&text, "-A pbxjail -s %s -m comment --comment pbxjail-until-%d -j DROP\n", p.Prefix, time.Now().Add(time.Hour).Unix())
	}
	text.WriteString("COMMIT\n")
	if err := os.WriteFile(saved, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	kerneltest.Tool(b, "iptables-restore", saved)
	e := mustOpen(b, "iptables", Options{})
	mustSetup(b, e)
	mustSetup(b, e)
	return e
}

// processor is the time that this process and the programs that it started have worked.
func processor(b *testing.B) time.Duration {
	var all time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var use unix.Rusage
		if err := unix.Getrusage(who, &use); err != nil {
			b.Fatal(err)
		}
		all += time.Duration(use.Utime.Nano() + use.Stime.Nano())
	}
	return all
}

// measured repeats do, and reports the time of the processor too.
func measured(b *testing.B, do func() error) {
	begin := processor(b)
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processor(b)-begin).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkPlain2000 is what a ban costs beside 2,000 others, and a second and a minute at rest.
func BenchmarkPlain2000(b *testing.B) {
	for _, variant := range []string{"nft", "legacy"} {
		b.Run(variant+"/ban", func(b *testing.B) {
			e := plainFull(b, variant, 2000)
			i := 2000
			measured(b, func() error {
				i++
				return e.Ban(nth(i), "", time.Hour)
			})
		})
		b.Run(variant+"/second", func(b *testing.B) {
			e := plainFull(b, variant, 2000)
			measured(b, func() error {
				_, _, err := e.Check()
				return errors.Join(err, e.(Expirer).Expire(time.Now()))
			})
		})
		b.Run(variant+"/minute", func(b *testing.B) {
			e := plainFull(b, variant, 2000)
			measured(b, func() error {
				_, _, err := e.Setup()
				return errors.Join(err, e.Each(func(ports.Held) {}))
			})
		})
	}
}
