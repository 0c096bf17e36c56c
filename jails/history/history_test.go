package history

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)

func openArchive(t testing.TB, path string) *Archive {
	t.Helper()
	a, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func newArchive(t testing.TB) *Archive {
	return openArchive(t, filepath.Join(t.TempDir(), "history.db"))
}

func entryOf(prefix string, after time.Duration) Entry {
	return Entry{
		What: Ban, Prefix: netip.MustParsePrefix(prefix), Jail: "guessing", Country: "NL", ASN: 64500, Kind: "bad-password", Service: "pjsip", Evidence: "seen",
		Strike: 2, Attempts: 5, Score: 7500, Since: start.Add(after), Until: start.Add(after + time.Hour), By: "log",
		Accounts: []string{"201", "a\x1b[2J\xff"}, Numbers: []string{"972599123456"},
	}
}

func add(t testing.TB, a *Archive, entries ...Entry) {
	t.Helper()
	if err := a.Add(entries); err != nil {
		t.Fatal(err)
	}
}

func list(t testing.TB, a *Archive, f Filter) (entries []Entry) {
	t.Helper()
	if err := a.List(f, 1000, func(e *Entry) error { entries = append(entries, *e); return nil }); err != nil {
		t.Fatal(err)
	}
	return entries
}

func prefixes(entries []Entry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Prefix.String())
	}
	return strings.Join(names, " ")
}

func TestEntryIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	a := openArchive(t, path)
	first, forever := entryOf("203.0.113.9/32", 0), entryOf("2001:db8::/64", time.Minute)
	forever.Until, forever.Accounts, forever.Numbers, forever.Score = time.Time{}, nil, nil, 0
	add(t, a, first, forever)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = openArchive(t, path)
	if got, want := list(t, a, Filter{}), []Entry{forever, first}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// The same ban again, which ended early and has no lines any more.
	ended := first
	ended.Until, ended.Ended, ended.Kind, ended.Service, ended.Accounts, ended.Numbers, ended.Attempts, ended.Score = start.Add(time.Minute), "uid 0 (root)", "", "", nil, nil, 0, 0
	add(t, a, ended)
	want := first
	want.Until, want.Ended = ended.Until, ended.Ended
	if got := list(t, a, Filter{Net: first.Prefix}); !reflect.DeepEqual(got, []Entry{want}) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFilter(t *testing.T) {
	a := newArchive(t)
	other := entryOf("198.51.100.7/32", time.Hour)
	other.Jail, other.Country, other.Kind, other.ASN, other.What, other.Accounts = "scanning", "DE", "scan", 0, Observed, []string{"301"}
	add(t, a, entryOf("203.0.113.9/32", 0), entryOf("203.0.113.91/32", time.Minute), entryOf("203.0.113.0/24", 2*time.Minute), other, entryOf("2001:db8::9/128", 2*time.Hour))
	for name, test := range map[string]struct {
		filter Filter
		want   string
	}{
		"all":              {Filter{}, "2001:db8::9/128 198.51.100.7/32 203.0.113.0/24 203.0.113.91/32 203.0.113.9/32"},
		"address":          {Filter{Net: netip.MustParsePrefix("203.0.113.9/32")}, "203.0.113.0/24 203.0.113.9/32"},
		"network":          {Filter{Net: netip.MustParsePrefix("203.0.113.0/25")}, "203.0.113.91/32 203.0.113.9/32"},
		"network of IPv6":  {Filter{Net: netip.MustParsePrefix("2001:db8::/32")}, "2001:db8::9/128"},
		"alike in bytes":   {Filter{Net: netip.MustParsePrefix("32.1.13.184/32")}, ""}, // 0x20010db8
		"jail":             {Filter{Jail: "scanning"}, "198.51.100.7/32"},
		"no such jail":     {Filter{Jail: "none"}, ""},
		"country":          {Filter{Country: "de"}, "198.51.100.7/32"},
		"kind of attempt":  {Filter{Kind: "scan"}, "198.51.100.7/32"},
		"kind of entry":    {Filter{Kind: Observed}, "198.51.100.7/32"},
		"network number":   {Filter{ASN: 64500, Jail: "guessing", From: start.Add(time.Hour)}, "2001:db8::9/128"},
		"account":          {Filter{Account: "301"}, "198.51.100.7/32"},
		"account in bytes": {Filter{Account: "a\x1b[2J\xff", To: start.Add(1)}, "203.0.113.9/32"},
		"from":             {Filter{From: start.Add(time.Hour)}, "2001:db8::9/128 198.51.100.7/32"},
		"to":               {Filter{To: start.Add(time.Minute)}, "203.0.113.9/32"},
		"jail and time":    {Filter{Jail: "guessing", From: start.Add(time.Minute), To: start.Add(2 * time.Minute)}, "203.0.113.91/32"},
	} {
		if got := prefixes(list(t, a, test.filter)); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if err := a.List(Filter{Jail: "guessing"}, 2, func(e *Entry) error {
		if e.Since.Before(start.Add(2 * time.Minute)) {
			t.Errorf("got %v among the last two", e)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestSums(t *testing.T) {
	a := newArchive(t)
	var entries []Entry
	for i := range 6 {
		e := entryOf(fmt.Sprintf("203.0.%d.%d/32", i%2, i), time.Duration(i)*30*time.Minute)
		if i == 5 {
			e.Country, e.Accounts, e.ASN = "", []string{"999"}, 0
		}
		entries = append(entries, e)
	}
	add(t, a, entries...)
	add(t, a, entries...) // a second copy counts nothing twice
	for name, test := range map[string]struct {
		filter Filter
		by     string
		want   string
	}{
		"hour":            {Filter{}, ByHour, "=2/10 =2/10 =2/10"},
		"hour, a network": {Filter{Net: netip.MustParsePrefix("203.0.0.0/24")}, ByHour, "=1/5 =1/5 =1/5"},
		"country":         {Filter{}, ByCountry, "NL=5/25 =1/5"},
		"jail":            {Filter{}, ByJail, "guessing=6/30"},
		"kind":            {Filter{Country: "NL"}, ByKind, "bad-password=5/25"},
		"net":             {Filter{}, ByNet, "203.0.0.0/24=3/0 203.0.1.0/24=3/0"},
		"net, jail":       {Filter{Jail: "guessing"}, ByNet, "203.0.0.0/24=3/15 203.0.1.0/24=3/15"},
		"net, from":       {Filter{From: start.Add(151 * time.Minute)}, ByNet, ""},
		"asn":             {Filter{}, ByASN, "AS64500=5/25 =1/5"},
		"account":         {Filter{}, ByAccount, "201=5/0 a\x1b[2J\xff=5/0 999=1/0"},
		"account, from":   {Filter{From: start.Add(2 * time.Hour)}, ByAccount, "201=1/0 999=1/0 a\x1b[2J\xff=1/0"},
		"account, jail":   {Filter{Jail: "guessing", Country: "NL"}, ByAccount, "201=5/25 a\x1b[2J\xff=5/25"},
		"address":         {Filter{Net: netip.MustParsePrefix("203.0.1.3/32")}, ByAddr, "203.0.1.3=1/5"},
		"nothing":         {Filter{Jail: "none"}, ByHour, ""},
	} {
		var got []string
		err := a.Sums(test.filter, test.by, 10, func(s Sum) error {
			got = append(got, fmt.Sprintf("%s=%d/%d", s.Key, s.Entries, s.Attempts))
			return nil
		})
		if text := strings.Join(got, " "); err != nil || text != test.want {
			t.Errorf("%s: got %q, %v, want %q", name, text, err, test.want)
		}
	}
}

func TestShorten(t *testing.T) {
	a := newArchive(t)
	old, six, running, network := entryOf("203.0.113.9/32", 0), entryOf("2001:db8:1:2::9/128", time.Second), entryOf("203.0.113.10/32", 2*time.Second), entryOf("198.51.0.0/16", 3*time.Second)
	running.Until = start.Add(100 * time.Hour)
	young := entryOf("203.0.113.11/32", 50*time.Hour)
	add(t, a, old, six, running, network, young)
	shorten := func(before, now time.Duration) {
		t.Helper()
		if err := a.Shorten(start.Add(before), start.Add(now)); err != nil {
			t.Fatal(err)
		}
	}
	shorten(10*time.Hour, 60*time.Hour)
	if got, want := prefixes(list(t, a, Filter{})), "203.0.113.11/32 198.51.0.0/16 203.0.113.10/32 2001:db8:1::/48 203.0.113.0/24"; got != want {
		t.Errorf("got %q, want %q: the ban still runs", got, want)
	}
	if got := list(t, a, Filter{To: start.Add(1)}); len(got) != 1 || !got[0].Short {
		t.Errorf("got %+v, want it marked as shortened", got)
	}
	late := entryOf("203.0.113.12/32", 5*time.Hour) // of a log that is read later
	add(t, a, late)
	shorten(10*time.Hour, 101*time.Hour)
	if got, want := prefixes(list(t, a, Filter{})), "203.0.113.11/32 203.0.113.0/24 198.51.0.0/16 203.0.113.0/24 2001:db8:1::/48 203.0.113.0/24"; got != want {
		t.Errorf("got %q, want %q: its ban is over", got, want)
	}
}

// Entries of one moment, more than one step takes.
func TestShortenManyOfOneMoment(t *testing.T) {
	a := newArchive(t)
	var entries []Entry
	for i := range 3 * step {
		e := entryOf(fmt.Sprintf("10.%d.%d.1/32", i>>8, i&255), 0)
		e.Accounts = nil
		entries = append(entries, e)
	}
	add(t, a, entries...)
	if err := a.Shorten(start.Add(time.Hour), start.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := a.DropNumbers(start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	got := 0
	if err := a.List(Filter{}, 10*step, func(e *Entry) error {
		if got++; !e.Short || len(e.Numbers) > 0 {
			t.Fatalf("got %+v, want it short and without numbers", e)
		}
		return nil
	}); err != nil || got != 3*step {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestTrimBefore(t *testing.T) {
	a := newArchive(t)
	var entries []Entry
	for i := range 3*step + 7 {
		entries = append(entries, entryOf(fmt.Sprintf("10.%d.%d.1/32", i>>8, i&255), time.Duration(i)*time.Second))
	}
	running := entryOf("203.0.113.9/32", 0)
	running.Until = time.Time{}
	young := entryOf("203.0.113.10/32", 100*time.Hour)
	add(t, a, append(slices.Clone(entries), running, young)...)
	n, err := a.TrimBefore(start.Add(50*time.Hour), start.Add(101*time.Hour))
	if err != nil || n != int64(len(entries)) {
		t.Errorf("got %d, %v, want %d", n, err, len(entries))
	}
	if got := prefixes(list(t, a, Filter{})); got != "203.0.113.10/32 203.0.113.9/32" {
		t.Errorf("got %q left", got)
	}
	var names int
	if err := a.db.QueryRow("SELECT count(*) FROM tried").Scan(&names); err != nil || names != 6 {
		t.Errorf("got %d names, %v, want those of two entries", names, err)
	}
}
