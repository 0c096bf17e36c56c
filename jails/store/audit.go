package store

import (
	"database/sql"
	"time"

	"pbxjail/jails/book"
)

// Entry is one change an operator made.
type Entry struct {
	At   time.Time
	By   string // such as "uid 0 (root)"
	What string // such as "unban 203.0.113.9/32"
}

// Note saves a change that an operator made. Lift writes its own entry.
func (s *Store) Note(at time.Time, by, what string) error {
	return s.write("write commands of admins to", func(tx *sql.Tx) error { return s.note(tx, at, by, what) })
}

func (s *Store) note(tx *sql.Tx, at time.Time, by, what string) error {
	result, err := tx.Exec(`INSERT INTO audit (at, who, what) VALUES (?, ?, ?)`,
		nanos(at), cut(by, maxName), cut(what, maxReason))
	if err != nil {
		return err
	}
	newest, err := result.LastInsertId()
	if err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM audit WHERE id <= ?`, newest-s.limits.audit)
	return err
}

// Audit returns the last changes, newest first, at most limit.
func (s *Store) Audit(limit int) (entries []Entry, err error) {
	err = s.query("read commands of admins from", func(row *sql.Rows) error {
		var entry Entry
		var at int64
		err := row.Scan(&at, &entry.By, &entry.What)
		entry.At = timeOf(at)
		entries = append(entries, entry)
		return err
	}, `SELECT at, who, what FROM audit ORDER BY id DESC LIMIT ?`, limit)
	return entries, err
}

// trimStep is how many rows one transaction of Trim deletes, so that a Record can run in
// between.
const trimStep = 1000

// Trim removes bans that ended, audit entries and log-ins that are older than keep before
// now. Strikes are read from bans: keep should not be shorter than the longest
// forgive_after.
func (s *Store) Trim(now time.Time, keep time.Duration) error {
	if keep == book.Forever {
		return nil
	}
	before := nanos(now.Add(-keep))
	for _, step := range []string{
		`DELETE FROM bans WHERE id IN (SELECT id FROM bans WHERE until < ? LIMIT ?)`,
		`DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? LIMIT ?)`,
		`DELETE FROM homes WHERE (addr, account, service) IN (SELECT addr, account, service FROM homes WHERE last < ? LIMIT ?)`,
	} {
		for deleted := int64(trimStep); deleted == trimStep; {
			err := s.write("remove old history from", func(tx *sql.Tx) error {
				result, err := tx.Exec(step, before, trimStep)
				if err != nil {
					return err
				}
				deleted, err = result.RowsAffected()
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
