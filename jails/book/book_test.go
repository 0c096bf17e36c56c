package book

import (
	"net/netip"
	"testing"
	"time"

	"pbxjail/configs"
)

func ban(p string, d time.Duration) Ban {
	return Ban{Prefix: prefix(p), Jail: "x", Since: start, Until: EndOf(start, d), Strike: 1}
}

func TestLeft(t *testing.T) {
	for _, c := range []struct {
		name         string
		since, until time.Time
		now          time.Time
		want         time.Duration
		live         bool
	}{
		{"begin", start, start.Add(time.Hour), start, time.Hour, true},
		{"end", start, start.Add(time.Hour), start.Add(time.Hour - 1), 1, true},
		{"over", start, start.Add(time.Hour), start.Add(time.Hour), 0, false},
		{"without end", start, time.Time{}, start.AddDate(100, 0, 0), Forever, true},
		{"a clock that woke up in 1970", start, start.Add(time.Hour), time.Unix(0, 0), time.Hour, true},
		{"observed", start, start, start, 0, false},
		{"observed, in 1970", start, start, time.Unix(0, 0), 0, false},
		{"until the year 9999", start, start.AddDate(7973, 0, 0), start, 1<<63 - 1, true},
	} {
		left, live := Ban{Since: c.since, Until: c.until}.Left(c.now)
		if live != c.live || live && left != c.want {
			t.Errorf("%s: got %v, %t, want %v, %t", c.name, left, live, c.want, c.live)
		}
	}
}

func TestHolding(t *testing.T) {
	b := NewBook([]Ban{
		ban("203.0.113.9/32", time.Hour), ban("203.0.113.0/24", 2*time.Hour), ban("203.0.0.0/8", Forever),
		ban("2001:db8:1::/48", time.Hour), ban("2001:db8:1:2::3/128", 2*time.Hour), ban("8000::/1", time.Hour),
	}, nil)
	for _, c := range []struct {
		addr string
		at   time.Duration
		want string
	}{
		{"203.0.113.9", 0, "203.0.113.9/32"},
		{"203.0.113.9", time.Hour, "203.0.113.0/24"},
		{"203.0.113.8", 0, "203.0.113.0/24"},
		{"203.0.113.9", 2 * time.Hour, "203.0.0.0/8"},
		{"204.0.113.9", 0, ""},
		{"2001:db8:1:2::3", 0, "2001:db8:1:2::3/128"},
		{"2001:db8:1:2::4", 0, "2001:db8:1::/48"},
		{"2001:db8:2::", 0, ""},
		{"ffff::1", 0, "8000::/1"},
		{"2001:db8:1:2::3", time.Hour, "2001:db8:1:2::3/128"},
		{"2001:db8:1:2::3", 3 * time.Hour, ""},
	} {
		got, ok := b.Holding(addr(c.addr), start.Add(c.at))
		if ok != (c.want != "") || ok && got.Prefix.String() != c.want {
			t.Errorf("%s after %v: got %v, want %q", c.addr, c.at, got, c.want)
		}
	}
	if _, ok := b.Holding(netip.Addr{}, start); ok {
		t.Error("no address at all: got a ban")
	}
}

func TestExpire(t *testing.T) {
	b := NewBook([]Ban{ban("192.0.2.1/32", time.Minute), ban("192.0.2.2/32", time.Hour), ban("192.0.2.3/32", Forever)}, nil)
	for _, c := range []struct {
		at       time.Duration
		over     int
		len      int
		striking string
	}{
		{time.Minute - 1, 0, 3, ""},
		{time.Minute, 1, 2, "192.0.2.1/32"},
		{time.Minute, 0, 2, "192.0.2.1/32"},
		{1000 * time.Hour, 1, 1, "192.0.2.2/32"},
	} {
		if got := b.Expire(start.Add(c.at)); got != c.over || b.Len() != c.len {
			t.Errorf("after %v: got %d over, %d left, want %d, %d", c.at, got, b.Len(), c.over, c.len)
		}
		if c.striking != "" {
			if s := b.strikes[prefix(c.striking)]; s.Count != 1 || !s.Last.After(start) {
				t.Errorf("%s: got %+v, want one strike", c.striking, s)
			}
		}
	}
}

func TestLift(t *testing.T) {
	p := prefix("192.0.2.1/32")
	b := NewBook([]Ban{ban("192.0.2.1/32", time.Minute), ban("192.0.2.0/24", time.Minute)}, []Strike{{Prefix: p, Count: 4, Last: start}})
	if !b.Lift(p) || b.Lift(p) {
		t.Error("got another answer than true and then false")
	}
	if got := b.NextStrike(p, configs.Growth{}, start); got != 1 {
		t.Errorf("got strike %d, want 1: it is forgotten", got)
	}
	if got, ok := b.Holding(p.Addr(), start); !ok || got.Prefix.Bits() != 24 {
		t.Errorf("got %v, want the wider ban to hold", got)
	}
}

func TestStrike(t *testing.T) {
	p := prefix("192.0.2.1/32")
	week := configs.Growth{ForgiveAfter: 7 * 24 * time.Hour}
	for _, c := range []struct {
		name    string
		bans    []Ban
		strikes []Strike
		growth  configs.Growth
		now     time.Time
		want    int
	}{
		{"first", nil, nil, week, start, 1},
		{"second", nil, []Strike{{Prefix: p, Count: 1, Last: start}}, week, start.Add(time.Hour), 2},
		{"of another", nil, []Strike{{Prefix: prefix("192.0.2.0/24"), Count: 1, Last: start}}, week, start, 1},
		{"forgiven", nil, []Strike{{Prefix: p, Count: 9, Last: start}}, week, start.Add(8 * 24 * time.Hour), 1},
		{"never forgiven", nil, []Strike{{Prefix: p, Count: 9, Last: start}}, configs.Growth{}, start.AddDate(9, 0, 0), 10},
		{"while one holds", []Ban{{Prefix: p, Since: start, Until: start.Add(time.Hour), Strike: 3}}, nil, week, start, 3},
		{"when it is over", []Ban{{Prefix: p, Since: start, Until: start.Add(time.Hour), Strike: 3}}, nil, week, start.Add(time.Hour), 4},
		{"before it was over", nil, []Strike{{Prefix: p, Count: 3, Last: start}}, week, start.Add(-time.Minute), 3},
	} {
		if got := NewBook(c.bans, c.strikes).NextStrike(p, c.growth, c.now); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBookIsBounded(t *testing.T) {
	b := NewBook(nil, nil)
	fillBook(b, MaxBans-1, start.Add(time.Hour))
	for i := range MaxStrikes {
		b.strikes[netip.PrefixFrom(numbered(i), 32)] = Strike{Count: 1}
	}
	one, two := ban("192.0.2.1/32", time.Minute), ban("192.0.2.2/32", time.Minute)
	if !b.Put(one) || b.Put(two) || b.Len() != MaxBans {
		t.Errorf("got %d bans, want %d and no more", b.Len(), MaxBans)
	}
	if one.Strike = 7; !b.Put(one) {
		t.Error("got a change of a known one refused")
	}
	if b.Expire(start.Add(time.Minute)) != 1 || !b.Put(two) {
		t.Error("got refused, though there is room again")
	}
	if got := len(b.strikes); got != MaxStrikes || b.strikes[one.Prefix].Count != 7 {
		t.Errorf("got %d strikes, want %d with the latest", got, MaxStrikes)
	}
}

// fillBook puts so many bans into an empty book that end at a time.
func fillBook(b *Book, n int, until time.Time) {
	for i := range n {
		b.bans.put(&Ban{Prefix: netip.PrefixFrom(numbered(i), 32), Since: start, Until: until, Strike: 1})
	}
}

func TestByJail(t *testing.T) {
	b := NewBook([]Ban{ban("203.0.113.1/32", time.Hour)}, nil)
	want := func(n int) {
		t.Helper()
		if got := b.ByJail(); got["x"] != n || n == 0 && len(got) != 0 {
			t.Errorf("got %v, want %d bans of x", got, n)
		}
	}
	want(1)
	b.Put(ban("203.0.113.1/32", 2*time.Hour)) // replaces
	b.Put(ban("203.0.113.2/32", time.Hour))
	want(2)
	b.Lift(prefix("203.0.113.2/32"))
	b.Lift(prefix("203.0.113.2/32"))
	want(1)
	b.Expire(start.Add(3 * time.Hour))
	want(0)
}
