package store

import (
	"database/sql"
	"errors"

	"pbxjail/jails/book"
)

// Off returns whether pbxjail is switched off, since when, and who did it; the zero value
// means that it is on.
func (s *Store) Off() (off book.Off, err error) {
	var since, until int64
	err = s.handle().QueryRow(`SELECT since, until, who FROM off`).Scan(&since, &until, &off.By)
	if errors.Is(err, sql.ErrNoRows) {
		return book.Off{}, nil
	}
	off.Since, off.Until = timeOf(since), untilOf(until)
	return off, s.explain("read whether pbxjail is switched off from", err)
}

// SaveOff saves that pbxjail is switched off; the zero value saves that it is on.
func (s *Store) SaveOff(off book.Off) error {
	state := "switched off"
	if off.Since.IsZero() {
		state = "on"
	}
	return s.write("save that pbxjail is "+state+" in", func(tx *sql.Tx) error {
		if _, err := tx.Exec(`DELETE FROM off`); err != nil {
			return err
		}
		if off.Since.IsZero() {
			return nil
		}
		_, err := tx.Exec(`INSERT INTO off VALUES (1, ?, ?, ?)`, nanos(off.Since), untilNanos(off.Until), cut(off.By, maxName))
		return err
	})
}
