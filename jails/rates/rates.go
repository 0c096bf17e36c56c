// Package rates counts the most active jails, countries, accounts and addresses: the
// offences of each in the last minute and in the last ten. A Judge counts, jailctl top
// shows it. Its memory is fixed, however many keys an attacker makes up, and a flood of
// keys does not push out a really active one (Space-Saving, see summary). It must never
// decide anything.
package rates

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"pbxjail/parsers"
)

// Rates counts what happens by kind of key, within fixed memory however many keys
// an attacker makes up. Make one with New. Not safe for concurrent use.
type Rates struct {
	jails     keys[string]
	countries keys[string]
	accounts  keys[account]
	addresses keys[[16]byte]
}

// New makes a Rates that keeps at most so many keys of each kind, in each slice of
// time, and at least one. Memory is taken as slices are used.
func New(most int) *Rates {
	most = max(most, 1)
	return &Rates{
		jails: newKeys(most, strings.Compare), countries: newKeys(most, strings.Compare),
		accounts:  newKeys(most, func(a, b account) int { return bytes.Compare(a.text[:a.len], b.text[:b.len]) }),
		addresses: newKeys(most, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }),
	}
}

// Sample is one offence that a jail counted. What is empty counts nowhere.
type Sample struct {
	Jail    string
	Country string       // ISO 3166 code
	Account parsers.Text // copied as far as it is kept: 64 bytes
	Addr    netip.Addr   // unmapped, without a zone
	Points  parsers.Points
}

// Count counts a sample that came at now. One that comes more than a minute late is
// left out. A key that is known costs no allocation.
func (r *Rates) Count(s Sample, now time.Time) {
	at := now.UnixNano()
	if s.Jail != "" {
		r.jails.count(s.Jail, s.Points, at)
	}
	if s.Country != "" {
		r.countries.count(s.Country, s.Points, at)
	}
	if !s.Account.Empty() {
		r.accounts.count(accountOf(s.Account), s.Points, at)
	}
	if s.Addr.IsValid() {
		r.addresses.count(s.Addr.As16(), s.Points, at)
	}
}

// Tops are the most active keys of each kind, in order: first by the certain count of the
// last minute, then by that of the last ten.
type Tops struct {
	Jails     []Row[string]
	Countries []Row[string]
	Accounts  []Row[parsers.Text] // the first 64 bytes; a copy
	Addresses []Row[netip.Addr]
}

// Row is what one key did. Counts are never less than the truth: a key that came
// late may have been there before, unseen. Beyond their time they reach back by up
// to one slice, 5 s for the minute and a minute for the ten.
type Row[K any] struct {
	Key        K
	LastMinute uint64 // samples
	LastTen    uint64 // samples, in ten minutes
	Points     int64  // in ten minutes, in thousandths as parsers.Points: not more than the truth, and less by what went unseen
	Error      uint64 // by how many samples LastTen, and at most LastMinute, may be too high
}

// Top returns at most n keys of each kind. A key with more than 1/most of the
// samples of the last minute, or of the ten, is among those that are kept. What
// lies after now was counted by a clock that was wrong, and is forgotten.
func (r *Rates) Top(n int, now time.Time) Tops {
	at := now.UnixNano()
	same := func(name string) string { return name }
	return Tops{
		Jails:     rowsOf(r.jails.top(n, at), same),
		Countries: rowsOf(r.countries.top(n, at), same),
		Accounts:  rowsOf(r.accounts.top(n, at), account.clone),
		Addresses: rowsOf(r.addresses.top(n, at), func(a [16]byte) netip.Addr { return netip.AddrFrom16(a).Unmap() }),
	}
}

func rowsOf[K, Out any](from []ranked[K], show func(K) Out) []Row[Out] {
	rows := make([]Row[Out], len(from))
	for i, r := range from {
		rows[i] = Row[Out]{Key: show(r.Key), LastMinute: r.LastMinute, LastTen: r.LastTen, Points: r.Points, Error: r.Error}
	}
	return rows
}

// maxAccount is how many bytes of an account are kept: those that are longer and
// begin alike are one.
const maxAccount = 64

// account holds the text itself, so that nothing is left of the log's block and a
// new one needs no memory of its own.
type account struct {
	len  uint8
	text [maxAccount]byte
}

func accountOf(t parsers.Text) (a account) {
	a.len = uint8(copy(a.text[:], t.Raw()))
	return a
}

func (a account) clone() parsers.Text { return parsers.TextOf(bytes.Clone(a.text[:a.len])) }
