package history

import (
	"bytes"
	"database/sql"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"

	"pbxjail/configs/prefix"
)

// Erase removes the entries of an address, or of the addresses in a network, and what was
// tried by the name of an account when that is not "". Entries with a shortened address stay.
// Sums stay: they name no one. n is how many rows are gone.
//
// Afterwards the file is searched for the bytes, and written again when they are found: a
// page may have an old copy of a row that SQLite moved. Questions wait meanwhile, which takes
// a second for 500 MB, and a minute when the file is written again; that needs twice its space.
func (a *Archive) Erase(p netip.Prefix, account string) (n int64, err error) {
	a.writing.Lock()
	defer a.writing.Unlock()
	a.asking.Lock()
	defer a.asking.Unlock()
	var needles [][]byte
	err = a.write("erase from", func(tx *sql.Tx) error {
		if account != "" {
			needles = append(needles, []byte(account))
			result, err := tx.Exec("DELETE FROM tried WHERE number IN (0, 1) AND name = ?", []byte(account))
			if err == nil {
				n, err = result.RowsAffected()
			}
			return err
		}
		p = prefix.Unmap(p)
		if p.IsSingleIP() {
			needles = append(needles, p.Addr().AsSlice(), []byte(p.Addr().String()))
		}
		if n, err = eraseEntries(tx, p); err != nil {
			return err
		}
		return a.eraseWords(tx, p.Addr())
	})
	if err != nil {
		return n, err
	}
	return n, a.explain("write again", a.clean(needles))
}

func eraseEntries(tx *sql.Tx, p netip.Prefix) (n int64, err error) {
	first, end := p.Addr().AsSlice(), last(p).AsSlice()
	const which = "(SELECT id FROM entries WHERE addr BETWEEN ? AND ? AND length(addr) = ? AND bits >= ?)"
	for _, text := range []string{"DELETE FROM tried WHERE entry IN " + which, "DELETE FROM held WHERE entry IN " + which, "DELETE FROM entries WHERE id IN " + which} {
		result, err := tx.Exec(text, first, end, len(first), p.Bits())
		if err != nil {
			return 0, err
		}
		if n, err = result.RowsAffected(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// eraseWords takes an address out of words, such as the name of a protection that ended a ban.
func (a *Archive) eraseWords(tx *sql.Tx, addr netip.Addr) error {
	for id, word := range a.known.all() {
		if !strings.Contains(word, addr.String()) {
			continue
		}
		if _, err := tx.Exec("UPDATE words SET word = '(erased) ' || id WHERE id = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// clean closes the file, searches its bytes, and writes it again if something is found. Both
// locks are held.
func (a *Archive) clean(needles [][]byte) error {
	for written := false; ; written = true {
		if _, err := a.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			return err
		}
		// Nothing of ours has the file open: to close a second descriptor would end the locks
		// of the first (fcntl(2)).
		err := errors.Join(a.reader.Close(), a.db.Close())
		found := false
		for _, part := range []string{"", "-wal"} {
			one, failed := contains(a.path+part, needles)
			if found = found || one; failed != nil && !errors.Is(failed, os.ErrNotExist) {
				err = errors.Join(err, failed)
			}
		}
		if err := errors.Join(err, a.open()); err != nil {
			return err
		}
		// Four bytes may be there by chance: what was written again is clean.
		if !found || written {
			return nil
		}
		if _, err := a.db.Exec("VACUUM"); err != nil {
			return err
		}
	}
}

// contains reports whether a file has one of the needles.
func contains(path string, needles [][]byte) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	longest := 0
	for _, n := range needles {
		longest = max(longest, len(n))
	}
	buf, kept := make([]byte, 1<<20), 0
	for {
		n, err := f.Read(buf[kept:])
		for _, needle := range needles {
			if bytes.Contains(buf[:kept+n], needle) {
				return true, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		keep := min(longest, kept+n)
		copy(buf, buf[kept+n-keep:kept+n])
		kept = keep
	}
}
