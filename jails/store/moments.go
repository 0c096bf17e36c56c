package store

import (
	"database/sql"
	"fmt"
	"net/netip"
	"time"

	"pbxjail/jails/book"
)

const (
	putMoment   = `REPLACE INTO moments (kind, prefix, at, until, why) VALUES (?, ?, ?, ?, ?)`
	getMoments  = `SELECT kind, prefix, at, until, why FROM moments WHERE until > ? ORDER BY at`
	dropMoments = `DELETE FROM moments WHERE until <= ? OR at < (SELECT at FROM moments ORDER BY at DESC LIMIT 1 OFFSET ?)`
)

// SaveMoments writes moments in place of those of the same kind and prefix, all or none,
// and removes those that no longer matter at now.
func (s *Store) SaveMoments(list []book.Moment, now time.Time) error {
	return s.write("write unbans and admin addresses to", func(tx *sql.Tx) error {
		for _, m := range list {
			prefix, err := canonical(m.Prefix)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(putMoment, m.Kind, prefix, nanos(m.At), nanos(m.Until), cut(m.Why, maxNote)); err != nil {
				return fmt.Errorf("%s %s: %w", m.Kind, m.Prefix, err)
			}
		}
		_, err := tx.Exec(dropMoments, nanos(now.Add(-book.MomentKept)), s.limits.moments)
		return err
	})
}

// Moments returns those that still matter at now, the oldest first. A row that cannot be
// read is left out.
func (s *Store) Moments(now time.Time) (list []book.Moment, err error) {
	err = s.query("read unbans and admin addresses from", func(row *sql.Rows) error {
		var m book.Moment
		var text string
		var at, until int64
		if err := row.Scan(&m.Kind, &text, &at, &until, &m.Why); err != nil {
			return err
		}
		m.At, m.Until = timeOf(at), timeOf(until)
		if p, err := netip.ParsePrefix(text); err == nil {
			m.Prefix = p
			list = append(list, m)
		}
		return nil
	}, getMoments, nanos(now.Add(-book.MomentKept)))
	return list, err
}
