package history

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"
)

// bytesOf are those of all files of the history.
func bytesOf(t *testing.T, a *Archive) (all []byte) {
	t.Helper()
	for _, part := range []string{"", "-wal", "-journal"} {
		b, err := os.ReadFile(a.path + part)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func count(t *testing.T, a *Archive) (n int) {
	t.Helper()
	if err := a.db.QueryRow("SELECT count(*) FROM entries").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The bytes of an erased address are in no page, no free page and no -wal, in text or in
// binary form; those of an account neither.
func TestErase(t *testing.T) {
	a := newArchive(t)
	var entries []Entry
	for i := range 5000 {
		e := entryOf(fmt.Sprintf("10.%d.%d.77/32", i>>8, i&255), time.Duration(i)*time.Second)
		e.Accounts, e.Numbers = []string{fmt.Sprintf("account-%d", i)}, nil
		entries = append(entries, e)
	}
	add(t, a, entries...)
	four, six, network := netip.MustParsePrefix("203.0.113.249/32"), netip.MustParsePrefix("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128"), netip.MustParsePrefix("198.51.100.0/24")
	var mine []Entry
	for i := range 300 { // among the others, so that SQLite moves them about
		for _, p := range []netip.Prefix{four, six} {
			e := entryOf(p.String(), time.Duration(i)*17*time.Second)
			e.Accounts, e.Ended = []string{"zebra-77", fmt.Sprintf("account-%d", i)}, "it is in ignoreip "+p.Addr().String()
			mine = append(mine, e)
		}
		mine = append(mine, entryOf(fmt.Sprintf("198.51.100.%d/32", i&255), time.Duration(i)*time.Minute))
	}
	add(t, a, mine...)
	if _, err := a.TrimBefore(start.Add(20*time.Minute), start.Add(24*time.Hour)); err != nil { // free pages
		t.Fatal(err)
	}
	find := func(needle []byte) bool { return bytes.Contains(bytesOf(t, a), needle) }
	forms := [][]byte{four.Addr().AsSlice(), []byte(four.Addr().String()), six.Addr().AsSlice(), []byte(six.Addr().String()), []byte("zebra-77")}
	for _, f := range forms {
		if !find(f) {
			t.Fatalf("%q is not in the file before: the test is wrong", f)
		}
	}
	before := count(t, a)
	for i, p := range []netip.Prefix{four, six} {
		n, err := a.Erase(p, "")
		if err != nil || n == 0 {
			t.Fatalf("%s: got %d, %v", p, n, err)
		}
		for _, f := range forms[2*i : 2*i+2] {
			if find(f) {
				t.Errorf("%q is left", f)
			}
		}
	}
	if n, err := a.Erase(network, ""); err != nil || n == 0 || len(list(t, a, Filter{Net: network})) != 0 {
		t.Errorf("got %d, %v of a network", n, err)
	}
	if got := count(t, a); got == 0 || got >= before {
		t.Errorf("got %d entries left of %d", got, before)
	}
	add(t, a, entryOf("203.0.113.1/32", 30*time.Hour)) // it can be written again
	e := entryOf("203.0.113.2/32", 30*time.Hour)
	e.Accounts = []string{"zebra-77", "201"}
	add(t, a, e)
	if n, err := a.Erase(netip.Prefix{}, "zebra-77"); err != nil || n != 1 || find([]byte("zebra-77")) {
		t.Errorf("got %d, %v, and the account left: %t", n, err, find([]byte("zebra-77")))
	}
	if got := list(t, a, Filter{Net: e.Prefix}); len(got) != 1 || len(got[0].Accounts) != 1 {
		t.Errorf("got %+v, want the entry without that account", got)
	}
	var found string
	if err := a.db.QueryRow("PRAGMA integrity_check").Scan(&found); err != nil || found != "ok" {
		t.Errorf("got %q, %v of the file", found, err)
	}
}

func TestTrimTo(t *testing.T) {
	a := newArchive(t)
	var entries []Entry
	for i := range 20 * step {
		entries = append(entries, entryOf(fmt.Sprintf("10.%d.%d.1/32", i>>8, i&255), time.Duration(i)*time.Second))
	}
	running := entryOf("203.0.113.9/32", -time.Hour)
	running.Until = time.Time{}
	add(t, a, append(entries, running)...)
	size, err := a.Size()
	if err != nil {
		t.Fatal(err)
	}
	before := len(bytesOf(t, a))
	now := start.Add(100 * time.Hour)
	if got, err := a.TrimTo(size, now); err != nil || got.Entries != 0 {
		t.Errorf("got %+v, %v, want nothing removed", got, err)
	}
	got, err := a.TrimTo(size/2, now)
	after, _ := a.Size()
	if err != nil || got.Entries == 0 || after > size/2 || !got.Oldest.Equal(running.Since) {
		t.Errorf("got %+v, %v, and %d bytes of %d", got, err, after, size)
	}
	if left := list(t, a, Filter{Net: entries[len(entries)-1].Prefix}); len(left) != 1 {
		t.Error("the newest is gone")
	}
	if err := a.Close(); err != nil { // folds the -wal in
		t.Fatal(err)
	}
	if small := len(bytesOf(t, a)); small > before*3/4 {
		t.Errorf("got a file of %d bytes, before %d: want free pages given back", small, before)
	}
}
