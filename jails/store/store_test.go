package store

import (
	"database/sql"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/warden"
	"pbxjail/parsers"
)

var _ warden.Ledger = (*Store)(nil)

var start = time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "state", "pbxjail.db") }

func openStore(t testing.TB, path string) *Store {
	t.Helper()
	s, _, err := Open(path, start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// reopen is a restart of the daemon.
func reopen(t testing.TB, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openStore(t, s.path)
}

func banOf(prefix string, bantime time.Duration) book.Ban {
	ban := book.Ban{
		Prefix: netip.MustParsePrefix(prefix), Jail: "guessing", Since: start, Strike: 1,
		Evidence: parsers.Seen, By: "log", Reason: "5 points in 10m",
	}
	if bantime != book.Forever {
		ban.Until = start.Add(bantime)
	}
	return ban
}

func lineOf(text string) book.Line {
	return book.Line{Time: start.Add(-time.Minute), Rule: "J1 pjsip", Points: 1500, File: "/var/log/asterisk/full", Text: parsers.TextOf([]byte(text))}
}

func record(t testing.TB, s *Store, bans ...book.Ban) {
	t.Helper()
	if err := s.Record(bans); err != nil {
		t.Fatal(err)
	}
}

func lift(t testing.TB, s *Store, at time.Time, prefix string) {
	t.Helper()
	if err := s.Lift([]netip.Prefix{netip.MustParsePrefix(prefix)}, "uid 0 (root)", at); err != nil {
		t.Fatal(err)
	}
}

func liveBans(t testing.TB, s *Store, now time.Time) []book.Ban {
	t.Helper()
	bans, err := s.Bans(now)
	if err != nil {
		t.Fatal(err)
	}
	return bans
}

func prefixes(bans []book.Ban) (list []string) {
	for _, ban := range bans {
		list = append(list, ban.Prefix.String())
	}
	return list
}

func wantPrefixes(t testing.TB, bans []book.Ban, want ...string) {
	t.Helper()
	if got := prefixes(bans); !slices.Equal(got, want) {
		t.Errorf("got bans %v, want %v", got, want)
	}
}

// wantHint checks that err says what was wrong and what to do, in these words.
func wantHint(t testing.TB, err error, message, hint string) {
	t.Helper()
	if err == nil {
		t.Fatal("got no error, want one with a hint")
	}
	var h interface{ Hint() string }
	if !errors.As(err, &h) {
		t.Fatalf("got error %q without a hint", err)
	}
	if !strings.Contains(err.Error(), message) || !strings.Contains(h.Hint(), hint) {
		t.Errorf("got %q with hint %q, want %q with hint %q", err, h.Hint(), message, hint)
	}
}

func equalBans(a, b book.Ban) bool {
	return a.Prefix == b.Prefix && a.Jail == b.Jail && a.Since.Equal(b.Since) && a.Until.Equal(b.Until) &&
		a.Strike == b.Strike && a.Evidence == b.Evidence && a.By == b.By && a.Reason == b.Reason &&
		slices.EqualFunc(a.Lines, b.Lines, func(a, b book.Line) bool {
			return a.Time.Equal(b.Time) && a.Rule == b.Rule && a.Points == b.Points && a.File == b.File && a.Text.Equal(b.Text)
		})
}

func TestOpenCreates(t *testing.T) {
	path := newPath(t)
	s, notes, err := Open(path, start)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if notes != (Notes{New: true}) {
		t.Errorf("got %+v of a ledger that was not there, want New alone", notes)
	}
	record(t, s, banOf("192.0.2.1/32", time.Hour))
	for name, want := range map[string]os.FileMode{
		filepath.Dir(path): os.ModeDir | 0o750, path: 0o640, path + "-wal": 0o640, path + ".lock": 0o640,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode() &^ os.ModeSetgid; got != want {
			t.Errorf("%s: got mode %v, want %v", name, got, want)
		}
	}
	s.Close()
	if _, notes, err = Open(path, start); err != nil || notes != (Notes{}) {
		t.Errorf("got %+v, %v of a sound ledger, want no notes", notes, err)
	}
}

func TestOpenEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pbxjail.db")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	s, notes, err := Open(path, start)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !notes.New || notes.Aside != "" {
		t.Errorf("got %+v of an empty file, want a new database in it", notes)
	}
}

// A misspelt setting in the DSN would go unnoticed.
func TestSettings(t *testing.T) {
	s := openStore(t, newPath(t))
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "locking_mode": "exclusive", "foreign_keys": "1",
		"busy_timeout": "2000", "journal_size_limit": "8388608",
	} {
		var got string
		if err := s.db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", pragma, got, err, want)
		}
	}
	if _, err := os.Stat(s.path + "-shm"); err == nil {
		t.Error("got a -shm file, want none: a full disk would stop the next start")
	}
}

func TestOpenOddPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?mode=memory&b#c%20 d", "x%3F.db")
	s := openStore(t, path)
	record(t, s, banOf("192.0.2.1/32", time.Hour))
	wantPrefixes(t, liveBans(t, reopen(t, s), start), "192.0.2.1/32")
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	exec := func(t *testing.T, s *Store, text string) {
		t.Helper()
		if _, err := s.db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name          string
		spoil         func(t *testing.T, path string)
		message, hint string
	}{
		{"folder", func(t *testing.T, path string) {
			if err := os.MkdirAll(path, 0o750); err != nil {
				t.Fatal(err)
			}
		}, "is not a file", "the path of a file"},
		{"file for a folder", func(t *testing.T, path string) {
			if err := os.WriteFile(filepath.Dir(path), nil, 0o640); err != nil {
				t.Fatal(err)
			}
		}, "not a directory", "in a folder that exists"},
		{"newer schema", func(t *testing.T, path string) {
			s := openStore(t, path)
			exec(t, s, "PRAGMA user_version = 99")
			s.Close()
		}, "version 99", "newer version"},
		{"another program's database", func(t *testing.T, path string) {
			s := openStore(t, path)
			exec(t, s, "PRAGMA application_id = 0")
			s.Close()
		}, "another program", "another path"},
		{"two daemons", func(t *testing.T, path string) { openStore(t, path) }, "another pbxjail (pid ", "systemctl stop"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := newPath(t)
			test.spoil(t, path)
			before, _ := os.ReadFile(path)
			s, _, err := Open(path, start)
			if err == nil {
				s.Close()
			}
			wantHint(t, err, test.message, test.hint)
			if after, _ := os.ReadFile(path); !slices.Equal(after, before) {
				t.Error("the file was changed")
			}
		})
	}
}

// An Open that fails releases what it held.
func TestOpenAgainAfterRefusal(t *testing.T) {
	path := newPath(t)
	if err := os.MkdirAll(path, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(path, start); err == nil {
		t.Fatal("got no error of a folder")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	openStore(t, path)
}

func TestMigrationIsWhole(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	record(t, s, banOf("192.0.2.1/32", time.Hour))
	if err := s.migrate(0); err == nil {
		t.Fatal("got no error of a migration over tables that are there")
	}
	wantPrefixes(t, liveBans(t, reopen(t, s), start), "192.0.2.1/32")
}

func TestClosed(t *testing.T) {
	s := openStore(t, newPath(t))
	s.Close()
	err := s.Record([]book.Ban{banOf("192.0.2.1/32", time.Hour)})
	if err == nil {
		t.Error("got no error of a closed ledger")
	}
}

// A forgotten sqlite3 shell is reported, and does no harm once it is closed.
func TestOpenWhileAnotherProgramReads(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	record(t, s, banOf("192.0.2.1/32", time.Hour))
	s.Close()
	shell, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer shell.Close()
	if _, err := shell.Exec("BEGIN; SELECT * FROM bans"); err != nil {
		t.Fatal(err)
	}
	_, _, err = Open(path, start)
	wantHint(t, err, "locked", "end the program")
	shell.Close()
	wantPrefixes(t, liveBans(t, openStore(t, path), start), "192.0.2.1/32")
}
