package history

import (
	"database/sql"
	"time"
)

// step is how many entries one transaction changes, so that others can write in between.
const step = 500

// Trimmed is what a removal of old entries did.
type Trimmed struct {
	Entries int64
	Oldest  time.Time // the oldest that is left; zero: none
}

// running is the condition for what may go: bans that are over at a time.
const running = "until <= ?"

// TrimBefore removes entries that began before a time, except bans that run at now. It works
// in small steps.
func (a *Archive) TrimBefore(before, now time.Time) (n int64, err error) {
	for {
		done, err := a.removeOldest("at < ? AND "+running, before.UnixNano(), now.UnixNano())
		if n += done; err != nil || done < step {
			return n, err
		}
	}
}

// removeOldest removes at most step of the oldest entries that fit.
func (a *Archive) removeOldest(fits string, args ...any) (n int64, err error) {
	a.writing.Lock()
	defer a.writing.Unlock()
	err = a.write("remove old entries from", func(tx *sql.Tx) error {
		which := "(SELECT id FROM entries WHERE " + fits + " ORDER BY at LIMIT ?)"
		args := append(args, step)
		if _, err := tx.Exec("DELETE FROM tried WHERE entry IN "+which, args...); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM held WHERE entry IN "+which, args...); err != nil {
			return err
		}
		result, err := tx.Exec("DELETE FROM entries WHERE id IN "+which, args...)
		if err == nil {
			n, err = result.RowsAffected()
		}
		return err
	})
	if err == nil && n > 0 {
		err = a.giveBack()
	}
	return n, err
}

// giveBack gives free pages back to the disk, a few at a time. writing is held.
func (a *Archive) giveBack() error {
	_, err := a.db.Exec("PRAGMA incremental_vacuum(500)")
	return a.explain("shorten", err)
}

// TrimHours removes sums of before a time.
func (a *Archive) TrimHours(before time.Time) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	return a.write("remove old sums from", func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM hours WHERE hour < ?", before.UnixNano()/hour)
		return err
	})
}

// Shorten replaces the addresses of entries that began before a time by their /24 or /48. A
// ban that runs at now keeps its address until it is over.
func (a *Archive) Shorten(before, now time.Time) error {
	err := a.advance("shortened", &a.shortened, before, func(tx *sql.Tx, e *row) error { return shorten(tx, e, now) })
	if err != nil {
		return err
	}
	return a.free(now)
}

func shorten(tx *sql.Tx, e *row, now time.Time) error {
	p, changed := shortened(e.prefix)
	switch {
	case !changed:
		_, err := tx.Exec("DELETE FROM held WHERE entry = ?", e.id)
		return err
	case e.until > now.UnixNano():
		_, err := tx.Exec(holdEntry, e.id)
		return err
	}
	if _, err := tx.Exec("UPDATE entries SET addr = ?, bits = ?, short = 1 WHERE id = ?", p.Addr().AsSlice(), p.Bits(), e.id); err != nil {
		return err
	}
	_, err := tx.Exec("DELETE FROM held WHERE entry = ?", e.id)
	return err
}

// free shortens the entries that were held back and are over at now.
func (a *Archive) free(now time.Time) error {
	for left := step; left == step; {
		a.writing.Lock()
		err := a.write("shorten addresses of", func(tx *sql.Tx) error {
			list, err := rowsOf(tx, "id IN (SELECT entry FROM held) AND until <= ? LIMIT ?", now.UnixNano(), step)
			left = len(list)
			for i := 0; i < len(list) && err == nil; i++ {
				err = shorten(tx, &list[i], now)
			}
			return err
		})
		a.writing.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// DropNumbers removes what was dialled from entries that began before a time.
func (a *Archive) DropNumbers(before time.Time) error {
	return a.advance("numbers", &a.dropped, before, func(tx *sql.Tx, e *row) error {
		_, err := tx.Exec("DELETE FROM tried WHERE entry = ? AND number = 1", e.id)
		return err
	})
}

// Size is how many bytes the entries take, without free pages.
func (a *Archive) Size() (bytes int64, err error) {
	var pages, free, page int64
	for question, answer := range map[string]*int64{"PRAGMA page_count": &pages, "PRAGMA freelist_count": &free, "PRAGMA page_size": &page} {
		if err := a.db.QueryRow(question).Scan(answer); err != nil {
			return 0, a.explain("measure", err)
		}
	}
	return (pages - free) * page, nil
}

// TrimTo removes the oldest entries, except bans that run at now, until the entries take no
// more than so many bytes. It works in small steps.
func (a *Archive) TrimTo(most int64, now time.Time) (t Trimmed, err error) {
	for {
		size, err := a.Size()
		if err != nil {
			return t, err
		}
		done := int64(0)
		if size > most {
			if done, err = a.removeOldest(running, now.UnixNano()); err != nil {
				return t, err
			}
		}
		if t.Entries += done; done == 0 {
			break
		}
	}
	if t.Entries > 0 {
		t.Oldest, err = a.oldest()
	}
	return t, err
}

// oldest is the beginning of the oldest entry; zero: there is none.
func (a *Archive) oldest() (time.Time, error) {
	var at sql.NullInt64
	if err := a.db.QueryRow("SELECT min(at) FROM entries").Scan(&at); err != nil || !at.Valid {
		return time.Time{}, a.explain("read", err)
	}
	return time.Unix(0, at.Int64).UTC(), nil
}
