package store

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func soundFile(t *testing.T, path string) []byte {
	t.Helper()
	s := openStore(t, path)
	flood(t, s, 0, 500)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDamagedIsMovedAside(t *testing.T) {
	scribble := func(from, n int) func([]byte) []byte {
		return func(data []byte) []byte {
			copy(data[from:from+n], bytes.Repeat([]byte("scribble"), n/8))
			return data
		}
	}
	tests := []struct {
		name  string
		spoil func([]byte) []byte
	}{
		{"text", func([]byte) []byte { return []byte("hello\n") }},
		{"long text", func([]byte) []byte { return bytes.Repeat([]byte("hello\n"), 10_000) }},
		{"zeros, as a power cut leaves", func(data []byte) []byte { return make([]byte, len(data)) }},
		{"cut in a page", func(data []byte) []byte { return data[:len(data)/2+100] }},
		{"cut to the header", func(data []byte) []byte { return data[:100] }},
		{"header", scribble(0, 16)},
		{"schema", scribble(100, 400)},
		{"pages in the middle", scribble(8*4096, 4*4096)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := newPath(t)
			spoilt := test.spoil(soundFile(t, path))
			if err := os.WriteFile(path, spoilt, 0o640); err != nil {
				t.Fatal(err)
			}
			s, notes := openChecked(t, path)
			defer s.Close()
			if want := path + ".damaged-20260102-030405"; !notes.New || notes.Aside != want || notes.Cause == nil {
				t.Errorf("got %+v, want a new database, the cause, and the old one at %s", notes, want)
			}
			if kept, err := os.ReadFile(notes.Aside); err != nil || !bytes.Equal(kept, spoilt) {
				t.Errorf("got %d bytes kept, %v, want the damaged %d", len(kept), err, len(spoilt))
			}
			wantPrefixes(t, liveBans(t, s, start))
			record(t, s, banOf("192.0.2.1/32", time.Hour))
			wantPrefixes(t, liveBans(t, reopen(t, s), start), "192.0.2.1/32")
		})
	}
}

func TestDamagedCopiesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pbxjail.db")
	for day := range 5 {
		for _, part := range []string{"", "-wal", "-shm"}[:1+day%3] {
			if err := os.WriteFile(path+part, []byte("no database"), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := moveAside(path, start.AddDate(0, 0, day)); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	want := []string{ // of days 2 to 4: a ledger of all three files, of one, of two
		"pbxjail.db.damaged-20260104-030405", "pbxjail.db.damaged-20260104-030405-shm", "pbxjail.db.damaged-20260104-030405-wal",
		"pbxjail.db.damaged-20260105-030405",
		"pbxjail.db.damaged-20260106-030405", "pbxjail.db.damaged-20260106-030405-wal",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got files %v, want %v", got, want)
	}
}

// Damage that appears while the ledger is open is an error with a hint, and the
// next Open deals with it.
func TestDamageWhileOpen(t *testing.T) {
	path := newPath(t)
	soundFile(t, path)
	s := openStore(t, path)
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	_, err := s.Bans(start)
	wantHint(t, err, "malformed", "restart pbxjail")
	s.Close()
	s, notes := openChecked(t, path)
	defer s.Close()
	if notes.Aside == "" {
		t.Errorf("got %+v, want the file moved aside", notes)
	}
}

// openChecked opens a ledger and checks the rest of it.
func openChecked(t *testing.T, path string) (*Store, Notes) {
	t.Helper()
	s, notes, err := Open(path, start)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Check(start)
	if err != nil {
		t.Fatal(err)
	}
	if notes.Aside == "" {
		return s, again
	}
	if again.Aside != "" {
		t.Errorf("got %+v of the new ledger, want it sound", again)
	}
	return s, notes
}

// A start reads the small tables before the whole ledger is checked: damage in one of them
// is found at once.
func TestSmallTablesAreCheckedAtOnce(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	if err := s.SavePositions([]Position{{File: "/var/log/asterisk/full", Place: []byte("{}")}}, start); err != nil {
		t.Fatal(err)
	}
	var root, size int
	for question, answer := range map[string]*int{"SELECT rootpage FROM sqlite_schema WHERE name = 'positions'": &root, "PRAGMA page_size": &size} {
		if err := s.db.QueryRow(question).Scan(answer); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[(root-1)*size:], bytes.Repeat([]byte("scribble"), size/8))
	if err := os.WriteFile(path, data, 0o640); err != nil {
		t.Fatal(err)
	}
	s, notes, err := Open(path, start)
	if err != nil || notes.Aside == "" {
		t.Fatalf("got %+v, %v, want the damaged file moved aside", notes, err)
	}
	s.Close()
}

// Ports are known without the bans: those of running bans, once each, and not those of a ban
// that is over.
func TestPortsOfRunningBans(t *testing.T) {
	s := openStore(t, newPath(t))
	one, two, over := banOf("192.0.2.1/32", time.Hour), banOf("192.0.2.2/32", 2*time.Hour), banOf("192.0.2.3/32", time.Minute)
	one.Ports, two.Ports, over.Ports = portsOf("sip"), portsOf("sip"), portsOf("iax")
	record(t, s, one, two, over)
	s = reopen(t, s)
	defer s.Close()
	for after, want := range map[time.Duration]int{0: 2, 90 * time.Minute: 1, 3 * time.Hour: 0} {
		list, err := s.Ports(start.Add(after))
		if err != nil || len(list) != want {
			t.Errorf("after %s: got %v, %v, want %d", after, list, err, want)
		}
	}
}
