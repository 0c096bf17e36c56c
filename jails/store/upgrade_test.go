package store

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A ledger that an older release wrote, with schema 7, is taken over with all that it has,
// and its bans and alarms are handed to the history. testdata/schema7.sql is a dump of what
// the daemon of commit 1d4afd2 wrote: two failures and their ban, a network by hand, an unban,
// an allow.
func TestUpgrade(t *testing.T) {
	dump, err := os.ReadFile("testdata/schema7.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "old.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(string(dump)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, path)
	if got, want := count(t, s, "bans"), int64(3); got != want {
		t.Errorf("got %d bans, want %d", got, want)
	}
	u, err := s.Unfiled(100)
	if err != nil || len(u.Bans) != 3 || len(u.Bans[0].Ban.Lines) != 2 || u.Bans[0].Ban.Prefix.String() != "203.0.113.9/32" || u.Bans[2].By != "uid 0 (root)" {
		t.Errorf("got %+v, %v, want the bans for the history", u, err)
	}
	audit, err := s.Audit(time.Time{}, 100)
	if err != nil || len(audit) < 4 || audit[0].Verb != "allow" || audit[0].User != "root" || audit[0].UID != 0 {
		t.Errorf("got %+v, %v, want the commands of then", audit, err)
	}
	allowed, err := s.Allowed(time.Unix(1, 0))
	if err != nil || len(allowed) != 1 {
		t.Errorf("got %+v, %v", allowed, err)
	}
	if err := s.Filed(u); err != nil {
		t.Fatal(err)
	}
	if u, err = reopen(t, s).Unfiled(100); err != nil || !u.Empty() {
		t.Errorf("got %+v, %v after it was filed, want nothing", u, err)
	}
}

// What changes while it is filed is filed again.
func TestUnfiled(t *testing.T) {
	s := openStore(t, newPath(t))
	record(t, s, banOf("203.0.113.9/32", time.Hour), banOf("203.0.113.10/32", time.Hour))
	if !s.News() || s.News() {
		t.Error("want news once")
	}
	u, err := s.Unfiled(1)
	if err != nil || len(u.Bans) != 1 {
		t.Fatalf("got %+v, %v", u, err)
	}
	lift(t, s, start.Add(time.Minute), "203.0.113.9/32")
	if err := s.Filed(u); err != nil {
		t.Fatal(err)
	}
	u, err = s.Unfiled(100)
	if err != nil || len(u.Bans) != 2 || u.Bans[0].By == "" {
		t.Errorf("got %+v, %v, want the other ban, and the one that was lifted meanwhile", u, err)
	}
}
