package warden

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/parsers"
)

// start is when the tests without a clock of their own begin.
var start = time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)

// jailOf compiles a jail file. What it leaves out is the default: five points in
// ten minutes of /log make a ban of ten minutes.
func jailOf(t testing.TB, name, text string) *jails.Jail {
	t.Helper()
	if !strings.Contains(text, "match:") {
		text += "\nmatch: [{event: bad-password}]"
	}
	spec, err := configs.ParseJail(name+".yaml", []byte(text+"\nlogs: [/log]"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := jails.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func judgeOf(list ...*jails.Jail) *jails.Judge {
	return jails.NewJudge(list, jails.NewGuard(nil, nil), jails.NewBook(nil, nil), 1000, false)
}

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// numbered is one of any number of addresses.
func numbered(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// failure is a wrong password, as a NOTICE of the module reports it.
func failure(a string) *parsers.Event {
	return &parsers.Event{
		Result: parsers.Offence, Kind: parsers.BadPassword, Evidence: parsers.Seen, Service: parsers.PJSIP, Channel: parsers.ChannelNotice,
		Points: parsers.Point, Addr: addr(a), Rule: "J5", Line: parsers.TextOf([]byte("Failed to authenticate " + a)),
	}
}

func with(e *parsers.Event, change func(*parsers.Event)) *parsers.Event {
	change(e)
	return e
}

func ban(p string, d time.Duration) jails.Ban {
	return jails.Ban{Prefix: prefix(p), Jail: "x", Since: start, Until: jails.EndOf(start, d), Strike: 1}
}

func lineOf(text string) jails.Line {
	return jails.Line{Time: start, Text: parsers.TextOf([]byte(text))}
}

// fillBook enters so many bans of a day that end at a time.
func fillBook(b *jails.Book, n int, until time.Time) {
	for i := range n {
		b.Put(jails.Ban{Prefix: netip.PrefixFrom(numbered(i), 32), Since: until.Add(-24 * time.Hour), Until: until, Strike: 1})
	}
}
