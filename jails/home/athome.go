package home

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
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// Homes knows which account is at home at which address. Owned by one Judge; bounded.
type Homes struct {
	// ProtectLogins is how long a log-in with a password makes its account at home at its
	// address; book.Forever is for as long as it is remembered. Set before use.
	ProtectLogins time.Duration

	wire          wireReader
	seed          maphash.Seed
	pardons       []pardon
	moments       moments
	table         homeTable
	tries         recent.Map[uint64, tries] // failures of accounts where they are not at home, by triesKey
	guessed       map[homeKey]*Guessed      // alarms that no operator has acknowledged yet
	changedAlarms alarmChanges
	reports       recent.Map[recent.Addr, *report]
	calls         recent.Map[call, bool]         // in which an account at home failed
	noticed       recent.Map[recent.Addr, int64] // when a notice last named who failed, unix ms
	registered    registered
	breaker       breaker
	wrong         wrongNames
}

// call is one of an address, by the hash of its Call-ID.
type call struct {
	addr recent.Addr
	id   uint64
}

const maxCalls = 4096

// homeOf is the key of the address under which a customer is known.
func homeOf(a netip.Addr) recent.Addr { return recent.AddrOf(customer.Home(a)) }

// wireReader knows which addresses the wire reads, so that it sees whether they answer our
// challenges.
type wireReader interface {
	Reads(a netip.Addr, s parsers.Service, at time.Time) bool
}

// Alarm is what the admin must know, for the judge to report. Kind is home, guessed or
// breaker; Reason is one line for people, with all foreign text escaped.
type Alarm struct {
	Kind   string
	Addr   netip.Addr
	Reason string
}

// New makes Homes without any home. wire knows which failures cannot be forged.
func New(wire wireReader) *Homes {
	return &Homes{
		wire: wire, seed: maphash.MakeSeed(),
		table: newHomeTable(), tries: recent.Map[uint64, tries]{Max: maxTries}, guessed: map[homeKey]*Guessed{}, changedAlarms: alarmChanges{}, moments: moments{},
		reports: recent.Map[recent.Addr, *report]{Max: maxReports}, breaker: newBreaker(), wrong: newWrongNames(),
		calls: recent.Map[call, bool]{Max: maxCalls}, noticed: recent.Map[recent.Addr, int64]{Max: maxCalls},
	}
}

// SetLimit sets how many tries are remembered at most, where memory is small. Set before use.
func (hs *Homes) SetLimit(n int) { hs.tries.Max = min(max(n/4, 1), maxTries) }

// live reports whether a log-in protects still.
func (hs *Homes) live(last, now time.Time) bool {
	return hs.ProtectLogins == book.Forever || now.Sub(last) <= hs.ProtectLogins
}

// Welcome makes the account of a log-in at home at its address, and reports whether it did.
// If the password may be guessed it does not, and calls alarm.
func (hs *Homes) Welcome(e *parsers.Event, now time.Time, alarm func(Alarm)) bool {
	f := witness.FamilyOf(e.Service)
	if f == witness.NoFamily {
		return false
	}
	account := AccountName(e.Account.Raw())
	a := customer.Home(e.Addr)
	row := hs.table.find(hs.table.site(a), f, account)
	if row != nil && !hs.live(row.Last, now) {
		hs.table.remove(row)
		row = nil
	}
	if row == nil && hs.mayBeGuessed(e, a, account, now, alarm) {
		return false
	}
	h := Home{Addr: a, Latest: e.Addr, Service: e.Service, Witness: e.Channel, First: now.UTC(), Last: now.UTC(), Times: 1}
	if row == nil {
		h.Account = hs.table.nameOf(account)
	} else if h.Account = row.Account; now.Sub(row.Last) < retoldWithin {
		h.Times = 0 // the same log-in, reported by another witness
	}
	row = hs.table.putIn(row, h)
	if now.Sub(row.saved) >= homeSaved {
		hs.table.change(row)
	}
	row.failing, row.failed = 0, 0
	if !e.Service.Foreign() {
		hs.breaker.fine(row.site, now)
		hs.weighBreaker(e.Addr, now, alarm)
	}
	return true
}

// retoldWithin is how far apart two witnesses may report one log-in.
const retoldWithin = 2 * time.Second

// residents are the accounts at home at an address at a time.
func (hs *Homes) residents(a netip.Addr, now time.Time) []*homeRow {
	return hs.table.accounts(customer.Home(a), func(r *homeRow) bool { return hs.live(r.Last, now) })
}

// LogsIn reports whether any account is at home at an address.
func (hs *Homes) LogsIn(a netip.Addr, now time.Time) bool {
	return slices.ContainsFunc(hs.table.at(customer.Home(a)), func(r *homeRow) bool { return hs.live(r.Last, now) })
}

// Knows reports whether an offence is of an account that is at home, or registered, at its
// address.
func (hs *Homes) Knows(e *parsers.Event, now time.Time) bool {
	return hs.resident(e, now) != nil || e.Refused() && hs.registered.has(e, now)
}

// resident finds the account of an offence, if it is at home at its address.
func (hs *Homes) resident(e *parsers.Event, now time.Time) *homeRow {
	if !e.Refused() {
		return nil
	}
	return hs.rowOf(e, now)
}

// rowOf finds the account of an event, if it is at home at its address.
func (hs *Homes) rowOf(e *parsers.Event, now time.Time) *homeRow {
	f := witness.FamilyOf(e.Service)
	if f == witness.NoFamily || !e.Addr.IsValid() {
		return nil
	}
	s := hs.table.site(customer.Home(e.Addr))
	if s == nil {
		return nil
	}
	account := AccountName(e.Account.Raw())
	if len(account) == 0 {
		return nil
	}
	row := hs.table.find(s, f, account)
	if row == nil || hs.live(row.Last, now) {
		return row
	}
	if _, grace := hs.Pardoned(e.Addr, now); grace {
		return row
	}
	return nil
}

// Excuse reports whether an offence leads to no ban because its account is at home at its
// address: it is reported instead. While the breaker holds, no failure leads to one.
func (hs *Homes) Excuse(log uint16, e *parsers.Event, now time.Time, alarm func(Alarm)) bool {
	if row := hs.resident(e, now); row != nil {
		if e.Channel == parsers.ChannelNotice {
			hs.noticed.Put(recent.AddrOf(row.Addr), now.UnixMilli())
		}
		hs.reportFailure(log, e, row, now, alarm)
		if hs.Provable(e, now) {
			row.fail(now)
			hs.breaker.fails(row)
			hs.weighBreaker(e.Addr, now, alarm)
		}
		return true
	}
	if !e.Refused() {
		return false
	}
	if hs.registered.has(e, now) {
		hs.addReport(&hs.reports, log, e, string(AccountName(e.Account.Raw())), now, alarm)
		return true
	}
	if hs.namedElsewhere(e, now) || hs.repeatsWrongName(log, e, now, alarm) {
		return true
	}
	hs.try(log, e, now)
	return hs.breaker.holds()
}

// ExcuseForeign is Excuse for an offence of another program than Asterisk. Whatever an account
// does where it is at home is reported: it may leave without a log-in, or offer too many keys. The
// breaker is about Asterisk alone.
func (hs *Homes) ExcuseForeign(log uint16, e *parsers.Event, now time.Time, alarm func(Alarm)) bool {
	if row := hs.rowOf(e, now); row != nil {
		hs.reportFailure(log, e, row, now, alarm)
		return true
	}
	if e.Refused() {
		hs.try(log, e, now)
	}
	return false
}

// Phones is how many accounts of phones are at home at an address.
func (hs *Homes) Phones(a netip.Addr, now time.Time) (n int) {
	for _, r := range hs.table.at(customer.Home(a)) {
		if r.family.OfPhones() && hs.live(r.Last, now) {
			n++
		}
	}
	return n
}

// LinkCall notes the call of an account at home that a security event reports: its notice
// has the name that the caller claims, and that may be another name.
func (hs *Homes) LinkCall(e *parsers.Event, now time.Time) {
	if e.Channel == parsers.ChannelSecurity && !e.Session.Empty() && hs.resident(e, now) != nil {
		hs.calls.Put(hs.callOf(e), true)
	}
}

func (hs *Homes) callOf(e *parsers.Event) call {
	id := e.Session.Raw()
	return call{homeOf(e.Addr), maphash.Bytes(hs.seed, id[:min(len(id), maxAccountName)])}
}

// namedElsewhere reports whether another record says better whose failure this is. A notice
// of PJSIP has the name that the caller writes, the security event of its call that of the
// account. Where Asterisk does not know the account, it is the notice alone that has a
// name: it is counted by that.
func (hs *Homes) namedElsewhere(e *parsers.Event, now time.Time) bool {
	if e.Service != parsers.PJSIP || !e.Addr.IsValid() || !hs.LogsIn(e.Addr, now) {
		return false
	}
	a := homeOf(e.Addr)
	switch e.Channel {
	case parsers.ChannelNotice:
		hs.noticed.Put(a, now.UnixMilli())
		linked, _ := hs.calls.Get(hs.callOf(e))
		return linked && !e.Session.Empty()
	case parsers.ChannelSecurity:
		last, ok := hs.noticed.Get(a)
		return ok && len(AccountName(e.Account.Raw())) == 0 && (time.Duration(now.UnixMilli()-last)*time.Millisecond).Abs() < time.Hour
	}
	return false
}

// Provable reports whether a failure is known to be no forged packet: the wire saw an
// answer to our challenge.
func (hs *Homes) Provable(e *parsers.Event, now time.Time) bool {
	return e.Evidence == parsers.Proven || !hs.wire.Reads(e.Addr, e.Service, now)
}

// Protects says for people who logged in from an address, or from one of a network, when
// that protects it still.
func (hs *Homes) Protects(p netip.Prefix, now time.Time) (why string, ok bool) {
	if p.IsSingleIP() {
		rows := hs.residents(p.Addr(), now)
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
	if p.Addr().Is6() && p.Bits() == customer.DefaultBits { // called often, during floods
		rows := hs.residents(p.Addr(), now)
		if len(rows) == 0 {
			return "", false
		}
	}
	for _, s := range hs.table.sites.All {
		for _, r := range s.rows {
			if (p.Contains(s.addr) || p.Contains(r.Latest)) && hs.live(r.Last, now) {
				return fmt.Sprintf("%s logged in with a password %s before", r.Latest, agoWords(r.Last, now)), true
			}
		}
	}
	return "", false
}

// AtHome names the accounts at home at an address, or in a network; "" is none.
func (hs *Homes) AtHome(p netip.Prefix, now time.Time) string {
	why, _ := hs.Protects(p, now)
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

// Homes lists all homes, in no order, for the ledger.
func (hs *Homes) Homes() (list []Home) {
	for row := range hs.table.rows.all {
		list = append(list, row.Home)
	}
	return list
}

// LoadHomes takes over what a ledger, or Asterisk itself, knows of log-ins before. It
// leaves out log-ins that no longer protect an address, and those whose password may be
// guessed.
func (hs *Homes) LoadHomes(homes []Home, now time.Time) {
	for _, h := range homes {
		h.Addr, h.Account = customer.Home(h.Addr), string(AccountName([]byte(h.Account)))
		if witness.FamilyOf(h.Service) == witness.NoFamily || !parsers.Bannable(h.Addr) || !hs.live(h.Last, now) {
			continue
		}
		if hs.guessed[homeKey{recent.AddrOf(h.Addr), witness.FamilyOf(h.Service), h.Account}] != nil {
			continue
		}
		if !h.Latest.IsValid() {
			h.Latest = h.Addr
		}
		row := hs.table.put(h)
		row.saved = h.Last
	}
}

// LearnHomes is LoadHomes for what no ledger knows yet.
func (hs *Homes) LearnHomes(homes []Home, now time.Time) {
	for _, h := range homes {
		hs.LoadHomes([]Home{h}, now)
		h.Addr, h.Account = customer.Home(h.Addr), string(AccountName([]byte(h.Account)))
		if row := hs.table.row(h); row != nil {
			hs.table.change(row)
		}
	}
}

// UnsavedHomes returns at most so many homes that the ledger does not know as they are
// now. HomesSaved says that it does.
func (hs *Homes) UnsavedHomes(most int) []Home { return hs.table.unsaved(most) }

// HomesSaved notes that the ledger knows homes. One that has changed since stays unsaved.
func (hs *Homes) HomesSaved(homes []Home) { hs.table.savedAs(homes) }
