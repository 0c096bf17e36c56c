package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Unwritable reports whether Open failed because nothing can be written there: the disk
// is full, mounted read-only or broken, or we may not.
func Unwritable(err error) bool {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR:
		return true
	}
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, os.ErrPermission} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// memory is the path of a ledger in memory only.
const memory = ":memory:"

// maxSpare is how large a ledger may be to be copied; the limits keep it below that.
const maxSpare = 256 << 20

// OpenSpare opens a copy of the ledger at path for a run in which path cannot be written:
// in folder, or in memory where that cannot be written either. where says which; whole is
// nil when the whole ledger was copied. Changes of this run are lost at the next boot. The
// caller must Close.
func OpenSpare(path, folder string, now time.Time) (s *Store, where string, whole, err error) {
	spare := filepath.Join(folder, "spare-"+filepath.Base(path))
	err = os.MkdirAll(folder, 0o750)
	for _, part := range []string{"", "-wal"} {
		if removed := os.Remove(spare + part); removed != nil && !errors.Is(removed, os.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	if err == nil {
		whole = errors.Join(copyFile(path, spare), copyFile(path+"-wal", spare+"-wal"))
		var notes Notes
		if s, notes, err = Open(spare, now); err == nil {
			return s, spare, errors.Join(whole, notes.Cause), nil
		}
		os.Remove(spare)
		os.Remove(spare + "-wal")
	}
	s = &Store{path: memory, limits: defaultLimits()}
	if _, err := s.open(); err != nil {
		return nil, "", nil, s.explain("open", err)
	}
	return s, "memory", fmt.Errorf("cannot copy the database to %s: %w", folder, err), nil
}

// copyFile copies a file as it is. One that is not there is none.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s cannot be copied, because it is not an ordinary file", from)
	case info.Size() > maxSpare:
		return fmt.Errorf("%s is too large to be copied: %d MB, and the limit is %d MB", from, info.Size()>>20, maxSpare>>20)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
