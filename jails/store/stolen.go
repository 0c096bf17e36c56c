package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"pbxjail/jails/calls"
)

const (
	maxCalled = 100_000 // rows: accounts and countries
	maxStolen = 1024    // accounts at a critical limit
	// maxCounted bounds the accounts whose counts are kept. A configuration can have as many.
	maxCounted = 100_000

	putCalled = `INSERT INTO called (account, country, first, last) VALUES (?1, ?2, ?3, ?3)
ON CONFLICT (account, country) DO UPDATE SET last = max(last, excluded.last)`
	dropCalled  = `DELETE FROM called WHERE last < (SELECT last FROM called ORDER BY last DESC LIMIT 1 OFFSET ?)`
	putCounted  = `REPLACE INTO counted (account, at, data) VALUES (?, ?, ?)`
	dropCounted = `DELETE FROM counted WHERE at < (SELECT at FROM counted ORDER BY at DESC LIMIT 1 OFFSET ?)`
	putStolen   = `REPLACE INTO stolen (account, at, data, filed) VALUES (?, ?, ?, 0)`
	dropStolen  = `DELETE FROM stolen WHERE at < (SELECT at FROM stolen ORDER BY at DESC LIMIT 1 OFFSET ?)`
)

// SaveCalled writes which countries accounts have called, and when.
func (s *Store) SaveCalled(list []calls.Country) error {
	return s.write("write called countries to", func(tx *sql.Tx) error {
		for _, c := range list {
			if _, err := tx.Exec(putCalled, []byte(c.Account), c.Code, nanos(c.At)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(dropCalled, maxCalled)
		return err
	})
}

// Called returns which countries accounts have called, and since when they are learned. The
// first call of Called ever begins that.
func (s *Store) Called(now time.Time) (list []calls.Country, born time.Time, err error) {
	err = s.write("read called countries from", func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT OR IGNORE INTO marks VALUES ('calls', ?)`, nanos(now)); err != nil {
			return err
		}
		var at int64
		err := tx.QueryRow(`SELECT at FROM marks WHERE name = 'calls'`).Scan(&at)
		born = timeOf(at)
		return err
	})
	if err != nil {
		return nil, born, err
	}
	err = s.query("read called countries from", func(row *sql.Rows) error {
		var account []byte
		var c calls.Country
		var last int64
		err := row.Scan(&account, &c.Code, &last)
		c.Account, c.At = string(account), timeOf(last)
		list = append(list, c)
		return err
	}, `SELECT account, country, last FROM called`)
	return list, born, err
}

// SaveCounted writes what was counted of accounts, in place of what was there.
func (s *Store) SaveCounted(list []calls.Saved) error {
	return s.write("write counts of calls to", func(tx *sql.Tx) error {
		for _, c := range list {
			if _, err := tx.Exec(putCounted, []byte(c.Account), nanos(c.At), append([]byte{}, c.Data...)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(dropCounted, maxCounted)
		return err
	})
}

// Counted returns what was counted since a time, account by account.
func (s *Store) Counted(since time.Time) (list []calls.Saved, err error) {
	err = s.query("read counts of calls from", func(row *sql.Rows) error {
		var account []byte
		var c calls.Saved
		var at int64
		err := row.Scan(&account, &at, &c.Data)
		c.Account, c.At = string(account), timeOf(at)
		list = append(list, c)
		return err
	}, `SELECT account, at, data FROM counted WHERE at >= ? ORDER BY at DESC`, nanos(since))
	return list, err
}

// CallsOf is what is known of the calls of one account.
type CallsOf struct {
	Countries []calls.Country // with the last call
	Case      *calls.Case     // nil: it is at no critical limit
	Counted   time.Time       // when its counts of a day were saved; zero: there are none
}

// CallsOf returns what is known of the calls of an account.
func (s *Store) CallsOf(account string) (k CallsOf, err error) {
	err = s.query("read called countries from", func(row *sql.Rows) error {
		var last int64
		c := calls.Country{Account: account}
		err := row.Scan(&c.Code, &last)
		c.At = timeOf(last)
		k.Countries = append(k.Countries, c)
		return err
	}, `SELECT country, last FROM called WHERE account = ? ORDER BY country`, []byte(account))
	if err != nil {
		return k, err
	}
	err = s.query("read counts of calls from", func(row *sql.Rows) error {
		var at int64
		err := row.Scan(&at)
		k.Counted = timeOf(at)
		return err
	}, `SELECT at FROM counted WHERE account = ?`, []byte(account))
	if err != nil {
		return k, err
	}
	cases, err := s.Stolen(false)
	for i := range cases {
		if cases[i].Account == account {
			k.Case = &cases[i]
		}
	}
	return k, err
}

// SaveStolen writes the case of an account, in place of one before.
func (s *Store) SaveStolen(c *calls.Case) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return s.write("write an account at a critical limit to", func(tx *sql.Tx) error {
		if _, err := tx.Exec(putStolen, []byte(c.Account), nanos(c.At), data); err != nil {
			return err
		}
		_, err := tx.Exec(dropStolen, maxStolen)
		return err
	})
}

// DropStolen removes the case of an account. The history has it, if it was filed.
func (s *Store) DropStolen(account string) error {
	return s.write("remove an account at a critical limit from", func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM stolen WHERE account = ?`, []byte(account))
		return err
	})
}

// Stolen returns the accounts at a critical limit, oldest first; unfiled only those that the
// history does not have as they are.
func (s *Store) Stolen(unfiled bool) (list []calls.Case, err error) {
	text := `SELECT data FROM stolen ORDER BY at`
	if unfiled {
		text = `SELECT data FROM stolen WHERE filed = 0 ORDER BY at`
	}
	err = s.query("read accounts at a critical limit from", func(row *sql.Rows) error {
		var data []byte
		var c calls.Case
		if err := errors.Join(row.Scan(&data), json.Unmarshal(data, &c)); err != nil {
			return err
		}
		list = append(list, c)
		return nil
	}, text)
	return list, err
}

// FiledStolen notes that the history has these cases as they are. One that has changed since
// is unfiled.
func (s *Store) FiledStolen(list []calls.Case) error {
	return s.write("note what is filed in", func(tx *sql.Tx) error {
		for i := range list {
			data, err := json.Marshal(&list[i])
			if err != nil {
				return err
			}
			if _, err := tx.Exec(`UPDATE stolen SET filed = 1 WHERE account = ? AND data = ?`, []byte(list[i].Account), data); err != nil {
				return err
			}
		}
		return nil
	})
}

// eraseCalls removes what is known of the calls of an account. A case stays as long as it is
// open, with the account and the limit alone: Asterisk may refuse its calls.
func eraseCalls(tx *sql.Tx, t *Target, e *Erased, _ time.Time) error {
	if t.Account == "" {
		return nil
	}
	result, err := tx.Exec(`DELETE FROM called WHERE account = ?`, []byte(t.Account))
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	e.Countries += int(n)
	if err := run(tx, `DELETE FROM counted WHERE account = ?`, []byte(t.Account)); err != nil {
		return err
	}
	return each(tx, 1, func(row []any) func() error {
		var c calls.Case
		if json.Unmarshal([]byte(textOf(row[0])), &c) != nil {
			c = calls.Case{Account: t.Account}
		}
		c.Numbers, c.Countries = nil, nil
		data, err := json.Marshal(&c)
		return func() error {
			return errors.Join(err, run(tx, `UPDATE stolen SET data = ?, filed = 1 WHERE account = ?`, data, []byte(t.Account)))
		}
	}, `SELECT data FROM stolen WHERE account = ?`, []byte(t.Account))
}
