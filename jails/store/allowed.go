package store

import (
	"database/sql"
	"net/netip"
	"time"

	"pbxjail/jails/book"
)

// maxNote is how much of an operator's note is kept, in bytes.
const maxNote = 256

const (
	putAllowed  = `REPLACE INTO allowed (what, since, until, note, who) VALUES (?, ?, ?, ?, ?)`
	getAllowed  = `SELECT what, since, until, note, who FROM allowed WHERE until > ? ORDER BY since, what`
	dropAllowed = `DELETE FROM allowed WHERE what = ?`
	dropOver    = `DELETE FROM allowed WHERE until <= ?`
)

// Allow saves an address, network or name that an operator allows, and replaces an older
// entry of the same. Entries whose time is over are removed.
func (s *Store) Allow(a book.Allowed) error {
	return s.write("write allowed addresses to", func(tx *sql.Tx) error {
		if _, err := tx.Exec(dropOver, nanos(a.Since)); err != nil {
			return err
		}
		_, err := tx.Exec(putAllowed, a.What(), nanos(a.Since), untilNanos(a.Until), cut(a.Note, maxNote), cut(a.By, maxName))
		return err
	})
}

// Disallow removes an entry. It is no error if there is none.
func (s *Store) Disallow(what string) error {
	return s.write("remove allowed addresses from", func(tx *sql.Tx) error {
		_, err := tx.Exec(dropAllowed, what)
		return err
	})
}

// Allowed returns the entries of operators that are in force at now, the oldest first.
func (s *Store) Allowed(now time.Time) (list []book.Allowed, err error) {
	err = s.query("read allowed addresses from", func(row *sql.Rows) error {
		var a book.Allowed
		var what string
		var since, until int64
		if err := row.Scan(&what, &since, &until, &a.Note, &a.By); err != nil {
			return err
		}
		a.Since, a.Until = timeOf(since), untilOf(until)
		if addr, err := netip.ParseAddr(what); err == nil {
			a.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		} else if a.Prefix, err = netip.ParsePrefix(what); err != nil {
			a.Host = what
		}
		list = append(list, a)
		return nil
	}, getAllowed, nanos(now))
	return list, err
}
