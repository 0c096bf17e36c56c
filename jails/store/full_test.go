package store

import (
	"fmt"
	"testing"
	"time"

	"pbxjail/jails/book"
)

func TestFull(t *testing.T) {
	s := openStore(t, newPath(t))
	record(t, s, banOf("192.0.2.1/32", time.Hour))
	setPages := func(pages int) {
		t.Helper()
		if _, err := s.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	setPages(1) // SQLite raises it to what the file has

	var bans []book.Ban
	for i := range 300 {
		ban := banOf(fmt.Sprintf("10.0.%d.%d/32", i>>8, i&255), time.Hour)
		ban.Lines = []book.Line{lineOf("a line of some length, so that a page does not hold many of them")}
		bans = append(bans, ban)
	}
	wantHint(t, s.Record(bans), "full", "free space")
	wantPrefixes(t, liveBans(t, s, start), "192.0.2.1/32")
	if err := s.check(); err != nil {
		t.Error(err)
	}

	setPages(1 << 20)
	record(t, s, bans...)
	if got := len(liveBans(t, reopen(t, s), start)); got != 301 {
		t.Errorf("got %d bans, want 301", got)
	}
}
