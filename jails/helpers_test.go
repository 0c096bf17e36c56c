package jails

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// start is when the tests without a clock of their own begin.
var start = time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)

// jailOf compiles a jail file. What it does not say is the default: five points
// in ten minutes of /log are ten minutes out.
func jailOf(t testing.TB, name, text string) *Jail {
	t.Helper()
	if !strings.Contains(text, "logs:") {
		text += "\nlogs: [/log]"
	}
	if !strings.Contains(text, "match:") {
		text += "\nmatch: [{event: bad-password}]"
	}
	spec, err := configs.ParseJail(name+".yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	j, err := Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func judgeOf(jails ...*Jail) *Judge {
	return NewJudge(jails, NewGuard(nil, nil), NewBook(nil, nil), 1000, false)
}

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// only is an address as it is banned.
func only(s string) netip.Prefix {
	a := addr(s)
	return netip.PrefixFrom(a, a.BitLen())
}

// numbered is one of any number of addresses.
func numbered(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// failure is a wrong password, as the module tells it.
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

// hear judges an event of /log, and puts what is decided into the book as the
// daemon does.
func hear(j *Judge, e *parsers.Event, at time.Time) []Verdict { return hearIn(j, "/log", e, at) }

func hearIn(j *Judge, file string, e *parsers.Event, at time.Time) (list []Verdict) {
	j.Hear(j.Source(file), e, at, func(v Verdict) {
		switch {
		case v.Protected != "" || v.Alarm:
		case v.Observe:
			j.observed.Put(v.Ban)
		default:
			j.book.Put(v.Ban)
		}
		list = append(list, v)
	})
	return list
}

// score is what a jail holds against an address.
func score(j *Judge, jail int, a string, at time.Time) parsers.Points {
	t := tallyOf(j, jail, a, at)
	if t == nil {
		return 0
	}
	return t.strongest(at.UnixMilli(), j.jails[jail].span.find, j.jails[jail].least, false).score
}

func tallyOf(j *Judge, jail int, a string, at time.Time) *tally {
	return j.table.find(keyOf(addr(a), j.jails[jail].memory.id), j.jails[jail].span, at.UnixMilli())
}

func word(v Verdict) string {
	what := "ban"
	switch {
	case v.Protected != "":
		what = "protected: " + v.Protected
	case v.Observe:
		what = "observed"
	}
	return fmt.Sprintf("%s %s by %s", what, v.Ban.Prefix, v.Ban.Jail)
}

func words(list []Verdict) string {
	var out []string
	for _, v := range list {
		out = append(out, word(v))
	}
	return strings.Join(out, "; ")
}
