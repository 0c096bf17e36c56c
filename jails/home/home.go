package home

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"pbxjail/jails/index"
	"pbxjail/jails/recent"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// Home is an account that logs in from an address with a password.
type Home struct {
	Addr    netip.Addr // of IPv6 the first of its /64: a line is one customer
	Latest  netip.Addr // the very address of the last log-in
	Account string     // as Asterisk knows it; may hold any byte; at most maxAccountName
	Service parsers.Service
	Witness parsers.Channel // the witness of the last log-in
	First   time.Time
	Last    time.Time
	Times   uint32
}

// homeTable remembers which account logs in from where. Owned by one Judge. An attacker
// with an account can log in from any number of addresses. So addresses with only one
// log-in make room for each other, and never for the place of an account that logged in
// again. One account is at home at no more than mostHomesEach addresses; after that its own
// oldest one is removed.
type homeTable struct {
	seed      maphash.Seed
	rows      rowIndex
	sites     index.Map[*site]
	of        map[string][]*homeRow // regulars of an account, at most MostEach
	strangers rowList               // the latest first
	regulars  rowList               // logged in again after comesBack
	changed   []*homeRow            // the ledger does not know them as they are now
	spare     []*homeRow            // that were removed, to be used again
	names     names
	logins    uint64     // how many were noted
	asked     netip.Addr // that site was asked for last
	answer    *site      // what it said
}

// site is an address where accounts are at home, or were until a moment ago.
type site struct {
	addr    netip.Addr
	rows    []*homeRow
	working int64 // unix ms: the last log-in there, for the breaker; 0: the breaker does not know it
}

type homeKey struct {
	addr    recent.Addr
	family  witness.Family
	account string
}

// homeRow is a Home in the table. Its failures are for the breaker, and are not kept.
type homeRow struct {
	Home
	site    *site
	family  witness.Family
	key     uint64 // rowKey
	regular bool
	changed int      // where it is in the table's list of these, from 1; 0: it is not
	before  *homeRow // in its list
	behind  *homeRow
	used    uint64    // the number of its last log-in among all
	saved   time.Time // the last log-in that the ledger knows
	failing int64     // unix ms: the first failure since the last log-in; 0: there is none
	failed  int64     // unix ms: the last one
}

const (
	MaxStrangers    = 16_384
	maxHomeRegulars = 32_768
	MostEach        = 64
	comesBack       = 30 * time.Second
	// homeIdle is how long a regular must not have logged in before it makes room for
	// another account.
	homeIdle = 24 * time.Hour
	// maxAccountName is how many bytes of an account's name are remembered.
	maxAccountName = 64
	// homeSaved is how often the last log-in of an account is written again.
	homeSaved = 10 * time.Minute
	// mostSpare is how many rows wait to be used again.
	mostSpare = 16
)

func newHomeTable() homeTable {
	return homeTable{seed: maphash.MakeSeed(), of: map[string][]*homeRow{}}
}

// AccountName is the name of an account without what callers write around it: sip:, a
// domain, parameters. It is empty for those who have none, and aliases raw.
func AccountName(raw []byte) []byte {
	if isBare(raw) { // most are
		return namedAccount(raw)
	}
	if i := bytes.LastIndexByte(raw, '<'); i >= 0 && bytes.HasSuffix(raw, []byte(">")) {
		raw = raw[i+1 : len(raw)-1]
	}
	for _, scheme := range []string{"sip:", "sips:"} {
		raw = bytes.TrimPrefix(raw, []byte(scheme))
	}
	if i := bytes.IndexByte(raw, '@'); i >= 0 {
		raw = raw[:i]
	}
	return namedAccount(raw)
}

// isBare reports whether a name has none of the characters that AccountName looks for.
func isBare(raw []byte) bool {
	for _, c := range raw {
		if c == '<' || c == ':' || c == '@' {
			return false
		}
	}
	return true
}

// namedAccount is a name as far as it is remembered; nil for the names of no account.
func namedAccount(raw []byte) []byte {
	switch string(raw) {
	case "anonymous", "unknown":
		return nil
	}
	return raw[:min(len(raw), maxAccountName)]
}

// site returns the site of an address, or nil. customer.Home says which address that is. One
// record leads to several questions about its address.
func (t *homeTable) site(a netip.Addr) *site {
	if t.asked != a || !a.IsValid() {
		t.asked, t.answer = a, t.sites.Get(a.As16())
	}
	return t.answer
}

// at are the accounts at home at an address.
func (t *homeTable) at(a netip.Addr) []*homeRow {
	if s := t.site(a); s != nil {
		return s.rows
	}
	return nil
}

// fewRows is how many rows are looked through faster than a map.
const fewRows = 8

// find returns the row of an account at a site, or nil.
func (t *homeTable) find(s *site, f witness.Family, account []byte) *homeRow {
	if s == nil {
		return nil
	}
	if len(s.rows) > fewRows {
		return t.rows.get(rowKey(t.seed, s.addr, f, account), s.addr, f, account)
	}
	for _, row := range s.rows {
		if row.family == f && row.Account == string(account) {
			return row
		}
	}
	return nil
}

// put notes a log-in, or what the ledger remembers of some.
func (t *homeTable) put(h Home) *homeRow {
	return t.putIn(t.row(h), h)
}

// row returns the row of a home, or nil.
func (t *homeTable) row(h Home) *homeRow {
	f, account := witness.FamilyOf(h.Service), []byte(h.Account)
	return t.rows.get(rowKey(t.seed, h.Addr, f, account), h.Addr, f, account)
}

// putIn is put where the row of the home is known; nil: it has none.
func (t *homeTable) putIn(row *homeRow, h Home) *homeRow {
	t.logins++
	if row == nil {
		if t.strangers.n >= MaxStrangers {
			t.remove(t.strangers.last)
		}
		row = t.newRow()
		site := t.makeSite(h.Addr)
		f := witness.FamilyOf(h.Service)
		*row = homeRow{Home: h, family: f, key: rowKey(t.seed, h.Addr, f, []byte(h.Account)), site: site}
		t.strangers.pushFront(row)
		t.rows.add(row)
		site.rows = append(site.rows, row)
	} else {
		row.merge(h)
		t.listOf(row).moveToFront(row)
	}
	row.used = t.logins
	if !row.regular && row.Last.Sub(row.First) >= comesBack {
		t.promote(row)
	}
	return row
}

// newRow returns a row to be filled.
func (t *homeTable) newRow() *homeRow {
	if n := len(t.spare) - 1; n >= 0 {
		row := t.spare[n]
		t.spare = t.spare[:n]
		return row
	}
	return new(homeRow)
}

// makeSite returns the site of an address, and makes it where there is none.
func (t *homeTable) makeSite(a netip.Addr) *site {
	s := t.site(a)
	if s == nil {
		s = &site{addr: a}
		t.sites.Put(a.As16(), s)
		t.asked = netip.Addr{}
	}
	return s
}

// leave forgets a site that has neither rows nor a log-in that the breaker counts.
func (t *homeTable) leave(s *site) {
	if len(s.rows) == 0 && s.working == 0 {
		t.sites.Delete(s.addr.As16())
		t.asked = netip.Addr{}
	}
}

// merge adds what is known of a home to what is known already.
func (r *homeRow) merge(h Home) {
	if h.First.Before(r.First) {
		r.First = h.First
	}
	if !h.Last.Before(r.Last) {
		r.Last, r.Latest, r.Witness, r.Service = h.Last, h.Latest, h.Witness, h.Service
	}
	r.Times += h.Times
}

func (t *homeTable) listOf(row *homeRow) *rowList {
	if row.regular {
		return &t.regulars
	}
	return &t.strangers
}

// promote makes a row one that no stranger pushes out. Where there is no room it stays a
// stranger.
func (t *homeTable) promote(row *homeRow) {
	if len(t.of[row.Account]) >= MostEach {
		t.removeOldest(row.Account)
	}
	if t.regulars.n >= maxHomeRegulars {
		last := t.regulars.last
		if row.Last.Sub(last.Last) < homeIdle {
			return
		}
		t.remove(last)
	}
	t.strangers.remove(row)
	row.regular = true
	t.regulars.pushFront(row)
	t.of[row.Account] = append(t.of[row.Account], row)
}

// removeOldest makes room for an account by the home where it logged in the longest ago.
func (t *homeTable) removeOldest(account string) {
	t.remove(slices.MinFunc(t.of[account], func(x, y *homeRow) int { return cmp.Compare(x.used, y.used) }))
}

// change notes that the ledger does not know a row as it is now.
func (t *homeTable) change(row *homeRow) {
	if row.changed == 0 {
		t.changed = append(t.changed, row)
		row.changed = len(t.changed)
	}
}

// isSaved notes that it does.
func (t *homeTable) isSaved(row *homeRow) {
	if row.changed == 0 {
		return
	}
	last := len(t.changed) - 1
	moved := t.changed[last]
	t.changed[row.changed-1], moved.changed = moved, row.changed
	t.changed[last] = nil
	t.changed, row.changed = t.changed[:last], 0
}

func (t *homeTable) remove(row *homeRow) {
	t.listOf(row).remove(row)
	if row.regular {
		if t.of[row.Account] = without(t.of[row.Account], row); len(t.of[row.Account]) == 0 {
			delete(t.of, row.Account)
		}
	}
	t.rows.remove(row)
	t.isSaved(row)
	row.site.rows = without(row.site.rows, row)
	t.leave(row.site)
	if row.failed == 0 && len(t.spare) < mostSpare { // the breaker may hold one that fails
		t.spare = append(t.spare, row)
	}
}

// without takes a row out of a list.
func without(rows []*homeRow, row *homeRow) []*homeRow {
	if at := slices.Index(rows, row); at >= 0 {
		return slices.Delete(rows, at, at+1)
	}
	return rows
}

// unsaved returns homes that are not in the ledger as they are now, at most so many.
func (t *homeTable) unsaved(most int) (list []Home) {
	for _, row := range t.changed[:min(most, len(t.changed))] {
		list = append(list, row.Home)
	}
	return list
}

func (t *homeTable) savedAs(homes []Home) {
	for _, h := range homes {
		row := t.row(h)
		if row == nil {
			continue
		}
		if row.Home == h {
			t.isSaved(row)
		}
		row.saved = h.Last
	}
}

// accounts are those that log in from an address, by name.
func (t *homeTable) accounts(a netip.Addr, live func(*homeRow) bool) (list []*homeRow) {
	for _, row := range t.at(a) {
		if live(row) {
			list = append(list, row)
		}
	}
	slices.SortFunc(list, func(x, y *homeRow) int {
		return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.family, y.family))
	})
	return list
}
