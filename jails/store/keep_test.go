package store

import (
	"testing"
	"time"

	"pbxjail/jails/book"
)

// Each kind of entry has a time of its own, and a ban that runs loses nothing.
func TestKeepOfEachKind(t *testing.T) {
	s := openStore(t, newPath(t))
	over, running := banOf("203.0.113.9/32", time.Hour), banOf("203.0.113.10/32", book.Forever)
	over.Lines, running.Lines = []book.Line{lineOf("a"), lineOf("b")}, []book.Line{lineOf("c")}
	record(t, s, over, running)
	if err := s.Note(Entry{At: start, Verb: "unban", What: "203.0.113.9/32", SSH: over.Prefix.Addr()}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveMoments([]book.Moment{{Kind: "unban", Prefix: over.Prefix, At: start, Until: start.Add(time.Hour)}}, start); err != nil {
		t.Fatal(err)
	}
	now := start.Add(10 * 24 * time.Hour)
	for _, step := range []struct {
		name                string
		keep                Keep
		bans, lines, audits int64
	}{
		{"nothing is old", Keep{Bans: 240 * time.Hour, Lines: 240 * time.Hour, Audit: 241 * time.Hour, Addresses: 240 * time.Hour}, 2, 3, 1},
		{"lines", Keep{Lines: 24 * time.Hour}, 2, 1, 1},
		{"addresses", Keep{Addresses: 24 * time.Hour}, 1, 1, 1},
		{"audit", Keep{Audit: 24 * time.Hour}, 1, 1, 0},
	} {
		if err := s.Trim(now, step.keep); err != nil {
			t.Fatal(err)
		}
		if got := [3]int64{count(t, s, "bans"), count(t, s, "lines"), count(t, s, "audit")}; got != [3]int64{step.bans, step.lines, step.audits} {
			t.Errorf("%s: got %v bans, lines and commands, want %d, %d, %d", step.name, got, step.bans, step.lines, step.audits)
		}
		if n := count(t, s, "moments"); n != 0 {
			t.Errorf("%s: an unban of ten days ago is still there", step.name)
		}
		if step.name != "addresses" {
			continue
		}
		audit, err := s.Audit(time.Time{}, 10)
		if err != nil || len(audit) != 1 || audit[0].What != "203.0.113.0/24" || audit[0].SSH.IsValid() {
			t.Errorf("got %+v, %v, want the network in place of the address", audit, err)
		}
	}
}
