package store

import "testing"

func TestCounts(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	if got, err := s.TakeCounts(); got != nil || err != nil {
		t.Errorf("a new database: got %q and %v, want nothing", got, err)
	}
	for _, data := range []string{"old", "new"} {
		if err := s.SaveCounts([]byte(data), start); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path)
	if got, err := s.TakeCounts(); string(got) != "new" || err != nil {
		t.Errorf("got %q and %v, want what was saved last", got, err)
	}
	if got, err := s.TakeCounts(); got != nil || err != nil {
		t.Errorf("taken before: got %q and %v, want nothing", got, err)
	}
}
