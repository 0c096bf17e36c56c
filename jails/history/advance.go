package history

import (
	"database/sql"
	"net/netip"
	"time"
)

// row is what removals read of an entry.
type row struct {
	id, at, until int64
	prefix        netip.Prefix
}

func rowsOf(tx *sql.Tx, fits string, args ...any) (list []row, err error) {
	rows, err := tx.Query("SELECT id, at, until, addr, bits FROM entries WHERE "+fits, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		var addr []byte
		var bits int
		if err := rows.Scan(&r.id, &r.at, &r.until, &addr, &bits); err != nil {
			return nil, err
		}
		ip, _ := netip.AddrFromSlice(addr)
		r.prefix = netip.PrefixFrom(ip, bits)
		list = append(list, r)
	}
	return list, rows.Err()
}

// advance calls change for each entry between a mark and a time, in steps of one transaction
// each, and moves the mark.
func (a *Archive) advance(name string, mark *int64, before time.Time, change func(*sql.Tx, *row) error) error {
	end := before.UnixNano()
	for done := false; !done; {
		a.writing.Lock()
		next := end
		err := a.write("shorten old entries of", func(tx *sql.Tx) error {
			list, err := rowsOf(tx, "at >= ? AND at < ? ORDER BY at LIMIT ?", *mark, end, step)
			if err == nil && len(list) == step {
				if next = list[step-1].at; next == *mark { // all of them are of one moment, and there may be more
					list, err = rowsOf(tx, "at = ?", next)
					next++
				}
			}
			for i := 0; i < len(list) && err == nil; i++ {
				err = change(tx, &list[i])
			}
			if err == nil {
				_, err = tx.Exec("UPDATE marks SET at = max(at, ?) WHERE name = ?", next, name)
			}
			return err
		})
		if err == nil {
			*mark = max(*mark, next)
		}
		done = err != nil || *mark >= end
		a.writing.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
