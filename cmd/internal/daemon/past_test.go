package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/history"
	"pbxjail/parsers"
)

// A history that cannot be opened falls behind. When it can be opened again, it gets all bans,
// with the accounts that were tried, and then those that began while it was copied.
func TestHistoryFallsBehind(t *testing.T) {
	const behind, part = mostRested*filePart + 1000, 1000 // more than it copies with rests
	s := newSite(t)
	d := s.open()
	t.Cleanup(func() { d.Close() })
	if err := os.Mkdir(d.past.path, 0o755); err != nil { // a folder is in its place
		t.Fatal(err)
	}
	record := func(from, to int) {
		t.Helper()
		var bans []book.Ban
		for i := from; i < to; i++ {
			addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			now := time.Now().UTC()
			bans = append(bans, book.Ban{
				Prefix: netip.PrefixFrom(addr, 32), Jail: "phones", Since: now, Until: now.Add(time.Hour), Strike: 1, Evidence: parsers.Proven, By: "log", Reason: "guesses",
				Lines: []book.Line{{Time: now, Rule: "bad-password", Points: parsers.Point, File: "security", Text: parsers.TextOf([]byte("x")), Kind: parsers.BadPassword, Account: parsers.TextOf(fmt.Appendf(nil, "account-%d", i))}},
			})
		}
		if err := d.store.Record(bans); err != nil {
			t.Fatal(err)
		}
	}
	for n := 0; n < behind; n += part {
		record(n, min(n+part, behind))
	}
	err := d.past.file(t.Context())
	if err == nil {
		t.Fatal("a folder is taken for a history")
	}
	d.past.says(err)
	if len(d.past.problems()) != 1 {
		t.Errorf("got problems %v, want one", d.past.problems())
	}
	if err := os.Remove(d.past.path); err != nil {
		t.Fatal(err)
	}
	if err := d.past.file(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.past.says(nil)
	record(behind, behind+10)
	for more := true; more; more = d.past.more { // what takes longer than it copies at once
		if err := d.past.file(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a, err := d.past.asked()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	err = a.List(history.Filter{}, 2*behind, func(e *history.Entry) error {
		for _, account := range e.Accounts {
			seen[account] = true
		}
		return nil
	})
	if err != nil || len(seen) != behind+10 {
		t.Errorf("the history has %d accounts, %v, want %d", len(seen), err, behind+10)
	}
}
