package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"pbxjail/jails/book"
)

// Bounds of the texts in a row, in bytes. What is longer is cut.
const (
	maxName   = 256 // a jail, a rule, who did it
	maxReason = 1024
	maxPath   = 4096
)

// sweepEvery is how many bans are recorded between two looks at the limits.
const sweepEvery = 1000

const (
	putBan = `INSERT INTO bans (prefix, jail, since, until, strike, evidence, who, reason, sum, most, ports, observed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (prefix, jail, since) `
	// Most bans are new, and this takes half the time of the other.
	newBan = putBan + `DO NOTHING`
	// A ban that was ended stays ended, even when a late change of it arrives.
	changeBan = putBan + `DO UPDATE SET until = excluded.until, strike = excluded.strike,
			evidence = excluded.evidence, who = excluded.who, reason = excluded.reason,
			sum = coalesce(excluded.sum, sum), most = excluded.most, ports = excluded.ports
		WHERE ended_by IS NULL
		RETURNING id`
	// An observed ban does not end an enforced one.
	endOlder = `UPDATE bans SET until = max(since, ?1), ended_by = 'a newer ban'
		WHERE prefix = ?2 AND id <> ?3 AND since <= ?1 AND until > ?1 AND ended_by IS NULL
		AND observed >= ?4`
	dropLines = `DELETE FROM lines WHERE ban = ?`
	putLine   = `INSERT INTO lines (ban, n, time, rule, points, file, text, base, counts, factors, evidence, witness, packets, kind, service, account, number)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// What is not filed for long, because the history cannot be written, is given up.
	dropUnfiled = `DELETE FROM unfiled WHERE n <= (SELECT max(n) FROM unfiled) - ?`
	putClosed   = `INSERT INTO closed VALUES (?, ?) ON CONFLICT (ports) DO UPDATE SET until = max(until, excluded.until)`
	// Bans that are over are marked too: their strikes are forgotten, and a clock
	// that is set back does not bring them to life.
	liftBan = `UPDATE bans SET until = min(until, max(since, ?1)), ended_by = ?2
		WHERE prefix = ?3 AND ended_by IS NULL`
)

// Record writes new or changed bans, all or none. A ban is identified by Prefix, Jail and
// Since: a record with the same three changes it, and keeps its lines if it has none. A
// prefix has one ban at a time, as in book.Book: a new one ends the older, of any jail; one
// that began later stays. A ban that was lifted stays lifted.
func (s *Store) Record(bans []book.Ban) error {
	if len(bans) == 0 {
		return nil
	}
	return s.write("write bans to", func(tx *sql.Tx) error {
		w, err := newBanWriter(tx)
		if err != nil {
			return err
		}
		for _, ban := range bans {
			if err := w.put(ban); err != nil {
				return fmt.Errorf("ban of %s: %w", ban.Prefix, err)
			}
		}
		if err := w.putClosed(tx); err != nil {
			return err
		}
		return s.bound(tx, w.newest, w.latest, len(bans))
	})
}

// banWriter holds the statements of one Record.
type banWriter struct {
	new, change, older, drop, line *sql.Stmt

	newest int64            // the largest id written
	latest int64            // the latest since written
	closed map[string]int64 // the ports of the bans written, and the latest until
}

func newBanWriter(tx *sql.Tx) (*banWriter, error) {
	w := &banWriter{closed: map[string]int64{}}
	var err error
	for text, stmt := range map[string]**sql.Stmt{
		newBan: &w.new, changeBan: &w.change, endOlder: &w.older, dropLines: &w.drop, putLine: &w.line,
	} {
		if *stmt, err = tx.Prepare(text); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *banWriter) put(ban book.Ban) error {
	prefix, err := canonical(ban.Prefix)
	if err != nil {
		return err
	}
	jail, since := cut(ban.Jail, maxName), nanos(ban.Since)
	sum, err := written(ban.Sum, ban.Sum != nil)
	if err != nil {
		return err
	}
	id, fresh, err := w.row(prefix, jail, since, untilNanos(ban.Until), ban.Strike, wordOf(ban.Evidence),
		cut(ban.By, maxName), cut(ban.Reason, maxReason), sum, int64(ban.Most), ban.Ports.String(), ban.Observed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	w.newest, w.latest = max(w.newest, id), max(w.latest, since)
	if to := ban.Ports.String(); ban.Until.IsZero() || ban.Until.After(ban.Since) {
		w.closed[to] = max(w.closed[to], untilNanos(ban.Until))
	}
	if !ban.Until.Equal(ban.Since) { // what was only observed ends nothing
		if _, err := w.older.Exec(since, prefix, id, ban.Observed); err != nil {
			return err
		}
	}
	if !fresh && len(ban.Lines) > 0 {
		if _, err := w.drop.Exec(id); err != nil {
			return err
		}
	}
	return w.putLines(id, ban.Lines)
}

// row writes the columns of a ban. fresh: there was no such ban. An ErrNoRows means that the
// ban was lifted, and stays so.
func (w *banWriter) row(columns ...any) (id int64, fresh bool, err error) {
	result, err := w.new.Exec(columns...)
	if err != nil {
		return 0, false, err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, false, err
	}
	if n > 0 {
		id, err = result.LastInsertId()
		return id, true, err
	}
	err = w.change.QueryRow(columns...).Scan(&id)
	return id, false, err
}

func (w *banWriter) putClosed(tx *sql.Tx) error {
	for to, until := range w.closed {
		if _, err := tx.Exec(putClosed, to, until); err != nil {
			return err
		}
	}
	return nil
}

func (w *banWriter) putLines(id int64, lines []book.Line) error {
	lines = lines[max(0, len(lines)-book.MaxLines):]
	for n, line := range lines {
		text := line.Text.Raw()
		text = text[:min(len(text), book.MaxLineText)]
		if text == nil {
			text = []byte{} // nil would be NULL
		}
		factors, err := written(line.Factors, len(line.Factors) > 0)
		if err != nil {
			return err
		}
		_, err = w.line.Exec(id, n, nanos(line.Time), cut(line.Rule, maxName), line.Points, cut(line.File, maxPath), text, line.Base, line.Counts, factors, wordOf(line.Evidence), line.Witness, line.Packets,
			line.Kind.String(), line.Service.String(), line.Account.Raw(), line.Number.Raw())
		if err != nil {
			return err
		}
	}
	return nil
}

// bound keeps the limits, as part of the write that would exceed them, because between two
// Trims an attacker can cause any number of bans. Lines take most of the space and are
// removed first. Bans that still run are never dropped; the clock is the latest ban's. Ids
// grow, so their distance bounds the number of rows.
func (s *Store) bound(tx *sql.Tx, newest, latest int64, written int) error {
	if newest/sweepEvery == (newest-int64(written))/sweepEvery {
		return nil
	}
	if _, err := tx.Exec(`DELETE FROM lines WHERE ban <= ?`, newest-s.limits.withLines); err != nil {
		return err
	}
	if _, err := tx.Exec(dropUnfiled, s.limits.unfiled); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM bans WHERE id <= ? AND until <= ?`, newest-s.limits.bans, latest)
	return err
}

// Lift ends the bans of exactly these prefixes at a time, forgets their strikes,
// and writes to each ban who did it. A prefix without a ban is no error.
func (s *Store) Lift(prefixes []netip.Prefix, by string, at time.Time) error {
	if len(prefixes) == 0 {
		return nil
	}
	by = cut(by, maxName)
	return s.write("remove bans from", func(tx *sql.Tx) error {
		lift, err := tx.Prepare(liftBan)
		if err != nil {
			return err
		}
		for _, p := range prefixes {
			prefix, err := canonical(p)
			if err != nil {
				return err
			}
			if _, err := lift.Exec(nanos(at), by, prefix); err != nil {
				return fmt.Errorf("ban of %s: %w", p, err)
			}
		}
		return nil
	})
}
