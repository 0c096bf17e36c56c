package feeds

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// FuzzParse: whatever a feed holds, what is taken of it is masked, sorted, not too
// wide, apart from each other, and no address that is never banned.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) < 8 {
		f.Fatalf("got %v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := range configs.FeedFormats {
			f.Add(data, uint8(i))
		}
	}
	f.Add(packed(f, "192.0.2.1\n"), uint8(0))
	f.Add([]byte("172.0.0.0/8\n100.0.0.0-100.127.255.255\n168.0.0.0/8\n"), uint8(1))
	const most = 1000
	f.Fuzz(func(t *testing.T, data []byte, format uint8) {
		list, err := Parse(bytes.NewReader(data), configs.FeedFormats[int(format)%len(configs.FeedFormats)], most)
		if err == nil && (len(list.Prefixes) == 0 || len(list.Prefixes) > most) {
			t.Errorf("got %d prefixes and no error", len(list.Prefixes))
		}
		if len(list.Notes) > 3*maxNotes {
			t.Errorf("got %d notes, want at most %d", len(list.Notes), 3*maxNotes)
		}
		for _, n := range list.Notes {
			if i := slices.IndexFunc([]byte(n.What), func(b byte) bool { return b < ' ' || b > '~' }); i >= 0 || n.Line < 1 {
				t.Errorf("got note %+q in line %d, want what a terminal does not obey", n.What, n.Line)
			}
		}
		if err == nil {
			checkPrefixes(t, list.Prefixes)
		}
	})
}

// FuzzCopy: whatever became of a copy on disk, what is taken of it is sound.
func FuzzCopy(f *testing.F) {
	c := feedOf("a", "https://feeds.example/list")
	head := copyHead + "# source: " + sourceOf(c) + "\n"
	f.Add([]byte("# fetched: 2026-01-02T03:04:05Z\n# format: text\n# etag: \"\\\"v1\\\"\"\n# modified: \"\"\n198.51.100.0/24\n"))
	f.Add([]byte("# fetched: never\n# etag: \"\n2001:db8::/15\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		feeds := New(Options{Dir: t.TempDir()})
		if err := os.WriteFile(feeds.path("a"), append([]byte(head), data...), 0o600); err != nil {
			t.Fatal(err)
		}
		s := feeds.load(c)
		if (s.list == nil) != (s.table == nil) {
			t.Fatalf("got list %v, table %v", s.list, s.table)
		}
		if s.list != nil {
			checkPrefixes(t, s.list.Prefixes)
		}
	})
}

func checkPrefixes(t *testing.T, list []netip.Prefix) {
	t.Helper()
	for i, p := range list {
		switch {
		case p != p.Masked() || !p.IsValid() || p.Addr().Is4In6():
			t.Errorf("got %s, want it masked and unmapped", p)
		case tooWide(p):
			t.Errorf("got %s, which is too wide", p)
		case !parsers.Bannable(p.Addr()) || never.OverlapsPrefix(p):
			t.Errorf("got %s, want no address that is never banned", p)
		case i > 0 && (list[i-1].Compare(p) >= 0 || list[i-1].Overlaps(p)):
			t.Errorf("got %s before %s, want them sorted and apart", list[i-1], p)
		}
	}
}

// never holds all that is never banned.
func TestNever(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		a := randomAddr(rnd)
		if !parsers.Bannable(a) && !never.Lookup(a) {
			t.Fatalf("%s is never banned, and could stand in a feed", a)
		}
	}
	for _, text := range []string{"0.0.0.0", "0.255.255.255", "127.255.255.255", "169.254.9.9", "255.255.255.255", "239.1.1.1", "::", "::1", "fe80::9", "ff02::1"} {
		if a := netip.MustParseAddr(text); !never.Lookup(a) {
			t.Errorf("%s could stand in a feed", a)
		}
	}
}

// randomAddr favours the first bytes at which networks differ in kind.
func randomAddr(rnd *rand.Rand) netip.Addr {
	if rnd.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte{byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32())})
	}
	var b [16]byte
	for i := range b {
		if rnd.IntN(3) > 0 {
			b[i] = byte(rnd.Uint32())
		}
	}
	if rnd.IntN(8) == 0 {
		b[0], b[1] = 0xfe, 0x80
	}
	if rnd.IntN(8) == 0 {
		clear(b[:15])
	}
	return netip.AddrFrom16(b)
}

// Subtract is exact: an address is in the result if and only if it is in the feed
// and not protected.
func TestSubtract(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		feed, protected := randomPrefixes(rnd, 1+rnd.IntN(12)), randomPrefixes(rnd, rnd.IntN(8))
		got, err := Subtract(feed, protected)
		if err != nil {
			t.Fatal(err)
		}
		in := func(list []netip.Prefix, a netip.Addr) bool {
			return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
		}
		for _, p := range got {
			if slices.ContainsFunc(protected, p.Overlaps) {
				t.Fatalf("%v - %v: got %s, which is protected", feed, protected, p)
			}
		}
		for _, a := range edges(slices.Concat(feed, protected, got)) {
			if want := in(feed, a) && !in(protected, a); in(got, a) != want {
				t.Fatalf("%v - %v: got %v, where %s is %v, want %v", feed, protected, got, a, !want, want)
			}
		}
		n := 0
		for _, p := range feed {
			if slices.ContainsFunc(protected, p.Overlaps) {
				n++
			}
		}
		if touched(feed, protected) != n {
			t.Fatalf("%v - %v: got %d touched, want %d", feed, protected, touched(feed, protected), n)
		}
	}
}

// randomPrefixes are of two small networks, so that they meet often.
func randomPrefixes(rnd *rand.Rand, n int) (list []netip.Prefix) {
	for range n {
		if rnd.IntN(3) == 0 {
			a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(rnd.Uint32())})
			list = append(list, netip.PrefixFrom(a, 120+rnd.IntN(9)).Masked())
			continue
		}
		a := netip.AddrFrom4([4]byte{198, 51, byte(100 + rnd.IntN(2)), byte(rnd.Uint32())})
		list = append(list, netip.PrefixFrom(a, 20+rnd.IntN(13)).Masked())
	}
	return list
}

// edges are the addresses at which the answer can change.
func edges(list []netip.Prefix) (addrs []netip.Addr) {
	for _, p := range list {
		first, last := p.Addr(), lastOf(p)
		addrs = append(addrs, first, last)
		if first.Prev().IsValid() {
			addrs = append(addrs, first.Prev())
		}
		if last.Next().IsValid() {
			addrs = append(addrs, last.Next())
		}
	}
	return addrs
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < p.Addr().BitLen(); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Protection in other forms protects all the same, and nonsense protects no address.
func TestSubtractForms(t *testing.T) {
	feed := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), {}}
	got, err := Subtract(feed, []netip.Prefix{netip.MustParsePrefix("::ffff:198.51.100.0/121"), netip.PrefixFrom(netip.MustParseAddr("198.51.100.200"), 26), {}})
	if err != nil || !slices.Equal(got, []netip.Prefix{netip.MustParsePrefix("198.51.100.128/26")}) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := Subtract(feed, []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v, want no protection", got, err)
	}
}
