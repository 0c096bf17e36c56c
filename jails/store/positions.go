package store

import (
	"database/sql"
	"fmt"
	"time"
)

// keepPositions is how long the position of a file is kept after it was last saved: a log
// that was gone for a month is read as a new one.
const keepPositions = 30 * 24 * time.Hour

// Position is a place in a followed file, in the format of package watcher: store does not
// read it.
type Position struct {
	File  string
	Place []byte
}

// Positions returns the positions saved last, one per file, by name.
func (s *Store) Positions() (positions []Position, err error) {
	err = s.query("read positions of", func(row *sql.Rows) error {
		var p Position
		if err := row.Scan(&p.File, &p.Place); err != nil {
			return err
		}
		positions = append(positions, p)
		return nil
	}, `SELECT file, place FROM positions ORDER BY file`)
	return positions, err
}

// SavePositions remembers these positions, all or none, and leaves those of other files as
// they are. Each call waits for the disk: call it every few seconds, not for each block.
func (s *Store) SavePositions(positions []Position, now time.Time) error {
	if len(positions) == 0 {
		return nil
	}
	return s.write("write positions to", func(tx *sql.Tx) error {
		put, err := tx.Prepare(`REPLACE INTO positions (file, place, saved) VALUES (?, ?, ?)`)
		if err != nil {
			return err
		}
		for _, p := range positions {
			place := append([]byte{}, p.Place...) // nil would be NULL
			if _, err := put.Exec(p.File, place, nanos(now)); err != nil {
				return fmt.Errorf("position in %s: %w", p.File, err)
			}
		}
		return s.dropPositions(tx, now)
	})
}

func (s *Store) dropPositions(tx *sql.Tx, now time.Time) error {
	if _, err := tx.Exec(`DELETE FROM positions WHERE saved < ?`, nanos(now.Add(-keepPositions))); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM positions WHERE file IN
		(SELECT file FROM positions ORDER BY saved DESC LIMIT -1 OFFSET ?)`, s.limits.positions)
	return err
}
