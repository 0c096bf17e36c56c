package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/parsers"
)

// TestDamagedRows: one row that cannot be read loses only that row, and is reported.
func TestDamagedRows(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "pbxjail.db"))
	defer s.Close()
	record(t, s, banOf("192.0.2.1/32", time.Hour), banOf("192.0.2.2/32", time.Hour), banOf("192.0.2.3/32", time.Hour))
	if err := s.SavePositions([]Position{{"/log", []byte("x")}}, start); err != nil {
		t.Fatal(err)
	}
	if err := s.Unreadable(); err != nil {
		t.Errorf("got %v of a sound ledger", err)
	}
	for _, change := range []string{
		`UPDATE bans SET prefix = '192.0.2.x/32' WHERE prefix = '192.0.2.2/32'`,
		`UPDATE bans SET since = 'never' WHERE prefix = '192.0.2.3/32'`,
		`INSERT INTO homes VALUES ('192.0.2.9', x'31', 'pjsip', '', 'security', 'a', 'b', 'c')`,
		`INSERT INTO homes VALUES ('192.0.2.8', x'31', 'pjsip', '192.0.2.8', 'security', 1, 2, 3)`,
		`INSERT INTO alarms VALUES ('192.0.2.9', x'31', 'pjsip', 'many', 1)`,
		`INSERT INTO allowed VALUES ('192.0.2.9', 'long ago', 9223372036854775807, '', '')`,
	} {
		if _, err := s.db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	wantPrefixes(t, liveBans(t, s, start), "192.0.2.1/32")
	if homes, alarms, err := s.Homes(10); err != nil || len(homes) != 1 || len(alarms) != 0 || homes[0].Service != parsers.PJSIP {
		t.Errorf("got %v, %v, %v, want the home that can be read", homes, alarms, err)
	}
	if list, err := s.Allowed(start); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := s.Strikes(start.Add(-time.Hour), start.Add(48*time.Hour), 10); err != nil {
		t.Errorf("got %v, want the strikes that can be read", err)
	}
	err := s.Unreadable()
	if err == nil || !strings.Contains(err.Error(), "entries of database") || hint.Of(err) == "" {
		t.Errorf("got %v, want that rows cannot be read", err)
	}
}
