package store

import (
	"database/sql"

	"pbxjail/jails/book"
	"pbxjail/jails/home"
)

// Unfiled is what the history does not have yet.
type Unfiled struct {
	Bans   []Ended
	Alarms []home.Guessed
	upTo   int64 // the number of the last change in it
}

// Ended is a ban with its lines, and how it ended.
type Ended struct {
	Ban book.Ban
	By  string // who or what ended it before its time; "": its time ends it
}

const (
	getUnfiledBans = `SELECT ` + banColumns + `, coalesce(ended_by, ''), sum FROM bans
		WHERE id IN (SELECT ban FROM unfiled WHERE ban IS NOT NULL ORDER BY n LIMIT ?) ORDER BY id`
	getUnfiledAlarms = `SELECT addr, account, service, guesses, at FROM
		(SELECT * FROM unfiled ORDER BY n LIMIT ?) WHERE addr IS NOT NULL`
	lastUnfiled = `SELECT coalesce(max(n), 0) FROM (SELECT n FROM unfiled ORDER BY n LIMIT ?)`
)

// Unfiled returns the oldest changes that the history does not have, at most limit; Empty
// says that there are none.
func (s *Store) Unfiled(limit int) (u Unfiled, err error) {
	if err := s.handle().QueryRow(lastUnfiled, limit).Scan(&u.upTo); err != nil || u.upTo == 0 {
		return u, s.explain("read what is new in", err)
	}
	// A change that comes between these questions is in the answer, and is filed once more.
	ids := []int64{}
	var ended string
	var sum sql.NullString
	next := newBanRow(nil, &ended, &sum)
	err = s.query("read what is new in", func(row *sql.Rows) error {
		ban, err := next.read(row)
		if err == nil {
			ban.Sum, err = sumOf(sum)
		}
		if err == nil {
			u.Bans, ids = append(u.Bans, Ended{ban, ended}), append(ids, next.id)
		}
		return err
	}, getUnfiledBans, limit)
	if err != nil {
		return u, err
	}
	list := make([]*book.Ban, len(u.Bans))
	for i := range u.Bans {
		list[i] = &u.Bans[i].Ban
	}
	if err := s.addLines(list, ids); err != nil {
		return u, err
	}
	return u, s.query("read new alarms of", func(row *sql.Rows) error {
		g, ok, err := readAlarm(row)
		if ok {
			u.Alarms = append(u.Alarms, g)
		}
		return err
	}, getUnfiledAlarms, limit)
}

// News reports whether something was written since the last call, and may be unfiled. It
// reads no disk.
func (s *Store) News() bool { return s.news.Swap(false) }

// Empty reports whether nothing is to be filed.
func (u *Unfiled) Empty() bool { return u.upTo == 0 }

// Filed notes that the history has what Unfiled returned. What has changed since is still
// unfiled.
func (s *Store) Filed(u Unfiled) error {
	_, err := s.handle().Exec(`DELETE FROM unfiled WHERE n <= ?`, u.upTo)
	return s.explain("note what is filed in", err)
}
