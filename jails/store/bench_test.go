package store

import (
	"fmt"
	"testing"
	"time"

	"pbxjail/jails/book"
)

func attack(n, lines int) (bans []book.Ban) {
	for i := range n {
		ban := banOf(fmt.Sprintf("10.%d.%d.%d/32", i>>16, i>>8&255, i&255), time.Hour)
		for range lines {
			ban.Lines = append(ban.Lines, lineOf(`[2026-01-02 03:04:05] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '"1" <sip:1@192.0.2.1>' failed for '10.0.0.1:5060' (callid: 1) - No matching endpoint found`))
		}
		bans = append(bans, ban)
	}
	return bans
}

func BenchmarkRecord(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := openStore(b, newPath(b))
			bans := attack(n, 5)
			b.ReportAllocs()
			for since := start; b.Loop(); since = since.Add(1) {
				for i := range bans {
					bans[i].Since = since
				}
				record(b, s, bans...)
			}
		})
	}
}

// BenchmarkRestart is Open, with its check of the file, and what a start reads where
// 100,000 bans run.
func BenchmarkRestart(b *testing.B) {
	s := openStore(b, newPath(b))
	record(b, s, attack(100_000, 2)...)
	b.ReportAllocs()
	for b.Loop() {
		s = reopen(b, s)
		if got := len(liveBans(b, s, start)); got != 100_000 {
			b.Fatalf("got %d bans", got)
		}
		if strikes, err := s.Strikes(start.AddDate(-1, 0, 0), start, 1_000_000); err != nil || len(strikes) != 0 {
			b.Fatalf("got %d strikes, %v", len(strikes), err)
		}
	}
}
