package store

import (
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// FuzzRoundTrip: what a ban holds comes back as it was, cut to its bounds, and
// the ledger stays sound.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, uint8(32), "guessing", "log", "5 points in 10m", []byte("NOTICE[1] x: \x1b[31m\x00\xff"), int64(1), int64(3600e9), uint8(2), int32(1500))
	f.Add(make([]byte, 16), uint8(0), "", "'; DROP TABLE bans; --", "\x00", []byte(nil), int64(-1), int64(0), uint8(0), int32(-5))
	f.Add([]byte("\x20\x01\x0d\xb8567890123456"), uint8(64), "\xff", "a\x00b", "%s?1", []byte{0}, int64(1<<62), int64(1<<62), uint8(9), int32(1<<31-1))
	s := openStore(f, newPath(f))
	f.Fuzz(func(t *testing.T, addr []byte, bits uint8, jail, by, reason string, text []byte, since, bantime int64, evidence uint8, points int32) {
		ip, ok := netip.AddrFromSlice(addr)
		if !ok || int(bits) > ip.BitLen() {
			return
		}
		ban := book.Ban{
			Prefix: netip.PrefixFrom(ip, int(bits)), Jail: jail, Since: timeOf(since), Until: timeOf(since).Add(time.Duration(bantime)),
			Strike: int(points), Evidence: parsers.Evidence(evidence), By: by, Reason: reason,
			Lines: []book.Line{{Time: timeOf(bantime), Rule: reason, Points: parsers.Points(points), File: jail, Text: parsers.TextOf(text)}},
		}
		record(t, s, ban)
		history, err := s.History(ban.Prefix, 1)
		if err != nil || len(history) != 1 {
			t.Fatalf("got %v, %v, want the ban back", history, err)
		}
		if got, want := history[0], stored(ban); !equalBans(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if _, err := s.db.Exec("DELETE FROM bans"); err != nil {
			t.Fatal(err)
		}
	})
}

// stored is what is kept of a ban.
func stored(ban book.Ban) book.Ban {
	line := ban.Lines[0]
	line.Time, line.Rule, line.File = timeOf(nanos(line.Time)), cut(line.Rule, maxName), cut(line.File, maxPath)
	line.Text = parsers.TextOf(line.Text.Raw()[:min(line.Text.Len(), book.MaxLineText)])
	ban.Lines = []book.Line{line}
	ban.Jail, ban.By, ban.Reason = cut(ban.Jail, maxName), cut(ban.By, maxName), cut(ban.Reason, maxReason)
	ban.Since, ban.Until = timeOf(nanos(ban.Since)), untilOf(untilNanos(ban.Until))
	if ban.Evidence > parsers.Proven {
		ban.Evidence = parsers.NoEvidence
	}
	ban.Prefix = ban.Prefix.Masked()
	if addr := ban.Prefix.Addr(); addr.Is4In6() && ban.Prefix.Bits() >= 96 {
		ban.Prefix = netip.PrefixFrom(addr.Unmap(), ban.Prefix.Bits()-96)
	}
	return ban
}

func TestTimes(t *testing.T) {
	for _, test := range []struct{ in, want time.Time }{
		{time.Time{}, time.Time{}},
		{start, start},
		{start.In(time.FixedZone("", 3600)), start},
		{time.Unix(0, 0), time.Unix(0, 0)},
		{time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), timeOf(noTime + 1)},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), timeOf(forever - 1)},
	} {
		if got := timeOf(nanos(test.in)); !got.Equal(test.want) {
			t.Errorf("%v: got %v, want %v", test.in, got, test.want)
		}
	}
}
