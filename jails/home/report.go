package home

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// report counts the failures of accounts at home at an address since the last report.
type report struct {
	witness.Tellings
	since    time.Time
	reported time.Time // zero: never
	kind     parsers.Kind
	phones   bool
	accounts []string // that failed, escaped; the first mostAccounts
}

const (
	maxReports = 4096
	// reportFirst is the number of failures that are reported at once, reportEvery how
	// often a report says that they continue.
	reportFirst = 5
	reportEvery = time.Hour
	// mostAccounts bounds the accounts of an address that one report names.
	mostAccounts = 16
)

// reportFailure reports to the admin an account at home that is refused: soon, and then
// once an hour for all accounts of its address.
func (hs *Homes) reportFailure(log uint16, e *parsers.Event, row *homeRow, now time.Time, alarm func(Alarm)) {
	r, ok := hs.reports.Get(row.Addr)
	if !ok || now.Sub(r.since).Abs() > 2*reportEvery && now.Sub(r.reported).Abs() > reportEvery {
		r = &report{since: now}
	}
	hs.reports.Put(row.Addr, r)
	r.Add(witness.Witness{Source: log, Channel: e.Channel, Service: e.Service})
	r.kind, r.phones = e.Kind, witness.FamilyOf(e.Service) != witness.WebFamily
	if name := show.Escaped(row.Account); len(r.accounts) < mostAccounts && !slices.Contains(r.accounts, name) {
		r.accounts = append(r.accounts, name)
	}
	n := r.Count()
	if r.reported.IsZero() && n < reportFirst || !r.reported.IsZero() && now.Sub(r.reported).Abs() < reportEvery {
		return
	}
	text := r.text(e.Addr, n, now)
	*r = report{since: now, reported: now}
	hs.moments.add(book.Moment{Kind: book.Reported, Prefix: netip.PrefixFrom(row.Addr, row.Addr.BitLen()), At: now.UTC(), Until: now.Add(reportEvery).UTC()})
	alarm(Alarm{"home", e.Addr, text})
}

// text says what fails, where, how often, and why the address is not banned.
func (r *report) text(a netip.Addr, n int, now time.Time) string {
	word := "user"
	if r.phones {
		word = "phone"
	}
	often := fmt.Sprintf("%s within %s", show.Count(n, "attempt"), agoWords(r.since, now))
	if !r.reported.IsZero() {
		often = fmt.Sprintf("%.0f attempts an hour", float64(n)/max(now.Sub(r.since).Hours(), 1))
	}
	s := "s"
	if len(r.accounts) > 1 {
		s = ""
	}
	what := "use" + s + " an old password"
	switch r.kind {
	case parsers.UnknownAccount:
		what = "ask" + s + " for an account that is not there any more"
	case parsers.ACL:
		what = "log" + s + " in where an access list refuses it"
	}
	return fmt.Sprintf("%s at %s %s: %s; it logged in there before, so the address is not banned", listOf(word, r.accounts), a, what, often)
}
