package home

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/jails/customer"
	"pbxjail/jails/recent"
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
	foreign  string   // the service of another program than Asterisk; "": Asterisk's
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
	hs.addReport(&hs.reports, log, e, row.Account, now, alarm)
}

// addReport adds a failure to the report of its address, and reports it when that is due.
func (hs *Homes) addReport(reports *recent.Map[recent.Addr, *report], log uint16, e *parsers.Event, account string, now time.Time, alarm func(Alarm)) {
	a, wrongName := customer.Home(e.Addr), reports == &hs.wrong.reports
	r, ok := reports.Get(recent.AddrOf(a))
	if !ok || now.Sub(r.since).Abs() > 2*reportEvery && now.Sub(r.reported).Abs() > reportEvery {
		r = &report{since: now}
	}
	reports.Put(recent.AddrOf(a), r)
	r.Add(witness.Witness{Source: log, Channel: e.Channel, Service: e.Service})
	r.kind, r.phones = e.Kind, witness.FamilyOf(e.Service).OfPhones()
	r.foreign = ""
	if e.Service.Foreign() {
		r.foreign = e.Service.String()
	}
	if name := show.Escaped(account); len(r.accounts) < mostAccounts && !slices.Contains(r.accounts, name) {
		r.accounts = append(r.accounts, name)
	}
	n := r.Count()
	if r.reported.IsZero() && n < reportFirst || !r.reported.IsZero() && now.Sub(r.reported).Abs() < reportEvery {
		return
	}
	text := r.text(e.Addr, n, wrongName, now)
	*r = report{since: now, reported: now}
	if !wrongName { // the ledger keeps one report of an address
		hs.moments.add(book.Moment{Kind: book.Reported, Prefix: netip.PrefixFrom(a, a.BitLen()), At: now.UTC(), Until: now.Add(reportEvery).UTC()})
	}
	alarm(Alarm{"home", e.Addr, text})
}

// text says what fails, where, how often, and why the address is not banned.
// wrongName: the accounts do not exist.
func (r *report) text(a netip.Addr, n int, wrongName bool, now time.Time) string {
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
	if wrongName {
		names := "an account name that does"
		if len(r.accounts) > 1 {
			names = "account names that do"
		}
		return fmt.Sprintf("%s at %s use%s %s not exist: %s. The address is not banned, because other accounts log in there. Correct the name at the phone", listOf(word, r.accounts), a, s, names, often)
	}
	what, do := "use"+s+" an old password", ". Write the new password into the phone"
	switch r.kind {
	case parsers.UnknownAccount:
		what, do = "ask"+s+" for an account that does not exist any more", ". Correct the account in the phone"
	case parsers.ACL:
		what, do = "log"+s+" in from an address that Asterisk's access list refuses", ". Correct the access list (permit and deny) of this account in Asterisk"
	}
	if r.foreign != "" {
		what, do = "cannot log in to "+r.foreign, ""
	}
	return fmt.Sprintf("%s at %s %s: %s. The address is not banned, because it logged in there before%s", listOf(word, r.accounts), a, what, often, do)
}
