// Package jailstest makes what the tests of the judge and its rooms start from: addresses,
// events, and jail files with the defaults that tests like. Tests alone call it. It must
// never import jails, or the tests of jails could not import it.
package jailstest

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// Start returns when the tests without a clock of their own begin.
func Start() time.Time { return time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC) }

// Spec reads a jail file. What it leaves out is the default: five points in ten minutes of
// /log make a ban of ten minutes.
func Spec(t testing.TB, name, text string) *configs.Jail {
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
	return spec
}

// Addr is an address that a test knows to be one.
func Addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// Prefix is a prefix that a test knows to be one.
func Prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// Only is an address as it is banned.
func Only(s string) netip.Prefix {
	a := Addr(s)
	return netip.PrefixFrom(a, a.BitLen())
}

// Numbered is one of any number of addresses.
func Numbered(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// Failure is a wrong password, as a NOTICE of the module reports it.
func Failure(a string) *parsers.Event {
	return &parsers.Event{
		Result: parsers.Offence, Kind: parsers.BadPassword, Evidence: parsers.Seen, Service: parsers.PJSIP, Channel: parsers.ChannelNotice,
		Points: parsers.Point, Addr: Addr(a), Rule: "J5", Line: parsers.TextOf([]byte("Failed to authenticate " + a)),
	}
}

// With changes an event, and returns it.
func With(e *parsers.Event, change func(*parsers.Event)) *parsers.Event {
	change(e)
	return e
}

// Leap is how many milliseconds pass until the next record: most come in order, and one in
// twenty comes from as far away as far.
func Leap(r *rand.Rand, far int64) int64 {
	if r.IntN(20) > 0 {
		return r.Int64N(2000)
	}
	return r.Int64N(2*far) - far
}

// HeapBytes is how many bytes of memory are in use.
func HeapBytes() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
