package store

import (
	"database/sql"
	"time"

	"pbxjail/jails/book"
)

// Keep is how long each kind of entry is kept; book.Forever keeps it.
type Keep struct {
	Bans      time.Duration // after their end
	Lines     time.Duration // after the end of their ban
	LogIns    time.Duration // after the last one; and countries that an account called, after the last call there
	Audit     time.Duration
	Addresses time.Duration // bans go this long after their end: the history has them, without their addresses
}

// countedFor is how long counts of a day are kept: the limits of calls look at one day.
const countedFor = 24 * time.Hour

// trimStep is how many rows one transaction of Trim deletes, so that a Record can run in
// between.
const trimStep = 1000

const (
	trimBans   = `DELETE FROM bans WHERE id IN (SELECT id FROM bans WHERE until < ? LIMIT ?)`
	trimLines  = `DELETE FROM lines WHERE (ban, n) IN (SELECT ban, n FROM bans JOIN lines ON ban = bans.id WHERE until < ? LIMIT ?)`
	trimHomes  = `DELETE FROM homes WHERE (addr, account, service) IN (SELECT addr, account, service FROM homes WHERE last < ? LIMIT ?)`
	trimClosed = `DELETE FROM closed WHERE ports IN (SELECT ports FROM closed WHERE until < ? LIMIT ?)`
	trimMoment = `DELETE FROM moments WHERE (kind, prefix) IN (SELECT kind, prefix FROM moments WHERE until < ? LIMIT ?)`
	trimCalled = `DELETE FROM called WHERE (account, country) IN (SELECT account, country FROM called WHERE last < ? LIMIT ?)`
	trimCounts = `DELETE FROM counted WHERE account IN (SELECT account FROM counted WHERE at < ? LIMIT ?)`
	trimAudit  = `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? LIMIT ?)`
)

// Trim removes what is older than it is kept, and moments that no longer matter. Bans that run
// stay. Strikes are read from bans:
// keep those no shorter than the longest forgive_after.
func (s *Store) Trim(now time.Time, keep Keep) error {
	for _, part := range []struct {
		text string
		keep time.Duration
	}{{trimBans, keep.Bans}, {trimClosed, keep.Bans}, {trimBans, keep.Addresses}, {trimLines, keep.Lines}, {trimHomes, keep.LogIns}, {trimCalled, keep.LogIns}, {trimCounts, countedFor}, {trimAudit, keep.Audit}, {trimMoment, book.MomentKept}} {
		if part.keep == book.Forever {
			continue
		}
		if err := s.trim(part.text, nanos(now.Add(-part.keep))); err != nil {
			return err
		}
	}
	if keep.Addresses == book.Forever {
		return nil
	}
	return s.shortenAudit(now.Add(-keep.Addresses))
}

func (s *Store) trim(text string, before int64) error {
	for deleted := int64(trimStep); deleted == trimStep; {
		err := s.write("remove old history from", func(tx *sql.Tx) error {
			result, err := tx.Exec(text, before, trimStep)
			if err == nil {
				deleted, err = result.RowsAffected()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// shortenAudit writes the networks in place of the addresses in commands from before a time.
func (s *Store) shortenAudit(before time.Time) error {
	return s.write("shorten addresses in", func(tx *sql.Tx) error {
		return each(tx, 4, func(row []any) func() error {
			what, ssh, refused := textOf(row[1]), textOf(row[2]), textOf(row[3])
			shortWhat, shortRefused := shortened(what), shortened(refused)
			if shortWhat == what && shortRefused == refused && ssh == "" {
				return nil
			}
			return func() error {
				return run(tx, "UPDATE audit SET what = ?, ssh = NULL, refused = ? WHERE id = ?", shortWhat, shortRefused, row[0])
			}
		}, "SELECT id, what, ssh, refused FROM audit WHERE at < ?", nanos(before))
	})
}

// Size is how many bytes the ledger takes, without free pages.
func (s *Store) Size() (bytes int64, err error) {
	var pages, free, page int64
	for question, answer := range map[string]*int64{"PRAGMA page_count": &pages, "PRAGMA freelist_count": &free, "PRAGMA page_size": &page} {
		if err := s.handle().QueryRow(question).Scan(answer); err != nil {
			return 0, s.explain("measure", err)
		}
	}
	return (pages - free) * page, nil
}
