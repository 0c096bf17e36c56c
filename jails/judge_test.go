package jails

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

func TestBan(t *testing.T) {
	judge := judgeOf(jailOf(t, "guessing", "maxretry: 3\nfindtime: 10m\nbantime: 1h"))
	for i := range 2 {
		if got := hear(judge, failure("203.0.113.9"), start.Add(time.Duration(i)*time.Second)); got != nil {
			t.Fatalf("failure %d: got %s", i+1, words(got))
		}
	}
	at := start.Add(2 * time.Second)
	list := hear(judge, failure("203.0.113.9"), at)
	if got, want := words(list), "ban 203.0.113.9/32 by guessing"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	b := list[0].Ban
	if !b.Since.Equal(at) || !b.Until.Equal(at.Add(time.Hour)) || b.Strike != 1 || b.Evidence != parsers.Seen || b.By != "log" {
		t.Errorf("got %+v", b)
	}
	if got, want := b.Reason, "3 points within 10m, maxretry 3"; got != want {
		t.Errorf("got reason %q, want %q", got, want)
	}
	if n := len(b.Lines); n != 3 || !b.Lines[0].Time.Equal(start) || !b.Lines[2].Time.Equal(at) || b.Lines[0].Points != parsers.Point || b.Lines[0].File != "/log" {
		t.Errorf("got lines %+v, want the three that led to it, oldest first", b.Lines)
	}
	if got := score(judge, 0, "203.0.113.9", at); got != 0 {
		t.Errorf("got %s points left, want none", got)
	}
}

// What a ban shows are the lines that counted for it, not those before.
func TestBanShowsWhatCounted(t *testing.T) {
	judge := judgeOf(jailOf(t, "guessing", "maxretry: 3"))
	hear(judge, failure("203.0.113.9"), start)
	hear(judge, failure("203.0.113.9"), start)
	var list []Verdict
	for range 3 {
		list = append(list, hear(judge, failure("203.0.113.9"), start.Add(time.Hour))...)
	}
	if len(list) != 1 || len(list[0].Ban.Lines) != 3 || !list[0].Ban.Lines[0].Time.Equal(start.Add(time.Hour)) {
		t.Errorf("got %+v, want one ban with the last three lines", list)
	}
}

func TestOnlyOffencesCount(t *testing.T) {
	judge := judgeOf(jailOf(t, "guessing", "maxretry: 0.001"))
	for _, change := range []func(*parsers.Event){
		func(e *parsers.Event) { e.Result = parsers.Ambiguous },
		func(e *parsers.Event) { e.Result = parsers.Signal },
		func(e *parsers.Event) { e.Result = parsers.None },
		func(e *parsers.Event) { e.Kind = parsers.Success },
		func(e *parsers.Event) { e.Kind = parsers.ACL },
		func(e *parsers.Event) { e.Evidence = parsers.Claimed },
		func(e *parsers.Event) { e.Evidence = parsers.NoEvidence },
		func(e *parsers.Event) { e.Points = 0 },
		func(e *parsers.Event) { e.Points = -parsers.Point },
	} {
		e := with(failure("203.0.113.9"), change)
		if got := hear(judge, e, start); got != nil {
			t.Errorf("%+v: got %s", e, words(got))
		}
	}
	if got := hearIn(judge, "/another/log", failure("203.0.113.9"), start); got != nil {
		t.Errorf("a log that the jail does not read: got %s", words(got))
	}
	if n := judge.table.Size(); n != 0 {
		t.Errorf("got %d addresses remembered, want none", n)
	}
	if got := hear(judge, failure("203.0.113.9"), start); got == nil {
		t.Error("got no ban on an offence")
	}
}

// A ban rests on the best evidence that suffices for it alone.
func TestEvidence(t *testing.T) {
	const c, s, p = parsers.Claimed, parsers.Seen, parsers.Proven
	for _, k := range []struct {
		name string
		list []parsers.Evidence
		want parsers.Evidence // NoEvidence: no ban
		left string
	}{
		{"proven", []parsers.Evidence{p, p, p}, p, "3h"},
		{"one only seen", []parsers.Evidence{p, p, s}, s, "2h"},
		{"one only claimed", []parsers.Evidence{s, p, c}, c, "1h"},
		{"claimed", []parsers.Evidence{c, c, c}, c, "1h"},
		{"two", []parsers.Evidence{p, p}, parsers.NoEvidence, ""},
	} {
		judge := judgeOf(jailOf(t, "x", "maxretry: 3\nbantime: 1d\nevidence: {ban: claimed, factor: {claimed: 1}, max_bantime: {claimed: 1h, seen: 2h, proven: 3h}}"))
		var got []Verdict
		for _, e := range k.list {
			got = append(got, hear(judge, with(failure("203.0.113.9"), func(x *parsers.Event) { x.Evidence = e }), start)...)
		}
		if k.want == parsers.NoEvidence {
			if got != nil {
				t.Errorf("%s: got %s", k.name, words(got))
			}
			continue
		}
		if len(got) != 1 || got[0].Ban.Evidence != k.want || show.Duration(got[0].Ban.Until.Sub(start)) != k.left {
			t.Errorf("%s: got %+v, want %s for %s", k.name, got, k.want, k.left)
		}
	}
}

func TestStrikes(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", "maxretry: 1\nbantime: 1h\nbantime_growth: {factor: 2, max: 4h, forgive_after: 10d}"))
	day, last := 24*time.Hour, start
	for _, c := range []struct {
		wait time.Duration // after the last ban began
		want string
	}{
		{0, "strike 1 for 1h"},
		{30 * time.Minute, ""}, // still out
		{time.Hour, "strike 2 for 2h"},
		{day, "strike 3 for 4h"},
		{day, "strike 4 for 4h"},
		{10*day + 4*time.Hour, "strike 5 for 4h"}, // ten days after it ended
		{10*day + 4*time.Hour + time.Second, "strike 1 for 1h"},
	} {
		got := ""
		for _, v := range hear(judge, failure("203.0.113.9"), last.Add(c.wait)) {
			got = fmt.Sprintf("strike %d for %s", v.Ban.Strike, show.Duration(v.Ban.Until.Sub(v.Ban.Since)))
			last = v.Ban.Since
		}
		if got != c.want {
			t.Errorf("after %v: got %q, want %q", c.wait, got, c.want)
		}
	}
}

func TestProtected(t *testing.T) {
	guard := NewGuard([]netip.Addr{addr("192.0.2.1"), addr("::ffff:192.0.2.2"), addr("fe80::1%eth0"), addr("2001:db8::1")},
		[]netip.Prefix{prefix("198.51.100.0/24"), prefix("2001:db8:1::/48")})
	jail := jailOf(t, "x", "maxretry: 1\nignoreip: [203.0.113.7, 203.0.113.64/26]")
	for _, c := range []struct{ addr, want string }{
		{"192.0.2.1", "protected: an address of this machine 192.0.2.1/32 by x"},
		{"192.0.2.2", "protected: an address of this machine 192.0.2.2/32 by x"},
		{"192.0.2.3", "ban 192.0.2.3/32 by x"},
		{"2001:db8::1", "protected: an address of this machine 2001:db8::1/128 by x"},
		{"2001:db8::2", "ban 2001:db8::2/128 by x"},
		{"198.51.100.0", "protected: ignoreip 198.51.100.0/24 198.51.100.0/32 by x"},
		{"198.51.100.255", "protected: ignoreip 198.51.100.0/24 198.51.100.255/32 by x"},
		{"198.51.101.0", "ban 198.51.101.0/32 by x"},
		{"2001:db8:1:ffff::", "protected: ignoreip 2001:db8:1::/48 2001:db8:1:ffff::/128 by x"},
		{"203.0.113.7", "protected: ignoreip of jail x 203.0.113.7/32 by x"},
		{"203.0.113.65", "protected: ignoreip of jail x 203.0.113.65/32 by x"},
		{"203.0.113.8", "ban 203.0.113.8/32 by x"},
		{"127.0.0.1", "protected: no packet from another machine can have this address 127.0.0.1/32 by x"},
		{"0.0.0.101", "protected: no packet from another machine can have this address 0.0.0.101/32 by x"},
		{"224.0.0.1", "protected: no packet from another machine can have this address 224.0.0.1/32 by x"},
		{"::1", "protected: no packet from another machine can have this address ::1/128 by x"},
		{"fe80::2", "protected: no packet from another machine can have this address fe80::2/128 by x"},
		{"::ffff:203.0.113.8", "ban 203.0.113.8/32 by x"},
		{"::ffff:198.51.100.3", "protected: ignoreip 198.51.100.0/24 198.51.100.3/32 by x"},
		{"64:ff9b::198.51.100.3", "protected: ignoreip 198.51.100.0/24 64:ff9b::c633:6403/128 by x"},
		{"64:ff9b::203.0.113.7", "protected: ignoreip of jail x 64:ff9b::cb00:7107/128 by x"},
		{"64:ff9b::203.0.113.8", "ban 64:ff9b::cb00:7108/128 by x"},
	} {
		judge := NewJudge([]*Jail{jail}, guard, book.NewBook(nil, nil), 1000, false)
		if got := words(hear(judge, failure(c.addr), start)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.addr, got, c.want)
		}
	}
	judge := NewJudge([]*Jail{jail}, guard, book.NewBook(nil, nil), 1000, false)
	e := with(failure("192.0.2.3"), func(e *parsers.Event) { e.Addr = netip.Addr{} })
	if got := hear(judge, e, start); len(got) != 1 || got[0].Protected == "" {
		t.Errorf("no address at all: got %s", words(got))
	}
}

// No order of events bans a protected address, whatever the jails are.
func TestProtectedIsNeverBanned(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		guard := NewGuard([]netip.Addr{numbered(1)}, []netip.Prefix{netip.PrefixFrom(numbered(4), 30)})
		list := []*Jail{
			jailOf(t, "a", "maxretry: 1\nevidence: {ban: claimed}"),
			jailOf(t, "b", "maxretry: 2.5\nignoreip: ["+numbered(9).String()+"]\nbantime: forever"),
		}
		judge := NewJudge(list, guard, book.NewBook(nil, nil), r.IntN(20)+1, false)
		at, bans := start, 0
		for range 3000 {
			at = at.Add(time.Duration(r.Int64N(int64(time.Minute))) - 20*time.Second)
			e := failure(numbered(r.IntN(12)).String())
			e.Evidence, e.Once, e.Points = parsers.Evidence(r.IntN(4)), r.IntN(4) == 0, parsers.Points(r.IntN(3000))
			for _, v := range hear(judge, e, at) {
				i := v.Ban.Prefix.Addr().As4()[3]
				safe := i == 1 || i >= 4 && i < 8 || i == 9 && v.Ban.Jail == "b"
				if safe == (v.Protected == "") {
					t.Fatalf("seed %d: got %s", seed, word(v))
				}
				bans++
			}
		}
		if bans == 0 {
			t.Fatalf("seed %d: got no verdict at all", seed)
		}
	}
}

func TestAlreadyBanned(t *testing.T) {
	for _, c := range []struct {
		name string
		held book.Ban
		want string
	}{
		{"by itself", book.Ban{Prefix: only("203.0.113.9"), Jail: "x", Until: start.Add(time.Minute)}, ""},
		{"for less", book.Ban{Prefix: only("203.0.113.9"), Jail: "y", Until: start.Add(59 * time.Minute)}, "ban 203.0.113.9/32 by x"},
		{"for as long", book.Ban{Prefix: only("203.0.113.9"), Jail: "y", Until: start.Add(time.Hour)}, ""},
		{"for longer", book.Ban{Prefix: only("203.0.113.9"), Jail: "y", Until: start.Add(2 * time.Hour)}, ""},
		{"forever", book.Ban{Prefix: only("203.0.113.9"), Jail: "y"}, ""},
		{"by hand", book.Ban{Prefix: only("203.0.113.9"), Jail: "manual", Until: start.Add(time.Minute)}, "ban 203.0.113.9/32 by x"},
		{"with its network", book.Ban{Prefix: prefix("203.0.113.0/24"), Jail: "manual", Until: start.Add(2 * time.Hour)}, ""},
		{"with its network, for less", book.Ban{Prefix: prefix("203.0.113.0/24"), Jail: "manual", Until: start.Add(time.Minute)}, "ban 203.0.113.9/32 by x"},
		{"another network", book.Ban{Prefix: prefix("203.0.112.0/24"), Jail: "manual"}, "ban 203.0.113.9/32 by x"},
		{"no more", book.Ban{Prefix: only("203.0.113.9"), Jail: "x", Until: start}, "ban 203.0.113.9/32 by x"},
	} {
		c.held.Since = start
		if !c.held.Until.After(start) && !c.held.Until.IsZero() {
			c.held.Since = start.Add(-time.Hour)
		}
		judge := NewJudge([]*Jail{jailOf(t, "x", "maxretry: 1\nbantime: 1h")}, NewGuard(nil, nil), book.NewBook([]book.Ban{c.held}, nil), 1000, false)
		if got := words(hear(judge, failure("203.0.113.9"), start)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// An old line decides nothing that a ban by hand would lose by.
func TestOldLineShortensNoBan(t *testing.T) {
	held := book.Ban{Prefix: only("203.0.113.9"), Jail: "manual", Since: start, Until: start.Add(time.Hour)}
	judge := NewJudge([]*Jail{jailOf(t, "x", "maxretry: 1\nbantime: 2h")}, NewGuard(nil, nil), book.NewBook([]book.Ban{held}, nil), 1000, false)
	if got := hear(judge, failure("203.0.113.9"), start.Add(-5*time.Hour)); got != nil {
		t.Errorf("got %s, which ended %v", words(got), got[0].Ban.Until)
	}
	if got := hear(judge, failure("203.0.113.9"), start.Add(-time.Minute)); len(got) != 1 {
		t.Errorf("got %s, want a ban that ends later", words(got))
	}
}

func TestTwoJails(t *testing.T) {
	judge := judgeOf(
		jailOf(t, "long", "maxretry: 4\nbantime: 1d"),
		jailOf(t, "short", "maxretry: 2\nbantime: 1h"),
		jailOf(t, "short2", "maxretry: 3\nbantime: 1h"))
	var got []Verdict
	for i := range 8 {
		got = append(got, hear(judge, failure("203.0.113.9"), start.Add(time.Duration(i)*time.Second))...)
	}
	if got, want := words(got), "ban 203.0.113.9/32 by short; ban 203.0.113.9/32 by long"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got[1].Ban.Strike != 1 {
		t.Errorf("got strike %d, want 1: it is the same offence", got[1].Ban.Strike)
	}
}

// A jail that observes decides as if its bans held.
func TestObserve(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", "maxretry: 2\nbantime: 1h\nbantime_growth: {factor: 2}\nobserve: true"), jailOf(t, "y", "maxretry: 5\nbantime: 5m"))
	var got []Verdict
	for i := range 6 {
		got = append(got, hear(judge, failure("203.0.113.9"), start.Add(time.Duration(i)*time.Second))...)
	}
	if got, want := words(got), "observed 203.0.113.9/32 by x; ban 203.0.113.9/32 by y"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if b, held := judge.book.Holding(addr("203.0.113.9"), start.Add(6*time.Second)); !held || b.Jail != "y" || b.Strike != 1 {
		t.Errorf("got %+v, want the ban by y, strike 1", b)
	}
	hear(judge, failure("203.0.113.9"), start.Add(2*time.Hour))
	got = hear(judge, failure("203.0.113.9"), start.Add(2*time.Hour))
	if len(got) != 1 || !got[0].Observe || got[0].Ban.Strike != 2 {
		t.Errorf("after it would be over: got %+v, want strike 2 observed", got)
	}
}

func TestSetJails(t *testing.T) {
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Minute) }
	fresh := func(text string) *Judge {
		judge := judgeOf(jailOf(t, "x", "maxretry: 5\nfindtime: 10m"), jailOf(t, "gone", "maxretry: 5"))
		for i := range 4 {
			hear(judge, failure("203.0.113.9"), at(i))
		}
		judge.SetJails([]*Jail{jailOf(t, "x", text), jailOf(t, "new", "maxretry: 5")})
		return judge
	}
	judge := fresh("maxretry: 5")
	if got, want := words(hear(judge, failure("203.0.113.9"), at(4))), "ban 203.0.113.9/32 by x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := judge.jails[0].memory.events; got != 5 {
		t.Errorf("got %d events, want 5", got)
	}
	if got := score(judge, 1, "203.0.113.9", at(4)); got != parsers.Point {
		t.Errorf("a new jail: got %s points, want 1", got)
	}
	if got := hear(fresh("maxretry: 6"), failure("203.0.113.9"), at(4)); got != nil {
		t.Errorf("maxretry raised: got %s", words(got))
	}
	if got := hear(fresh("maxretry: 5\nfindtime: 3m"), failure("203.0.113.9"), at(4)); got != nil {
		t.Errorf("findtime lowered: got %s", words(got))
	}
	if got := hear(fresh("maxretry: 3"), failure("203.0.113.9"), at(4)); len(got) != 1 {
		t.Errorf("maxretry lowered: got %s, want a ban", words(got))
	}
	if got := hear(fresh("logs: [/elsewhere]\nmaxretry: 1"), failure("203.0.113.9"), at(4)); got != nil {
		t.Errorf("another log: got %s", words(got))
	}
}

// The same jail may be handed in again: the daemon does so for a file it refuses.
func TestSetJailsTheSame(t *testing.T) {
	j := jailOf(t, "x", "maxretry: 2")
	judge := judgeOf(j)
	hear(judge, failure("203.0.113.9"), start)
	judge.SetJails([]*Jail{j})
	if got := hear(judge, failure("203.0.113.9"), start); len(got) != 1 {
		t.Errorf("got %s, want a ban by both failures", words(got))
	}
}

func TestSetGuard(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", "maxretry: 1"))
	judge.SetGuard(NewGuard([]netip.Addr{addr("203.0.113.9")}, nil))
	if got := hear(judge, failure("203.0.113.9"), start); len(got) != 1 || got[0].Protected == "" {
		t.Errorf("got %s, want it protected", words(got))
	}
}
