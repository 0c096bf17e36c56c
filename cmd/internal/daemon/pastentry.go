package daemon

import (
	"net/netip"
	"slices"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/calls"
	"pbxjail/jails/history"
	"pbxjail/jails/home"
	"pbxjail/jails/store"
	"pbxjail/parsers"
)

// entryOf is a ban of the ledger as an entry of the history.
func (p *past) entryOf(e *store.Ended) history.Entry {
	b := &e.Ban
	entry := history.Entry{
		What: history.Ban, Prefix: b.Prefix, Jail: b.Jail, Evidence: b.Evidence.String(), Strike: b.Strike, Since: b.Since, Until: b.Until,
		By: b.By, Ended: e.By, Attempts: len(b.Lines),
	}
	if b.Observed || b.By == "observe" {
		entry.What = history.Observed
	}
	var place book.Place
	if b.Sum != nil {
		place = b.Sum.Place
		entry.Score, entry.Attempts = int64(b.Sum.Score), entry.Attempts+b.Sum.Earlier
	}
	if place == (book.Place{}) {
		place = p.places.Place(b.Prefix.Addr())
	}
	entry.Country, entry.ASN = place.Country, place.ASN
	tellTried(&entry, b.Lines)
	return entry
}

// tellTried adds what the lines of a ban tell: what was tried most, and the names.
func tellTried(entry *history.Entry, lines []book.Line) {
	kinds, services := map[string]int{}, map[string]int{}
	for i := range lines {
		l := &lines[i]
		if l.Kind == parsers.KindNone {
			readOld(l)
		}
		kinds[l.Kind.String()]++
		services[l.Service.String()]++
		entry.Accounts = addName(entry.Accounts, l.Account)
		entry.Numbers = addName(entry.Numbers, l.Number)
	}
	entry.Kind, entry.Service = most(kinds), most(services)
}

// most is the word that is counted most; of equal ones the first in the alphabet.
func most(words map[string]int) (best string) {
	for word, n := range words {
		if m := words[best]; word != "" && (n > m || n == m && word < best || best == "") {
			best = word
		}
	}
	return best
}

func addName(list []string, name parsers.Text) []string {
	if text := string(name.Raw()); text != "" && !slices.Contains(list, text) {
		list = append(list, text)
	}
	return list
}

// readOld reads again a line of an older release, which did not keep what was tried.
func readOld(l *book.Line) {
	if l.Witness == parsers.ChannelWire.String() {
		return // the sensor wrote it, for people
	}
	p := parsers.New(parsers.Clock{})
	tell := func(e *parsers.Event) {
		if e.Rule == l.Rule || l.Kind == parsers.KindNone {
			l.Kind, l.Service = e.Kind, e.Service
			l.Account, l.Number = parsers.TextOf(home.AccountName(e.Account.Clone().Raw())), e.Number.Clone()
		}
	}
	p.Block(append(l.Text.Raw(), '\n'), false, time.Time{}, tell)
	p.Settle(time.Time{}, tell)
}

// stolenEntries are an account that made calls like a thief, and that it was barred, as entries
// of the history. They have the address of its last log-in, if there is one.
func (p *past) stolenEntries(c *calls.Case) (list []history.Entry) {
	e := history.Entry{
		What: history.Stolen, Jail: "calls", Country: c.Country, Kind: c.Kind, Since: c.At, Until: c.At, By: "log", Attempts: c.Calls,
		Accounts: []string{c.Account}, Numbers: c.Numbers,
	}
	list = append(list, e)
	if !c.Barred.IsZero() {
		e.What, e.Since, e.Until = history.Barred, c.Barred, c.Barred
		list = append(list, e)
	}
	return list
}

// alarmEntry is an alarm about a password as an entry of the history.
func (p *past) alarmEntry(g *home.Guessed) history.Entry {
	place := p.places.Place(g.Addr)
	return history.Entry{
		What: history.Guessed, Prefix: netip.PrefixFrom(g.Addr, g.Addr.BitLen()), Since: g.At, Until: g.At, Country: place.Country, ASN: place.ASN,
		Service: g.Service.String(), Attempts: g.Guesses, By: "log", Accounts: []string{g.Account},
	}
}
