package store

import (
	"database/sql"
	"errors"
	"time"
)

// SaveCounts keeps what was counted and led to no ban yet, in the format of package jails:
// store does not read it. It replaces what was there.
func (s *Store) SaveCounts(data []byte, now time.Time) error {
	return s.write("write counts to", func(tx *sql.Tx) error {
		_, err := tx.Exec(`REPLACE INTO counts VALUES (1, ?, ?)`, nanos(now), append([]byte{}, data...)) // nil would be NULL
		return err
	})
}

// TakeCounts returns what SaveCounts kept, once: after a crash, counts would be there that
// a log-in or an unban has removed since. It returns nil when nothing is kept.
func (s *Store) TakeCounts() (data []byte, err error) {
	err = s.write("read counts from", func(tx *sql.Tx) error {
		switch err := tx.QueryRow(`SELECT data FROM counts`).Scan(&data); {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		_, err := tx.Exec(`DELETE FROM counts`)
		return err
	})
	return data, err
}
