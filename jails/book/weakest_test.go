package book

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pbxjail/parsers"
)

func TestWeakestFirst(t *testing.T) {
	b := NewBook(nil, nil)
	for i, x := range []struct {
		by       string
		evidence parsers.Evidence
		left     time.Duration
	}{
		{"log", parsers.Claimed, time.Hour}, {"log", parsers.Claimed, Forever}, {"log", parsers.Seen, time.Minute}, {"kernel", parsers.NoEvidence, 2 * time.Minute},
		{"log", parsers.Seen, 3 * time.Minute}, {"log", parsers.Proven, time.Second}, {"log", parsers.Proven, Forever}, {"uid 0 (root)", parsers.NoEvidence, time.Second},
	} {
		b.Put(Ban{Prefix: netip.PrefixFrom(numbered(i), 32), By: x.by, Evidence: x.evidence, Since: start, Until: EndOf(start, x.left), Strike: 2})
	}
	now := start.Add(time.Millisecond)
	for i := range 7 {
		got, ok := b.MakeRoom(now)
		if want := netip.PrefixFrom(numbered(i), 32); !ok || got.Prefix != want || !got.Until.Equal(now) {
			t.Fatalf("got %s until %v, %t, want %s to end now", got.Prefix, got.Until, ok, want)
		}
		if s, _ := b.History(got.Prefix); s.Count != 2 {
			t.Errorf("%s: got strike %d, want it kept", got.Prefix, s.Count)
		}
	}
	if got, ok := b.MakeRoom(now); ok || b.Len() != 1 {
		t.Errorf("got %s to make room, which a person ordered", got.Prefix)
	}
}

// TestWeakestAgainstAll: for any order of bans, no ban is weaker than the one that makes room.
func TestWeakestAgainstAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	b := NewBook(nil, nil)
	for i := range 40_000 {
		b.Put(Ban{
			Prefix: netip.PrefixFrom(numbered(r.IntN(30_000)), 32), By: []string{"log", "log", "kernel", "root"}[r.IntN(4)],
			Evidence: parsers.Evidence(r.IntN(3) + 1), Since: start, Until: EndOf(start, time.Duration(r.IntN(1000))*time.Second),
		})
		if i%7 == 0 {
			b.Remove(netip.PrefixFrom(numbered(r.IntN(30_000)), 32))
		}
		if i < 20_000 || i%3 != 0 {
			continue
		}
		before := map[netip.Prefix]Ban{}
		if i%100 == 0 {
			for x := range b.Each {
				before[x.Prefix] = *x
			}
		}
		got, ok := b.MakeRoom(start)
		if !ok {
			t.Fatal("got no room")
		}
		was := before[got.Prefix]
		for p, x := range before {
			if made(&x) && weaker(&x, &was) < 0 {
				t.Fatalf("%s made room, and %s is weaker", fmt.Sprint(was), p)
			}
		}
	}
}

// BenchmarkMakeRoom is what a new ban costs in a full book.
func BenchmarkMakeRoom(b *testing.B) {
	book := NewBook(nil, nil)
	for i := range MaxBans {
		book.Put(Ban{Prefix: netip.PrefixFrom(numbered(i), 32), By: "log", Evidence: parsers.Seen, Since: start, Until: start.Add(time.Duration(i) * time.Second)})
	}
	i := MaxBans
	for b.Loop() {
		book.MakeRoom(start)
		book.Put(Ban{Prefix: netip.PrefixFrom(numbered(i), 32), By: "log", Evidence: parsers.Seen, Since: start, Until: start.Add(time.Duration(i) * time.Second)})
		i++
	}
}

// TestLimit: where memory is small, the book holds fewer bans and strikes, and the weakest
// makes room as in a full book.
func TestLimit(t *testing.T) {
	b := NewBook(nil, nil)
	b.SetLimit(3)
	for i := range 3 {
		if !b.Put(Ban{Prefix: netip.PrefixFrom(numbered(i), 32), By: "log", Since: start, Until: start.Add(time.Duration(i+1) * time.Hour)}) {
			t.Fatalf("ban %d: got refused, want %d bans", i, b.Limit())
		}
	}
	more := Ban{Prefix: netip.PrefixFrom(numbered(9), 32), By: "log", Since: start, Until: start.Add(time.Hour)}
	if b.Put(more) {
		t.Error("got a ban beyond the limit")
	}
	for i := range 9 {
		if _, ok := b.MakeRoom(start); !ok || !b.Put(Ban{Prefix: netip.PrefixFrom(numbered(20+i), 32), By: "log", Since: start, Until: start.Add(time.Hour)}) {
			t.Fatal("got no room")
		}
	}
	if len(b.strikes) > 3 || b.Len() != 3 {
		t.Errorf("got %d strikes and %d bans, want at most 3", len(b.strikes), b.Len())
	}
}
