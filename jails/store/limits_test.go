package store

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"pbxjail/jails/book"
)

func count(t testing.TB, s *Store, table string) (n int64) {
	t.Helper()
	if err := s.db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// flood records bans of a minute each, one a second, from new addresses.
func flood(t testing.TB, s *Store, from, n int) {
	t.Helper()
	var bans []book.Ban
	for i := from; i < from+n; i++ {
		ban := banOf(fmt.Sprintf("10.%d.%d.%d/32", i>>16, i>>8&255, i&255), 0)
		ban.Since = start.Add(time.Duration(i) * time.Second)
		ban.Until = ban.Since.Add(time.Minute)
		ban.Lines = []book.Line{lineOf("one")}
		bans = append(bans, ban)
	}
	record(t, s, bans...)
}

func TestFloodCannotFillTheDisk(t *testing.T) {
	s := openStore(t, newPath(t))
	s.limits.bans, s.limits.withLines = 1000, 500
	forever := banOf("192.0.2.1/32", book.Forever)
	record(t, s, forever)
	for i := range 10 {
		flood(t, s, i*400, 400)
		if got, most := count(t, s, "bans"), s.limits.bans+sweepEvery+400; got > most {
			t.Fatalf("after %d bans: got %d rows, want at most %d", (i+1)*400, got, most)
		}
		if got, most := count(t, s, "lines"), s.limits.withLines+sweepEvery+400; got > most {
			t.Fatalf("after %d bans: got %d lines, want at most %d", (i+1)*400, got, most)
		}
	}
	if got := count(t, s, "bans"); got < s.limits.bans {
		t.Errorf("got %d rows kept, want at least %d", got, s.limits.bans)
	}
	now := start.Add(4000 * time.Second)
	if live := liveBans(t, s, now); len(live) != 60 || live[0].Prefix != forever.Prefix { // the last of the flood still runs 59 s
		t.Errorf("got %d bans, first %v, want the 59 that still run and %v", len(live), live[0].Prefix, forever.Prefix)
	}
}

func TestBigTransactionLeavesNoBigJournal(t *testing.T) {
	s := openStore(t, newPath(t))
	for _, size := range []int{20 << 20, 1, 1} {
		if err := s.SavePositions([]Position{{File: "/x", Place: make([]byte, size)}}, start); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(s.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if got, most := info.Size(), int64(9<<20); got > most {
		t.Errorf("got a -wal of %d bytes, want at most %d", got, most)
	}
}

func TestTrim(t *testing.T) {
	s := openStore(t, newPath(t))
	flood(t, s, 0, 2500)
	old, running, ever := banOf("192.0.2.1/32", time.Minute), banOf("192.0.2.2/32", 100*24*time.Hour), banOf("192.0.2.3/32", book.Forever)
	lifted := banOf("192.0.2.4/32", book.Forever)
	record(t, s, old, running, ever, lifted)
	lift(t, s, start.Add(time.Minute), "192.0.2.4/32")
	keep := 30 * 24 * time.Hour
	now := start.Add(keep + 2*time.Hour)
	record(t, s, book.Ban{Prefix: old.Prefix, Jail: "scanning", Since: now.Add(-keep), Until: now.Add(-keep + 1)})
	if err := s.Note(Entry{At: now, Verb: "reload"}); err != nil {
		t.Fatal(err)
	}
	all := count(t, s, "bans")
	if err := s.Trim(now, Keep{}); err != nil || count(t, s, "bans") != all {
		t.Errorf("kept without limit: got %v, and %d bans left of %d", err, count(t, s, "bans"), all)
	}
	if err := s.Trim(now, Keep{Bans: keep, Audit: keep, LogIns: keep}); err != nil {
		t.Fatal(err)
	}
	if got := count(t, s, "bans"); got != 3 {
		t.Errorf("got %d bans left, want the running, the one without end, and the one of the last 30 days", got)
	}
	if got := count(t, s, "lines"); got != 0 {
		t.Errorf("got %d lines left, want 0: they go with their bans", got)
	}
	audit, err := s.Audit(time.Time{}, 10)
	if err != nil || len(audit) != 1 || audit[0].Verb != "reload" {
		t.Errorf("got audit %v, %v, want the reload alone", audit, err)
	}
}

func entryOf(i int) Entry {
	return Entry{At: start.Add(time.Duration(i)), Verb: "unban", What: fmt.Sprint("change ", i), UID: 0, User: "root", Login: "alice", PID: 12,
		SSH: netip.MustParseAddr("2001:db8::5"), Claimed: true, Refused: "why"}
}

// An entry of an old ledger has all in two texts.
func TestOldAudit(t *testing.T) {
	s := openStore(t, newPath(t))
	for who, what := range map[string]string{"uid 0 (root)": "unban 203.0.113.9/32 and 2 more", "the clock": "on"} {
		if _, err := s.db.Exec(`INSERT INTO audit (at, who, what) VALUES (?, ?, ?)`, nanos(start), who, what); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := s.Audit(time.Time{}, 9)
	if err != nil || len(entries) != 2 {
		t.Fatalf("got %v, %v", entries, err)
	}
	for _, e := range entries {
		e.At = time.Time{}
		if e != (Entry{Verb: "unban", What: "203.0.113.9/32 and 2 more", User: "root"}) && e != (Entry{Verb: "on", UID: NoUser, User: "the clock"}) {
			t.Errorf("got %+v", e)
		}
	}
}

func TestAudit(t *testing.T) {
	s := openStore(t, newPath(t))
	s.limits.audit = 5
	for i := range 12 {
		if err := s.Note(entryOf(i)); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s)
	var got []string
	entries, err := s.Audit(time.Time{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		got = append(got, entry.What)
	}
	if want := []string{"change 11", "change 10", "change 9"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if want := entryOf(11); entries[0] != want {
		t.Errorf("got %v, want %v", entries[0], want)
	}
	if late, err := s.Audit(start.Add(11), 10); err != nil || len(late) != 1 {
		t.Errorf("got %v, %v, want the command since then alone", late, err)
	}
	if got := count(t, s, "audit"); got != 5 {
		t.Errorf("got %d rows, want 5", got)
	}
}
