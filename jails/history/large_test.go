package history

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestLarge makes a history of PBXJAIL_HISTORY_ROWS entries at PBXJAIL_HISTORY_FILE, where
// that does not exist yet, and prints how long the questions of jailctl take. The entries are
// made up: a year, a fifteenth as many addresses as entries, some of which come back often,
// 60 countries and 6 jails of which few have most, two accounts each of 3000.
func TestLarge(t *testing.T) {
	rows, err := strconv.Atoi(os.Getenv("PBXJAIL_HISTORY_ROWS"))
	if err != nil {
		t.Skip("set PBXJAIL_HISTORY_ROWS and PBXJAIL_HISTORY_FILE")
	}
	path := os.Getenv("PBXJAIL_HISTORY_FILE")
	if _, err := os.Stat(path); err != nil {
		fill(t, path, rows)
	}
	a := openArchive(t, path)
	now := start.AddDate(1, 0, 0)
	week, all := Filter{From: now.Add(-7 * 24 * time.Hour)}, Filter{}
	with := func(f Filter, change func(*Filter)) Filter { change(&f); return f }
	one, addr := netip.MustParsePrefix("77.1.2.3/32"), []byte(nil)
	if err := a.reader.QueryRow("SELECT addr FROM entries WHERE id = ?", rows/2).Scan(&addr); err == nil {
		ip, _ := netip.AddrFromSlice(addr)
		one = netip.PrefixFrom(ip, ip.BitLen())
	}
	for _, q := range []struct {
		name string
		f    Filter
		by   string
	}{
		{"list, 7 days", week, ""}, {"list, all", all, ""},
		{"list, rare country", with(all, func(f *Filter) { f.Country = "C59" }), ""},
		{"list, jail, 7 days", with(week, func(f *Filter) { f.Jail = "jail5" }), ""},
		{"list, address", with(all, func(f *Filter) { f.Net = one }), ""},
		{"list, /16", with(all, func(f *Filter) { f.Net = netip.MustParsePrefix("77.1.0.0/16") }), ""},
		{"list, account", with(all, func(f *Filter) { f.Account = "1001" }), ""},
		{"list, account, 7 days", with(week, func(f *Filter) { f.Account = "1001" }), ""},
		{"by hour, 7 days", week, ByHour}, {"by hour (day), all", all, ByHour},
		{"by country, 7 days", week, ByCountry}, {"by country, all", all, ByCountry},
		{"by jail, all", all, ByJail},
		{"by net, 7 days", week, ByNet}, {"by net, all", all, ByNet},
		{"by account, 7 days", week, ByAccount}, {"by account, all", all, ByAccount},
		{"by account, 30 days", Filter{From: now.AddDate(0, 0, -30)}, ByAccount},
		{"by net, 30 days", Filter{From: now.AddDate(0, 0, -30)}, ByNet},
	} {
		began, n := time.Now(), 0
		if q.by == "" {
			err = a.List(q.f, 50, func(*Entry) error { n++; return nil })
		} else {
			err = a.Sums(q.f, q.by, 50, func(Sum) error { n++; return nil })
		}
		t.Logf("%-24s %8.3f s, %d rows, %v", q.name, time.Since(began).Seconds(), n, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	add(t, a, entryOf("203.0.113.9/32", 0))
	t.Logf("%-24s %8.3f s", "write one", time.Since(began).Seconds())
	began = time.Now()
	n, err := a.Erase(netip.MustParsePrefix("203.0.113.9/32"), "")
	t.Logf("%-24s %8.3f s, %d, %v", "erase an address", time.Since(began).Seconds(), n, err)
	t.Logf("%d entries, %.2f GB, %.0f bytes each", rows, float64(info.Size())/1e9, float64(info.Size())/float64(rows))
}

// fill makes the entries in SQL: through Add it would take ten times as long.
func fill(t *testing.T, path string, rows int) {
	t.Helper()
	a := openArchive(t, path)
	e := entryOf("203.0.113.9/32", 0)
	for i := range 60 {
		e.Country, e.Jail, e.Kind = fmt.Sprintf("C%02d", i), fmt.Sprintf("jail%d", i%6), []string{"bad-password", "unknown-account", "scan"}[i%3]
		e.Prefix = netip.MustParsePrefix(fmt.Sprintf("203.0.113.%d/32", i))
		add(t, a, e)
	}
	id := func(word string) int64 { n, _ := a.known.find(word); return n }
	year, begin := int64(365*24*time.Hour), start.UnixNano()
	for _, step := range []struct {
		text string
		args []any
	}{
		{"PRAGMA synchronous = off", nil},
		{"DELETE FROM entries", nil}, {"DELETE FROM tried", nil}, {"DELETE FROM hours", nil},
		{"DROP INDEX entries_addr", nil}, {"DROP INDEX entries_at", nil}, {"DROP INDEX tried_name", nil},
		{`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			INSERT INTO entries SELECT i, ?2 + i * (?3 / ?1), ?2 + i * (?3 / ?1) + 3600000000000,
			CAST(substr(unhex(printf('%08x', (abs(random()) % max(1, ?1 / 15)) * 2654435761 % 4294967296)), 1, 4) AS BLOB), 32, 0, ?4,
			(SELECT id FROM words WHERE word = 'jail' || min(5, i * 7907 % 6 * (i * 104723 / 6 % 3) / 2)),
			(SELECT id FROM words WHERE word = printf('C%02d', i * 7919 % 60 * (i * 104729 / 60 % 60) / 60)),
			64500 + abs(random()) % 2000, ?5, ?6, ?7, 1, 5, 5000, ?8, 0 FROM n`,
			[]any{rows, begin, year, id(Ban), id("bad-password"), id("pjsip"), id("seen"), id("log")}},
		{`INSERT OR IGNORE INTO tried SELECT id, 0, CAST(1000 + abs(random()) % 3000 AS BLOB) FROM entries`, nil},
		{`INSERT OR IGNORE INTO tried SELECT id, 0, CAST(1000 + abs(random()) % 300 AS BLOB) FROM entries`, nil},
		{`INSERT INTO hours SELECT at / 3600000000000, jail, country, kind, what, count(*), sum(attempts) FROM entries GROUP BY 1, 2, 3, 4, 5`, nil},
		{"CREATE INDEX entries_addr ON entries (addr, at)", nil}, {"CREATE INDEX entries_at ON entries (at)", nil}, {"CREATE INDEX tried_name ON tried (number, name)", nil},
		{"PRAGMA wal_checkpoint(TRUNCATE)", nil},
	} {
		began := time.Now()
		if _, err := a.db.Exec(step.text, step.args...); err != nil {
			t.Fatalf("%s: %v", step.text[:min(40, len(step.text))], err)
		}
		t.Logf("fill: %-40.40s %.1f s", step.text, time.Since(began).Seconds())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}
