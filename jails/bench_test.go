package jails

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// shipped are the jails that come with the program, all reading /log.
func shipped(b *testing.B) (list []*Jail) {
	specs, bad := configs.LoadJails("")
	if len(bad) > 0 {
		b.Fatal(bad)
	}
	for _, spec := range specs {
		spec.Logs = []string{"/log"}
		j, err := Compile(spec)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, j)
	}
	return list
}

// BenchmarkHear is one event, as a flood brings it: a millisecond after the last.
// Each address fails so often before the next one comes.
func BenchmarkHear(b *testing.B) {
	text := parsers.TextOf([]byte(strings.Repeat("x", 250)))
	for _, c := range []struct {
		name             string
		jails            []*Jail
		kind             parsers.Kind
		addresses, fails int
	}{
		{"no jail counts it", shipped(b), parsers.Custom, 1, 1},
		{"one address, banned already", []*Jail{jailOf(b, "x", "")}, parsers.BadPassword, 1, 1},
		{"1000 addresses, once a second", []*Jail{jailOf(b, "x", "findtime: 4s")}, parsers.BadPassword, 1000, 1},
		{"200000 addresses, once each", []*Jail{jailOf(b, "x", "findtime: 3m")}, parsers.BadPassword, 200_000, 1},
		{"200000 addresses, shipped jails", shipped(b), parsers.BadPassword, 200_000, 4},
		{"200000 addresses, shipped jails and all senses", shipped(b), parsers.BadPassword, 200_000, 4},
		{"every fifth a ban", []*Jail{jailOf(b, "x", "bantime: 1m")}, parsers.BadPassword, 200_000, 5},
	} {
		b.Run(c.name, func(b *testing.B) {
			judge := NewJudge(c.jails, NewGuard(nil, nil), book.NewBook(nil, nil), 200_000, false)
			if strings.HasSuffix(c.name, "all senses") {
				senses := everything()
				senses.Rules.Block = nil // each of their lines would be a ban
				judge.SetSenses(senses)
			}
			src := judge.Source("/log")
			e := with(failure("203.0.113.9"), func(e *parsers.Event) { e.Kind, e.Line = c.kind, text })
			at, i := start, 0
			b.ReportAllocs()
			for b.Loop() {
				e.Addr = numbered(i / c.fails % c.addresses)
				at, i = at.Add(time.Millisecond), i+1
				judge.Hear(src, e, at, func(v Verdict) { judge.book.Put(v.Ban.WithoutLines()) })
			}
		})
	}
}

// BenchmarkBook is what is done once a minute, or once a ban, among many bans.
func BenchmarkBook(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		bans := book.NewBook(nil, nil)
		for i := range n {
			bans.Put(book.Ban{Prefix: netip.PrefixFrom(numbered(i), 32), Since: start, Until: start.Add(time.Hour)})
		}
		b.Run(fmt.Sprint("expire ", n), func(b *testing.B) {
			for b.Loop() {
				bans.Expire(start)
			}
		})
		b.Run(fmt.Sprint("holding ", n), func(b *testing.B) {
			a4, a6 := addr("203.0.113.9"), addr("2001:db8::1")
			for b.Loop() {
				bans.Holding(a4, start)
				bans.Holding(a6, start)
			}
		})
	}
}

// BenchmarkGuard measures the work under the lock of the warden when protections change: it makes
// a guard of 10,000 protections and compares 100,000 bans with it.
func BenchmarkGuard(b *testing.B) {
	nth := func(first byte, i int) netip.Addr {
		return netip.AddrFrom4([4]byte{first, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	protections := make([]Protection, 10_000)
	for i := range protections {
		protections[i] = Protection{Prefix: netip.PrefixFrom(nth(20, i), 32), Why: "a trunk"}
	}
	for b.Loop() {
		g := NewGuard(nil, nil, protections...)
		for i := range 100_000 {
			if why, ok := g.Protects(netip.PrefixFrom(nth(30, i), 32)); ok {
				b.Fatal(why)
			}
		}
	}
}
