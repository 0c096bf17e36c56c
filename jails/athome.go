package jails

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/jails/customer"
	"pbxjail/jails/recent"
	"pbxjail/jails/tally"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// atHome is what the judge knows of those who log in. Owned by one Judge; bounded.
type atHome struct {
	table   homeTable
	tries   recent.Map[homeKey, tries] // failures of accounts where they are not at home
	guessed map[homeKey]*Guessed       // alarms that nobody has seen yet
	told    alarmsToTell
	reports recent.Map[netip.Addr, *report]
	calls   recent.Map[call, bool]        // in which an account at home failed
	noticed recent.Map[netip.Addr, int64] // when a notice last named who failed, unix ms
	breaker breaker
}

// call is one of an address, by the hash of its Call-ID.
type call struct {
	addr netip.Addr
	id   uint64
}

const maxCalls = 4096

func newAtHome() atHome {
	return atHome{
		table: newHomeTable(), tries: recent.Map[homeKey, tries]{Max: maxTries}, guessed: map[homeKey]*Guessed{}, told: alarmsToTell{},
		reports: recent.Map[netip.Addr, *report]{Max: maxReports}, breaker: newBreaker(),
		calls: recent.Map[call, bool]{Max: maxCalls}, noticed: recent.Map[netip.Addr, int64]{Max: maxCalls},
	}
}

// live reports whether a log-in protects still.
func (j *Judge) live(last, now time.Time) bool {
	return j.ProtectLogins == book.Forever || now.Sub(last) <= j.ProtectLogins
}

// loginOf is what one log-in with a password says; ok is false for any other event.
func loginOf(e *parsers.Event) (h Home, ok bool) {
	if !e.Authenticated() || !e.Addr.IsValid() || witness.FamilyOf(e.Service) == witness.NoFamily {
		return h, false
	}
	at := e.Time.UTC()
	return Home{
		Addr: customer.Home(e.Addr), Latest: e.Addr, Account: string(accountName(e.Account.Raw())), Service: e.Service, Witness: e.Channel, First: at, Last: at, Times: 1,
	}, true
}

// welcome takes a log-in for its account at its address, unless its password may be
// guessed: then decide is told.
func (j *Judge) welcome(e *parsers.Event, now time.Time, decide func(Verdict)) {
	f := witness.FamilyOf(e.Service)
	if f == witness.NoFamily {
		return
	}
	account := accountName(e.Account.Raw())
	a := customer.Home(e.Addr)
	row := j.home.table.find(a, f, account)
	if row != nil && !j.live(row.Last, now) {
		j.home.table.remove(row)
		row = nil
	}
	if row == nil && j.mayBeGuessed(e, homeKey{a, f, string(account)}, now, decide) {
		return
	}
	h, _ := loginOf(e)
	h.First, h.Last = now.UTC(), now.UTC()
	if row != nil && now.Sub(row.Last) < retoldWithin {
		h.Times = 0 // the same log-in, as another tells it
	}
	row = j.home.table.put(h)
	if now.Sub(row.saved) >= homeSaved {
		j.home.table.changed[homeKey{a, f, row.Account}] = true
	}
	row.failing, row.failed = 0, 0
	j.home.breaker.fine(a, now)
	j.weighBreaker(e.Addr, now, decide)
	j.forgive(e.Addr, account, now)
}

// accountID tells the accounts of an address apart; 0 is none.
func (j *Judge) accountID(account []byte) uint32 {
	if len(account) == 0 {
		return 0
	}
	return uint32(maphash.Bytes(j.seed, account)) | 1
}

// retoldWithin is how far apart two witnesses may tell of one log-in.
const retoldWithin = 2 * time.Second

// forgive takes back what an account did wrong at an address before it logged in there:
// a corrected password.
func (j *Judge) forgive(a netip.Addr, account []byte, now time.Time) {
	if len(account) == 0 {
		return
	}
	id := j.accountID(account)
	for _, jail := range j.jails {
		if t := j.table.Find(tally.KeyOf(a, jail.memory.id), jail.span, now.UnixMilli()); t != nil {
			t.Forgive(id)
		}
		j.forgiveCustomer(jail, a, id, now)
	}
}

// residents are the accounts at home at an address at a time.
func (j *Judge) residents(a netip.Addr, now time.Time) []*homeRow {
	return j.home.table.accounts(customer.Home(a), func(r *homeRow) bool { return j.live(r.Last, now) })
}

// logsIn reports whether any account is at home at an address.
func (j *Judge) logsIn(a netip.Addr, now time.Time) bool {
	return slices.ContainsFunc(j.home.table.at[customer.Home(a)], func(r *homeRow) bool { return j.live(r.Last, now) })
}

// resident finds the account of an offence, if it is at home at its address.
func (j *Judge) resident(e *parsers.Event, now time.Time) *homeRow {
	f := witness.FamilyOf(e.Service)
	if f == witness.NoFamily || !e.Addr.IsValid() || !e.Refused() {
		return nil
	}
	a := customer.Home(e.Addr)
	if len(j.home.table.at[a]) == 0 {
		return nil
	}
	account := accountName(e.Account.Raw())
	if len(account) == 0 {
		return nil
	}
	row := j.home.table.find(a, f, account)
	if row == nil || j.live(row.Last, now) {
		return row
	}
	if _, grace := j.pardoned(e.Addr, now); grace {
		return row
	}
	return nil
}

// excuse reports whether an offence leads to no ban because its account is at home at its
// address: it is reported instead. While the breaker holds, no failure leads to one.
func (j *Judge) excuse(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) bool {
	if row := j.resident(e, now); row != nil {
		if e.Channel == parsers.ChannelNotice {
			j.home.noticed.Put(row.Addr, now.UnixMilli())
		}
		j.reportFailure(s, e, row, now, decide)
		if j.provable(e, now) {
			row.fail(now)
			j.home.breaker.fails(row)
			j.weighBreaker(e.Addr, now, decide)
		}
		return true
	}
	if !e.Refused() {
		return false
	}
	if j.namedElsewhere(e, now) {
		return true
	}
	j.try(s, e, now)
	return j.home.breaker.holds()
}

// linkCall notes the call of an account at home that a security event reports: its notice
// names who the caller says he is, and that may be another name.
func (j *Judge) linkCall(e *parsers.Event, now time.Time) {
	if e.Channel == parsers.ChannelSecurity && !e.Session.Empty() && j.resident(e, now) != nil {
		j.home.calls.Put(j.callOf(e), true)
	}
}

func (j *Judge) callOf(e *parsers.Event) call {
	id := e.Session.Raw()
	return call{customer.Home(e.Addr), maphash.Bytes(j.seed, id[:min(len(id), maxAccountName)])}
}

// namedElsewhere reports whether another record says better whose failure this is. A notice
// of PJSIP has the name that the caller writes, the security event of its call that of the
// account. Where Asterisk does not know the account, it is the notice alone that has a
// name: it is counted by that.
func (j *Judge) namedElsewhere(e *parsers.Event, now time.Time) bool {
	if e.Service != parsers.PJSIP || !e.Addr.IsValid() || !j.logsIn(e.Addr, now) {
		return false
	}
	a := customer.Home(e.Addr)
	switch e.Channel {
	case parsers.ChannelNotice:
		j.home.noticed.Put(a, now.UnixMilli())
		linked, _ := j.home.calls.Get(j.callOf(e))
		return linked && !e.Session.Empty()
	case parsers.ChannelSecurity:
		last, ok := j.home.noticed.Get(a)
		return ok && len(accountName(e.Account.Raw())) == 0 && tally.Near(last, now.UnixMilli(), time.Hour.Milliseconds())
	}
	return false
}

// provable reports whether a failure is more than a packet that anybody can forge, where
// that can be known: then the wire saw our challenge answered.
func (j *Judge) provable(e *parsers.Event, now time.Time) bool {
	return e.Evidence == parsers.Proven || !j.gate.Reads(e.Addr, e.Service, now)
}

// loggedIn says for people who logged in from an address, or from one of a network, when
// that protects it still.
func (j *Judge) loggedIn(p netip.Prefix, now time.Time) (why string, ok bool) {
	if p.IsSingleIP() {
		rows := j.residents(p.Addr(), now)
		if len(rows) == 0 {
			return "", false
		}
		last := rows[0].Last
		for _, r := range rows {
			if r.Last.After(last) {
				last = r.Last
			}
		}
		return fmt.Sprintf("%s logged in with a password %s before", namesOf(rows), agoWords(last, now)), true
	}
	if p.Addr().Is6() && p.Bits() == customer.DefaultBits { // the one that is asked often: by floods
		rows := j.residents(p.Addr(), now)
		if len(rows) == 0 {
			return "", false
		}
	}
	for a, rows := range j.home.table.at {
		for _, r := range rows {
			if (p.Contains(a) || p.Contains(r.Latest)) && j.live(r.Last, now) {
				return fmt.Sprintf("%s logged in with a password %s before", r.Latest, agoWords(r.Last, now)), true
			}
		}
	}
	return "", false
}

// AtHome says who is at home at an address, or at one of a network; "" is nobody.
func (j *Judge) AtHome(p netip.Prefix, now time.Time) string {
	why, _ := j.loggedIn(p, now)
	return why
}

func agoWords(last, now time.Time) string {
	return show.Duration(max(now.Sub(last), time.Second).Round(time.Second))
}

// mostAccountsNamed bounds the accounts that one text names.
const mostAccountsNamed = 3

// namesOf names accounts for people, escaped.
func namesOf(rows []*homeRow) string {
	var names []string
	for _, r := range rows {
		if name := show.Escaped(r.Account); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return listOf("account", names)
}

// listOf is one or several names, of which it counts those that are too many.
func listOf(word string, names []string) string {
	more := len(names) - mostAccountsNamed
	switch {
	case len(names) == 1:
		return word + " " + names[0]
	case more > 0:
		return fmt.Sprintf("%ss %s and %d more", word, strings.Join(names[:mostAccountsNamed], ", "), more)
	}
	return word + "s " + strings.Join(names, ", ")
}

// Homes lists who is at home where, in no order: what a ledger keeps.
func (j *Judge) Homes() (list []Home) {
	for _, row := range j.home.table.rows {
		list = append(list, row.Home)
	}
	return list
}

// LoadHomes takes over what a ledger, or Asterisk itself, knows of log-ins before. Those
// that protect nobody any more are left out, and those whose password may be guessed.
func (j *Judge) LoadHomes(homes []Home, now time.Time) {
	for _, h := range homes {
		h.Addr, h.Account = customer.Home(h.Addr), string(accountName([]byte(h.Account)))
		if witness.FamilyOf(h.Service) == witness.NoFamily || !parsers.Bannable(h.Addr) || !j.live(h.Last, now) {
			continue
		}
		if j.home.guessed[homeKey{h.Addr, witness.FamilyOf(h.Service), h.Account}] != nil {
			continue
		}
		if !h.Latest.IsValid() {
			h.Latest = h.Addr
		}
		row := j.home.table.put(h)
		row.saved = h.Last
	}
}

// LearnHomes is LoadHomes for what no ledger knows yet.
func (j *Judge) LearnHomes(homes []Home, now time.Time) {
	for _, h := range homes {
		j.LoadHomes([]Home{h}, now)
		key := homeKey{customer.Home(h.Addr), witness.FamilyOf(h.Service), string(accountName([]byte(h.Account)))}
		if j.home.table.rows[key] != nil {
			j.home.table.changed[key] = true
		}
	}
}

// UnsavedHomes returns at most so many homes that the ledger does not know as they are
// now. HomesSaved says that it does.
func (j *Judge) UnsavedHomes(most int) []Home { return j.home.table.unsaved(most) }

// HomesSaved notes that the ledger knows homes. One that has changed since stays unsaved.
func (j *Judge) HomesSaved(homes []Home) { j.home.table.savedAs(homes) }
