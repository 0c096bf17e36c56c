package store

import (
	"bytes"
	"os"
	"slices"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/calls"
)

// What is counted of accounts outlives a restart, and is gone after a day. A country is known as
// long as it is called.
func TestCallsKept(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	day := 24 * time.Hour
	for _, at := range []time.Time{start, start.Add(20 * day)} { // DE is called again
		if err := s.SaveCalled([]calls.Country{{Account: "201", Code: "DE", At: at}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []calls.Country{{Account: "201", Code: "IL", At: start}, {Account: "202", Code: "FR", At: start}, {Account: "201", Code: "DE", At: start.Add(day)}} {
		if err := s.SaveCalled([]calls.Country{c}); err != nil {
			t.Fatal(err)
		}
	}
	saved := []calls.Saved{{Account: "201", At: start, Data: []byte("one")}, {Account: "202", At: start.Add(20 * day), Data: []byte("two")}}
	if err := s.SaveCounted(saved); err != nil {
		t.Fatal(err)
	}
	if k, err := s.CallsOf("201"); err != nil || len(k.Countries) != 2 || !k.Countries[0].At.Equal(start.Add(20*day)) || !k.Counted.Equal(start) {
		t.Errorf("got %+v, %v", k, err)
	}
	s.Close()
	s = openStore(t, path)
	if got, err := s.Counted(start); err != nil || len(got) != 2 || got[1].Account != "201" || !bytes.Equal(got[1].Data, []byte("one")) {
		t.Errorf("got %s, %v", got, err)
	}
	if err := s.Trim(start.Add(20*day), Keep{Bans: book.Forever, Lines: book.Forever, LogIns: 10 * day, Audit: book.Forever, Addresses: book.Forever}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Counted(start); err != nil || len(got) != 1 || got[0].Account != "202" {
		t.Errorf("got %s, %v, want the counts of the last day", got, err)
	}
	list, _, err := s.Called(start)
	if codes := codesOf(list); err != nil || !slices.Equal(codes, []string{"DE"}) {
		t.Errorf("got %v, %v, want what was called within ten days", codes, err)
	}
}

func codesOf(list []calls.Country) (codes []string) {
	for _, c := range list {
		codes = append(codes, c.Code)
	}
	return codes
}

// Of an account that is erased, no byte is left in the files.
func TestEraseCalls(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	const account, number = "stolen-5544", "0043555987654"
	for range 3 { // pages that are written again
		for n := range 40 {
			name := account
			if n > 0 {
				name = "other-" + string(rune('a'+n%26))
			}
			data := bytes.Repeat([]byte(number+" "), n)
			if n > 0 {
				data = bytes.Repeat([]byte("x"), 20*n)
			}
			if err := s.SaveCounted([]calls.Saved{{Account: name, At: start, Data: append([]byte(number), data...)}}); err != nil {
				t.Fatal(err)
			}
			if n > 0 { // the number is that of the account alone
				if err := s.SaveCounted([]calls.Saved{{Account: name, At: start, Data: data}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := s.SaveCalled([]calls.Country{{Account: account, Code: "IL", At: start}}); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Erase(Target{Account: account}, start); err != nil || e.Countries != 1 {
		t.Fatalf("got %+v, %v", e, err)
	}
	if err := s.Scrub(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal"} {
		data, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, text := range []string{account, number} {
			if bytes.Contains(data, []byte(text)) {
				t.Errorf("%s is still in %s", text, file)
			}
		}
	}
}
