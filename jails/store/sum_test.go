package store

import (
	"database/sql"
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// How the points of a ban add up is kept with it, and comes back with its history.
func TestSumIsKept(t *testing.T) {
	s := openStore(t, newPath(t))
	ban := banOf("203.0.113.9/32", time.Hour)
	ban.Sum = &book.Reckoning{
		Score: 7 * parsers.Point, Maxretry: 5 * parsers.Point, Within: 10 * time.Minute, Rest: parsers.Point, Earlier: 1, Retold: 3, Members: 2,
		Place: book.Place{Country: "NL", ASN: 64500, Org: "Example", Network: netip.MustParsePrefix("203.0.113.0/24")},
	}
	ban.Most, ban.Sum.Witness, ban.Sum.Packets = 15*time.Minute, "wire", "cannot tell"
	line := lineOf("x")
	line.Witness, line.Packets = "wire", "cannot tell"
	line.Base, line.Counts, line.Evidence = 1000, 6000, parsers.Claimed
	line.Factors = []book.Factor{{Name: "country", Note: "NL", By: 2000}, {Name: "a country or network alone never bans", To: 4999}}
	ban.Lines = []book.Line{line}
	record(t, s, ban)
	ban.Until, ban.Sum, ban.Lines = ban.Until.Add(time.Hour), nil, nil // a change that knows neither
	record(t, s, ban)
	got, err := reopen(t, s).History(ban.Prefix, 10)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v, want one ban", got, err)
	}
	if want := (book.Reckoning{
		Score: 7 * parsers.Point, Maxretry: 5 * parsers.Point, Within: 10 * time.Minute, Rest: parsers.Point, Earlier: 1, Retold: 3, Members: 2,
		Place:   book.Place{Country: "NL", ASN: 64500, Org: "Example", Network: netip.MustParsePrefix("203.0.113.0/24")},
		Witness: "wire", Packets: "cannot tell",
	}); got[0].Sum == nil || *got[0].Sum != want {
		t.Errorf("got %+v, want %+v", got[0].Sum, want)
	}
	if l := got[0].Lines; got[0].Most != 15*time.Minute || len(l) != 1 || l[0].Witness != "wire" || l[0].Packets != "cannot tell" {
		t.Errorf("got at most %v, %+v, want 15m and what the packets say", got[0].Most, l)
	}
	if len(got[0].Lines) != 1 || got[0].Lines[0].Base != 1000 || got[0].Lines[0].Counts != 6000 || got[0].Lines[0].Evidence != parsers.Claimed || !reflect.DeepEqual(got[0].Lines[0].Factors, line.Factors) {
		t.Errorf("got %+v, want what was written", got[0].Lines)
	}
}

// A ledger of the first schema is taken over with all it has.
func TestOldLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	until := start.Add(time.Hour).UnixNano()
	for _, step := range []string{
		migrations[0],
		fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 1", applicationID),
		fmt.Sprintf("INSERT INTO bans VALUES (1, '203.0.113.9/32', 'guessing', %d, %d, 2, 'seen', 'log', 'why', NULL)", start.UnixNano(), until),
		fmt.Sprintf("INSERT INTO lines VALUES (1, 0, %d, 'J1', 1500, '/log', x'41')", start.UnixNano()),
	} {
		if _, err := db.Exec(step); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := openStore(t, path).History(netip.MustParsePrefix("203.0.113.9/32"), 10)
	if err != nil || len(got) != 1 || len(got[0].Lines) != 1 {
		t.Fatalf("got %+v, %v, want one ban with one line", got, err)
	}
	if l := got[0].Lines[0]; got[0].Strike != 2 || got[0].Sum != nil || l.Points != 1500 || l.Base != 1500 || l.Counts != 1500 || l.Factors != nil || l.Evidence != parsers.NoEvidence {
		t.Errorf("got %+v, want the ban and its line, which counted in full", got[0])
	}
}
