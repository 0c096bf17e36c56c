package jails

import (
	"fmt"
	"net/netip"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/jails/customer"
	"pbxjail/jails/home"
	"pbxjail/jails/tally"
	"pbxjail/parsers"
)

// Account is all that the judge knows of one address.
type Account struct {
	Banned    *book.Ban
	Protected string         // why no jail bans it; "" when one may
	Spared    *Spared        // the last verdict that a protection stopped; nil: none is known. The warden fills it in
	LoggedIn  string         // the accounts at home there, and their last log-in
	Guessed   []home.Guessed // alarms about it that no one has seen yet
	Consulted []string       // the protections that were checked
	Place     book.Place
	Feeds     []string    // that list it and have a factor, with the factor
	Strike    book.Strike // its last expired ban; Count 0: none
	Jails     []Standing
}

// Spared is a verdict that led to no ban, because the address is protected.
type Spared struct {
	Ban book.Ban // as it would have been, with its lines
	Why string   // the protection
	At  time.Time
}

// Standing is what one jail has counted for an address.
type Standing struct {
	Jail *configs.Jail
	Sum  book.Reckoning // of findtime
	Slow book.Reckoning // of the long window; Maxretry 0: there is none
	// Customer is what all addresses of its IPv6 customer did within findtime; Members 0:
	// there is no such customer, or only this address did something.
	Customer book.Reckoning
	Lines    []book.Line   // oldest first, the last MaxLines of those that are remembered
	Next     time.Duration // how long a ban would last now; Forever: without end
}

// Why returns all that is known of an address at now.
func (j *Judge) Why(a netip.Addr, now time.Time) Account {
	p := netip.PrefixFrom(a, a.BitLen())
	out := Account{Place: *j.where(a), Consulted: j.consulted()}
	if b, ok := j.book.Holding(a, now); ok {
		out.Banned = new(*b)
	}
	out.Protected, _ = j.guard.Protects(p)
	out.LoggedIn, _ = j.Home.Protects(p, now)
	for _, g := range j.Home.Guessed() {
		if customer.Home(g.Addr) == customer.Home(a) {
			out.Guessed = append(out.Guessed, g)
		}
	}
	out.Strike, _ = j.book.History(p)
	if f := j.senses.Feeds; f != nil {
		f.Listed(customer.Scored(a), func(feed string, by int32) bool {
			out.Feeds = append(out.Feeds, book.Factor{Name: feed, By: by}.String())
			return len(out.Feeds) < maxFactors
		})
	}
	for _, jail := range j.jails {
		t := j.table.Find(tally.KeyOf(a, jail.memory.id), jail.span, now.UnixMilli())
		others := j.customerStanding(jail, a, t, now)
		if t == nil && others.Members > 0 {
			t = &tally.Tally{} // only other addresses of the same customer did something
		}
		if t != nil {
			s := j.standing(jail, t, p, now)
			s.Customer = others
			out.Jails = append(out.Jails, s)
		}
	}
	return out
}

// customerStanding adds up what a jail counted for the customer of an address. It returns
// the zero Reckoning when own, the tally of the address, has the same.
func (j *Judge) customerStanding(jail *Jail, a netip.Addr, own *tally.Tally, now time.Time) book.Reckoning {
	p, ok := customer.Of(a, j.customers.bits)
	if !ok {
		return book.Reckoning{}
	}
	at := now.UnixMilli()
	t := j.customers.Find(tally.KeyOf(p.Addr(), jail.memory.id), jail.span, at)
	if t == nil {
		return book.Reckoning{}
	}
	l := j.leniency(a, t.Last().Service, now)
	r := ruling{t.Strongest(at, jail.span.Find, max(jail.least, l.least), false), l.limit(parsers.Points(jail.Maxretry)), jail.Findtime, l}
	n := len(members(t, r))
	if own != nil && n <= 1 {
		return book.Reckoning{}
	}
	sum, _ := jail.reckon(t, r)
	sum.Members, sum.Customer = n, p.Bits()
	return sum
}

// standing adds up what a jail counted for an address.
func (j *Judge) standing(jail *Jail, t *tally.Tally, p netip.Prefix, now time.Time) Standing {
	at := now.UnixMilli()
	l := j.leniency(p.Addr(), t.Last().Service, now)
	least := max(jail.least, l.least)
	short := ruling{t.Strongest(at, jail.span.Find, least, false), l.limit(parsers.Points(jail.Maxretry)), jail.Findtime, l}
	s := Standing{Jail: jail.Jail}
	s.Sum, _ = jail.reckon(t, short)
	if jail.span.Slow > 0 {
		long := ruling{t.Strongest(at, jail.span.Slow, least, true), l.limit(parsers.Points(jail.Slow.Maxretry)), jail.Slow.Findtime, l}
		s.Slow, _ = jail.reckon(t, long)
	}
	for i := max(0, len(t.Hits)-book.MaxLines); i < len(t.Hits); i++ {
		h := &t.Hits[i]
		line, ok := jail.memory.lines.Get(h.Line)
		if !ok {
			continue
		}
		if short.Counts(h) {
			line.Counts = h.Points
		}
		s.Lines = append(s.Lines, line)
	}
	s.Next = jail.BanLength(j.book.NextStrike(p, jail.Growth, now), jail.known(t, short, at))
	return s
}

// consulted names the protections that are checked before a ban.
func (j *Judge) consulted() []string {
	list := j.guard.consulted()
	if j.Home.ProtectLogins == book.Forever {
		return append(list, "addresses where an account logged in")
	}
	return append(list, "addresses where an account logged in within "+show.Duration(j.Home.ProtectLogins))
}

// consulted counts the protections of a guard by their source.
func (g *Guard) consulted() []string {
	own, ignored, others := 0, 0, 0
	for _, p := range g.protections {
		switch p.group {
		case ownAddress:
			own++
		case ignoredAddress:
			ignored++
		default:
			others++
		}
	}
	return []string{
		fmt.Sprintf("the %d addresses of this machine", own), fmt.Sprintf("ignoreip (entries: %d)", ignored),
		fmt.Sprintf("gateway, name servers, jailctl allow, trunks and peers of Asterisk (together %d)", others),
	}
}
