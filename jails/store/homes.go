package store

import (
	"database/sql"
	"fmt"
	"net/netip"
	"time"

	"pbxjail/jails/home"
	"pbxjail/parsers"
)

const (
	putHome = `REPLACE INTO homes (addr, account, service, latest, witness, first, last, times) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	// When rows are written, rows beyond the limit are removed: those with the oldest last
	// log-in.
	dropHomes = `DELETE FROM homes WHERE last < (SELECT last FROM homes ORDER BY last DESC LIMIT 1 OFFSET ?)`
	getHomes  = `SELECT addr, account, service, latest, witness, first, last, times FROM homes ORDER BY last DESC LIMIT ?`

	putAlarm   = `REPLACE INTO alarms (addr, account, service, guesses, at) VALUES (?, ?, ?, ?, ?)`
	dropAlarm  = `DELETE FROM alarms WHERE addr = ? AND account = ? AND service = ?`
	dropAlarms = `DELETE FROM alarms WHERE at < (SELECT at FROM alarms ORDER BY at DESC LIMIT 1 OFFSET ?)`
	getAlarms  = `SELECT addr, account, service, guesses, at FROM alarms ORDER BY at`
)

// SaveHomes writes homes and replaces older rows of the same, all or none.
func (s *Store) SaveHomes(homes []home.Home) error {
	return s.write("write log-ins to", func(tx *sql.Tx) error {
		put, err := tx.Prepare(putHome)
		if err != nil {
			return err
		}
		for _, h := range homes {
			_, err := put.Exec(h.Addr.String(), []byte(h.Account), h.Service.String(), h.Latest.String(), h.Witness.String(), nanos(h.First), nanos(h.Last), h.Times)
			if err != nil {
				return fmt.Errorf("log-ins from %s: %w", h.Addr, err)
			}
		}
		_, err = tx.Exec(dropHomes, s.limits.homes)
		return err
	})
}

// Homes returns which account logged in from which address, the latest first, at most
// limit, and the alarms that no operator has acknowledged yet, oldest first. A row that
// cannot be read is left out.
func (s *Store) Homes(limit int) (homes []home.Home, alarms []home.Guessed, err error) {
	err = s.query("read log-ins of", func(row *sql.Rows) error {
		var h home.Home
		var addr, latest, service, witness string
		var account []byte
		var first, last int64
		if err := row.Scan(&addr, &account, &service, &latest, &witness, &first, &last, &h.Times); err != nil {
			return err
		}
		var ok bool
		h.Account, h.Witness, h.First, h.Last = string(account), channelOf(witness), timeOf(first), timeOf(last)
		h.Latest, _ = netip.ParseAddr(latest)
		if h.Addr, h.Service, ok = customerOf(addr, service); ok {
			homes = append(homes, h)
		}
		return nil
	}, getHomes, limit)
	if err != nil {
		return nil, nil, err
	}
	err = s.query("read alarms of", func(row *sql.Rows) error {
		g, ok, err := readAlarm(row)
		if ok {
			alarms = append(alarms, g)
		}
		return err
	}, getAlarms)
	return homes, alarms, err
}

// readAlarm reads addr, account, service, guesses and at of an alarm. ok is false where its
// address or its service cannot be read.
func readAlarm(row *sql.Rows) (g home.Guessed, ok bool, err error) {
	var addr, service string
	var account []byte
	var at int64
	if err := row.Scan(&addr, &account, &service, &g.Guesses, &at); err != nil {
		return g, false, err
	}
	g.Account, g.At = string(account), timeOf(at)
	g.Addr, g.Service, ok = customerOf(addr, service)
	return g, ok, nil
}

// customerOf reads what homes and alarms are known by.
func customerOf(addr, service string) (a netip.Addr, s parsers.Service, ok bool) {
	a, err := netip.ParseAddr(addr)
	s, known := parsers.ParseService(service)
	return a, s, err == nil && known
}

func channelOf(word string) parsers.Channel {
	for c := parsers.ChannelSecurity; c <= parsers.ChannelWire; c++ {
		if c.String() == word {
			return c
		}
	}
	return parsers.ChannelSecurity
}

// SaveAlarms writes alarms that are new, and removes those that were seen.
func (s *Store) SaveAlarms(changed []home.AlarmChange) error {
	return s.write("write alarms to", func(tx *sql.Tx) error {
		for _, c := range changed {
			addr, account, service := c.Addr.String(), []byte(c.Account), c.Service.String()
			var err error
			if c.Seen {
				_, err = tx.Exec(dropAlarm, addr, account, service)
			} else {
				_, err = tx.Exec(putAlarm, addr, account, service, c.Guesses, nanos(c.At))
			}
			if err != nil {
				return fmt.Errorf("alarm about %s: %w", c.Addr, err)
			}
		}
		_, err := tx.Exec(dropAlarms, s.limits.alarms)
		return err
	})
}

// Born is when the ledger began to keep log-ins: with its first start, or with the
// upgrade to a pbxjail that does.
func (s *Store) Born() (born time.Time, err error) {
	err = s.query("read the age of", func(row *sql.Rows) error {
		var at int64
		err := row.Scan(&at)
		born = timeOf(at)
		return err
	}, `SELECT at FROM marks WHERE name = 'born'`)
	return born, err
}
