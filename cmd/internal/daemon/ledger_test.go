package daemon

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// TestDamagedRow: a row of the ledger that cannot be read costs its own ban, not the start.
func TestDamagedRow(t *testing.T) {
	s := newSite(t)
	stop := s.run(s.open(), nil)
	s.append(failures("203.0.113.9", 3) + failures("203.0.113.10", 3))
	s.banned("203.0.113.9")
	s.banned("203.0.113.10")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	ledger := s.path("state/pbxjail.db")
	data, err := os.ReadFile(ledger)
	if err != nil || !bytes.Contains(data, []byte("203.0.113.10/32")) {
		t.Fatalf("got %d bytes, %v: the prefix does not stand there as text", len(data), err)
	}
	if err := os.WriteFile(ledger, bytes.ReplaceAll(data, []byte("203.0.113.10/32"), []byte("203.0.113.xx/32")), 0o640); err != nil {
		t.Fatal(err)
	}
	d := s.open()
	s.run(d, nil)
	s.banned("203.0.113.9")
	if !s.problem("entries of database") {
		t.Errorf("got %+v, want that a row cannot be read", s.status().Problems)
	}
	if list, err := d.store.Bans(time.Now()); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
	s.append(failures("203.0.113.11", 3))
	s.banned("203.0.113.11")
}
